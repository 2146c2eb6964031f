"""Findings about the deployment as the network sees it: the effects of proxies, headers and URLs on its responses."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from ...protocol.redirect_uri import LOOPBACK_HOSTS
from .answer import Answer
from .finding import Finding, error, note, warning

SMALL_SKEW = timedelta(seconds=10)
GREAT_SKEW = timedelta(seconds=60)
SHORTEST_HSTS = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """
    The responses to a round of requests. Redirects were not followed.

    Args:
        url: the requested URL, without a trailing slash.
        issuer: the setting of this process; "" if it is not set.
        pairs: by path, the responses with and without its trailing slash.
        bearer: of /userinfo/, to an invalid token.
        sign_in: of the login page's own form, submitted empty as a browser would.
        plain: of the same host over http; None if the url is http itself.
        metrics: of /metrics/, to a request without its secret.
    """

    url: str
    issuer: str
    metadata: Answer
    pairs: Mapping[str, tuple[Answer, Answer]]
    bearer: Answer
    login: Answer
    sign_in: Answer
    plain: Answer | None
    readiness: Answer
    metrics: Answer

    @property
    def is_https(self) -> bool:
        return self.url.startswith("https:")


def findings(outside: Outside) -> Iterator[Finding]:
    """Judge the responses. If the deployment cannot be reached, or only by https, that is the only finding."""
    if fault := outside.metadata.fault:
        yield error(
            "unreachable",
            f"The deployment does not respond: {fault}.",
            why="Apps and users cannot reach it.",
            remedy="Check that the server is running, that its name resolves, and that its certificate is valid.",
            about=outside.metadata.url,
        )
        return
    if not outside.is_https and _is_same(outside.login.header("Location"), f"https:{outside.login.url[5:]}"):
        yield error(
            "http-redirects",
            "The URL uses http, and the server redirects all requests to https.",
            why="Nothing else could be checked.",
            remedy="Run oauth_doctor again with the https URL of the deployment.",
            about=outside.login.url,
        )
        return
    yield from _of_identity(outside)
    yield from _of_transport(outside)
    yield from _of_slashes(outside)
    yield from _of_refusals(outside)
    yield from _of_pages(outside)
    yield from _of_clock(outside)
    yield from _of_readiness(outside)
    yield from _of_metrics(outside)


def _of_identity(outside: Outside) -> Iterator[Finding]:
    metadata = outside.metadata.members()
    said = metadata.get("issuer")
    if outside.metadata.status != 200 or not isinstance(said, str):
        yield error(
            "no-metadata",
            f"The metadata cannot be read: status {outside.metadata.status}.",
            why="Apps that configure themselves from the metadata cannot do so (RFC 8414 section 3).",
            remedy="Include oauth_service.urls or oauth_service.well_known at the root of the URLs, "
            "and configure the proxy to forward /.well-known/.",
            about=outside.metadata.url,
        )
        return
    if said != outside.url:
        yield error(
            "issuer-differs",
            f"The metadata names the issuer {said}, but its URL is {outside.url}.",
            why="Apps must refuse metadata if its issuer differs from the URL that they used (RFC 8414 section 3.3).",
            remedy="Set OAUTH_SERVICE_ISSUER to the URL that apps use, and use that URL everywhere.",
            about=outside.metadata.url,
        )
    if outside.issuer and outside.issuer != said:
        yield error(
            "another-deployment",
            f"The issuer of this process is {outside.issuer}, but the deployment at the URL has {said}.",
            why="The two have different settings. One may not accept the tokens of the other.",
            remedy="Run oauth_doctor with the settings of the deployment at that URL.",
        )
    strays = sorted(
        name for name, value in metadata.items() if name.endswith("_endpoint") and not _is_beside(value, said)
    )
    if strays:
        yield error(
            "endpoints-elsewhere",
            f"The metadata has endpoints on another host than the issuer's: {', '.join(strays)}.",
            why="Apps send codes and secrets to these endpoints.",
            remedy="Set OAUTH_SERVICE_ISSUER, or configure the proxy to forward the Host header.",
            about=outside.metadata.url,
        )


def _of_transport(outside: Outside) -> Iterator[Finding]:
    host = urlsplit(outside.url).hostname
    if not outside.is_https:
        if host in LOOPBACK_HOSTS:
            yield note(
                "http-at-home",
                "The URL uses http on this machine.",
                why="Checks that need https were skipped: cookies, HSTS and the headers of the proxy.",
                remedy="Run oauth_doctor again with the https URL of the deployment.",
            )
        else:
            yield error(
                "no-https",
                "The URL uses http.",
                why="Others on the network can read passwords, codes and tokens (RFC 6749 sections 3.1 and 3.2).",
                remedy="Set up TLS, for example at a proxy, and run oauth_doctor with the https URL.",
            )
        return
    if outside.login.is_redirect and _is_same(outside.login.header("Location"), outside.login.url):
        yield error(
            "https-unseen",
            "A page redirects to itself.",
            why="The server does not know that the request used https, and redirects it again and again.",
            remedy="Configure the proxy to send X-Forwarded-Proto, and set SECURE_PROXY_SSL_HEADER "
            "(TRUSTED_PROXIES of the shipped site).",
            about=outside.login.url,
        )
        return
    if outside.sign_in.status == 403:
        yield error(
            "https-unseen",
            "The server refuses its own login form.",
            why="The server does not know that the request used https, or gets the wrong Host header. "
            "The Origin header of browsers then never matches, and no user can sign in.",
            remedy="Configure the proxy to send X-Forwarded-Proto and Host, and set SECURE_PROXY_SSL_HEADER "
            "(TRUSTED_PROXIES of the shipped site).",
            about=outside.sign_in.url,
        )
    if _seconds_of_hsts(outside.login) < SHORTEST_HSTS.total_seconds():
        yield warning(
            "no-hsts",
            "Strict-Transport-Security is missing or shorter than 30 days.",
            why="A browser may send its first request by http, and an attacker on the network can answer it.",
            remedy="Set SECURE_HSTS_SECONDS. Django sends this header by https only: if the setting is set, "
            "check that the proxy sends X-Forwarded-Proto.",
            about=outside.login.url,
        )
    if outside.plain and outside.plain.status and not _leads_to_https(outside.plain):
        yield warning(
            "http-answered",
            f"The same address also responds by http, with status {outside.plain.status}.",
            why="A link that starts with http: opens the page without TLS.",
            remedy="Configure the proxy to redirect to https, or set SECURE_SSL_REDIRECT.",
            about=outside.plain.url,
        )


def _of_slashes(outside: Outside) -> Iterator[Finding]:
    for path, (slashed, unslashed) in outside.pairs.items():
        for answer in (slashed, unslashed):
            if answer.is_redirect:
                yield error(
                    "endpoint-redirects",
                    f"A {answer.method} request is redirected to {answer.header('Location')}.",
                    why="A redirected POST loses its body, and clients do not follow redirects with a secret.",
                    remedy="Configure the proxy and the middleware not to add or remove the slash. Both URLs work as they are.",
                    about=answer.url,
                )
        if slashed.status != unslashed.status and not (slashed.is_redirect or unslashed.is_redirect):
            yield error(
                "slash-matters",
                f"{path} responds with status {slashed.status}, but without the slash with {unslashed.status}.",
                why="Apps use both URLs.",
                remedy="Include oauth_service.urls without changes, and route both URLs to the server.",
                about=slashed.url,
            )


def _of_refusals(outside: Outside) -> Iterator[Finding]:
    for slashed, _unslashed in outside.pairs.values():
        if slashed.is_redirect or (slashed.media_type == "text/html" and slashed.status < 500 and _is_page(slashed)):
            continue
        if slashed.status >= 500 or not slashed.status:
            yield error(
                "server-fails",
                f"{slashed.method} fails: {f'status {slashed.status}' if slashed.status else slashed.fault}.",
                why="The server should have refused this invalid request with an OAuth error.",
                remedy="Look up the reference of the response in the log oauth_service.refused.",
                about=slashed.url,
            )
        elif slashed.media_type != "application/json" or "error_description" not in slashed.members():
            yield error(
                "refusal-replaced",
                f"The body of an error with status {slashed.status} is not the server's JSON.",
                why="Apps read the reason of the error from this JSON (RFC 6749 section 5.2).",
                remedy="Configure the proxy to forward the bodies of 4xx responses, instead of its own error pages.",
                about=slashed.url,
            )
        elif "no-store" not in slashed.header("Cache-Control"):
            yield error(
                "answers-cached",
                "Caches may store responses that contain tokens: Cache-Control has no no-store.",
                why="Tokens could then be read from a cache (RFC 6749 section 5.1).",
                remedy="Configure the proxy not to change Cache-Control.",
                about=slashed.url,
            )
    challenge = outside.bearer.header("WWW-Authenticate")
    if outside.bearer.status == 401 and not challenge:
        yield error(
            "challenge-lost",
            "A response with status 401 has no WWW-Authenticate header.",
            why="Apps do not learn that they should refresh their token (RFC 6750 section 3).",
            remedy="Configure the proxy to forward this header.",
            about=outside.bearer.url,
        )
    elif outside.bearer.status == 401 and "invalid_token" not in challenge:
        yield error(
            "authorization-lost",
            "The Authorization header does not reach the server.",
            why="Clients send access tokens and HTTP Basic credentials in this header.",
            remedy="Configure the proxy to forward this header (Apache with mod_wsgi: WSGIPassAuthorization On).",
            about=outside.bearer.url,
        )


def _of_pages(outside: Outside) -> Iterator[Finding]:
    login = outside.login
    if login.is_redirect:
        return
    if login.status != 200:
        yield error(
            "no-login",
            f"The login page does not work: {f'status {login.status}' if login.status else login.fault}.",
            why="Users cannot sign in, so they cannot allow an app anything.",
            remedy="Check that LOGIN_URL is the URL of a login page.",
            about=login.url,
        )
        return
    policy = login.header("Content-Security-Policy")
    if missing := [part for part in ("default-src", "frame-ancestors") if part not in policy]:
        yield warning(
            "csp-missing",
            f"The login page's Content-Security-Policy lacks {' and '.join(missing)}.",
            why="Injected scripts can run on the page, or other sites can show it in a frame.",
            remedy="Configure the proxy not to change the header. If the login page is your own, send such a header with it.",
            about=login.url,
        )
    elif "unsafe-inline" in policy or "unsafe-eval" in policy:
        yield warning(
            "csp-weak",
            "The login page's Content-Security-Policy allows inline code.",
            why="An injected script can run on the page and read the password.",
            remedy="Move the scripts and styles of the page into files.",
            about=login.url,
        )
    for cookie in login.headers_of("Set-Cookie"):
        yield from _of_cookie(cookie, login.url, is_https=outside.is_https)


def _of_cookie(cookie: str, url: str, *, is_https: bool) -> Iterator[Finding]:
    name = cookie.partition("=")[0]
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    if is_https and "secure" not in attributes:
        yield error(
            "cookie-insecure",
            f"The cookie {name} is not Secure.",
            why="Browsers also send it by http, and an attacker on the network can read and replace it.",
            remedy="Set SESSION_COOKIE_SECURE and CSRF_COOKIE_SECURE.",
            about=url,
        )
    if not attributes & {"samesite=lax", "samesite=strict"}:
        yield warning(
            "cookie-everywhere",
            f"Browsers send the cookie {name} with requests from other sites.",
            why="A form on another site is submitted as the signed-in user. Only the CSRF check prevents that.",
            remedy='Set SESSION_COOKIE_SAMESITE and CSRF_COOKIE_SAMESITE to "Lax".',
            about=url,
        )


def _of_clock(outside: Outside) -> Iterator[Finding]:
    try:
        theirs = parsedate_to_datetime(outside.metadata.header("Date"))
        skew = abs(theirs - outside.metadata.at)
    except (TypeError, ValueError):
        return  # no Date header, or one without a time zone: nothing to compare
    if skew > SMALL_SKEW:
        found = error if skew > GREAT_SKEW else warning
        yield found(
            "clock",
            f"The clocks of the server and of this machine differ by {skew.total_seconds():.0f} seconds.",
            why="Codes are valid for only a minute, and apps compare the times in tokens with their own clocks.",
            remedy="Synchronise the clocks with NTP.",
            about=outside.metadata.url,
        )


def _of_readiness(outside: Outside) -> Iterator[Finding]:
    if outside.readiness.status == 503:
        missing = outside.readiness.members().get("missing")
        names = ", ".join(str(name) for name in missing) if isinstance(missing, list) else "/readyz gives no reason"
        yield error(
            "not-ready",
            f"The server is not ready: {names}.",
            why="The server responds, but some requests fail.",
            remedy="Correct what the message names. /readyz then responds with status 200 again.",
            about=outside.readiness.url,
        )


def _of_metrics(outside: Outside) -> Iterator[Finding]:
    if outside.metrics.status == 200 and b"oauth_service_" in outside.metrics.body:
        yield warning(
            "metrics-open",
            "This machine can read the metrics without a secret.",
            why="The metrics show how many users sign in, and how many requests fail or are replayed. "
            "If a proxy sends no X-Forwarded-For, everyone can read them.",
            remedy="If METRICS_ADDRESSES lists this machine on purpose, you need not do anything. Otherwise set METRICS_SECRET "
            "instead, or configure the proxy to send X-Forwarded-For or not to forward /metrics/.",
            about=outside.metrics.url,
        )


def _is_page(answer: Answer) -> bool:
    # The server's own page at /authorise/ has this header; a proxy's error page does not.
    return "default-src" in answer.header("Content-Security-Policy")


def _is_beside(value: object, issuer: str) -> bool:
    """Return whether the URL has the same origin; its path may differ."""
    return isinstance(value, str) and urlsplit(value)[:2] == urlsplit(issuer)[:2]


def _is_same(location: str, url: str) -> bool:
    here, there = urlsplit(url), urlsplit(location)
    return (there.scheme or here.scheme, there.netloc or here.netloc, there.path) == (
        here.scheme,
        here.netloc,
        here.path,
    )


def _leads_to_https(answer: Answer) -> bool:
    return answer.is_redirect and answer.header("Location").startswith("https:")


def _seconds_of_hsts(answer: Answer) -> int:
    found = re.search(r"max-age=\"?(\d+)", answer.header("Strict-Transport-Security"))
    return int(found[1]) if found else 0
