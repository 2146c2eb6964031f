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
    """Judge the responses. If the deployment cannot be reached, that is the only finding."""
    if fault := outside.metadata.fault:
        yield error(
            "unreachable",
            f"It does not answer: {fault}.",
            why="No app and no person can reach it.",
            remedy="See that the server runs, that its name resolves, and that its certificate is valid.",
            about=outside.metadata.url,
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
            f"The metadata is not there: status {outside.metadata.status}.",
            why="Apps that configure themselves find nothing (RFC 8414 section 3).",
            remedy="Include oauth_service.urls or oauth_service.well_known at the root, and let the proxy pass /.well-known/ on.",
            about=outside.metadata.url,
        )
        return
    if said != outside.url:
        yield error(
            "issuer-differs",
            f"The metadata names the issuer {said}, but was found at {outside.url}.",
            why="Apps must refuse metadata whose issuer is not where they found it (RFC 8414 section 3.3).",
            remedy="Set OAUTH_SERVICE_ISSUER to the URL that apps use, and use that URL everywhere.",
            about=outside.metadata.url,
        )
    if outside.issuer and outside.issuer != said:
        yield error(
            "another-deployment",
            f"This process has the issuer {outside.issuer}, the one that answered has {said}.",
            why="They do not share their settings: tokens of one may be worth nothing to the other.",
            remedy="Run oauth_doctor with the settings of the deployment at that URL.",
        )
    strays = sorted(
        name for name, value in metadata.items() if name.endswith("_endpoint") and not _is_beside(value, said)
    )
    if strays:
        yield error(
            "endpoints-elsewhere",
            f"{', '.join(strays)} of the metadata lead away from the issuer.",
            why="Apps send codes and secrets there.",
            remedy="Set OAUTH_SERVICE_ISSUER, or let the proxy pass the Host header on.",
            about=outside.metadata.url,
        )


def _of_transport(outside: Outside) -> Iterator[Finding]:
    host = urlsplit(outside.url).hostname
    if not outside.is_https:
        if host in LOOPBACK_HOSTS:
            yield note(
                "http-at-home",
                "It is asked by http, on this machine.",
                why="What only https shows was not looked at: cookies, HSTS, what the proxy says.",
                remedy="Run it again with the https URL of the deployment.",
            )
        else:
            yield error(
                "no-https",
                "It is asked by http.",
                why="Passwords, codes and tokens can be read on the way (RFC 6749 section 3.1 and 3.2).",
                remedy="Put TLS in front of it, and give oauth_doctor the https URL.",
            )
        return
    if outside.login.is_redirect and _is_same(outside.login.header("Location"), outside.login.url):
        yield error(
            "https-unseen",
            "A page redirects to itself.",
            why="The server does not see that the request came by https, and sends it there again and again.",
            remedy="Let the proxy set X-Forwarded-Proto, and name it in SECURE_PROXY_SSL_HEADER or TRUSTED_PROXIES.",
            about=outside.login.url,
        )
        return
    if outside.sign_in.status == 403:
        yield error(
            "https-unseen",
            "The form of the login page is refused although it is the server's own.",
            why="The server does not see https or the right host: no Origin of a browser matches, and nobody can sign in.",
            remedy="Let the proxy set X-Forwarded-Proto and Host, and let Django believe it.",
            about=outside.sign_in.url,
        )
    if _seconds_of_hsts(outside.login) < SHORTEST_HSTS.total_seconds():
        yield warning(
            "no-hsts",
            "Strict-Transport-Security is missing or shorter than 30 days.",
            why="A browser's first request may go by http, where anybody on the way can answer. Django sends it by https only.",
            remedy="Set SECURE_HSTS_SECONDS; if it is set, the server does not see https: see the proxy's X-Forwarded-Proto.",
            about=outside.login.url,
        )
    if outside.plain and outside.plain.status and not _leads_to_https(outside.plain):
        yield warning(
            "http-answered",
            f"The same address answers by http: status {outside.plain.status}.",
            why="A link with http: shows the page without TLS.",
            remedy="Let the proxy redirect to https, or set SECURE_SSL_REDIRECT.",
            about=outside.plain.url,
        )


def _of_slashes(outside: Outside) -> Iterator[Finding]:
    for path, (slashed, unslashed) in outside.pairs.items():
        for answer in (slashed, unslashed):
            if answer.is_redirect:
                yield error(
                    "endpoint-redirects",
                    f"{answer.method} is redirected to {answer.header('Location')}.",
                    why="A redirected POST loses its body, and clients do not follow one with a secret.",
                    remedy="Let neither proxy nor middleware change the slash: both forms answer by themselves.",
                    about=answer.url,
                )
        if slashed.status != unslashed.status and not (slashed.is_redirect or unslashed.is_redirect):
            yield error(
                "slash-matters",
                f"{path} answers {slashed.status}, without its slash {unslashed.status}.",
                why="Apps use either.",
                remedy="Include oauth_service.urls as they are, and route both forms to the server.",
                about=slashed.url,
            )


def _of_refusals(outside: Outside) -> Iterator[Finding]:
    for slashed, _unslashed in outside.pairs.values():
        if slashed.is_redirect or (slashed.media_type == "text/html" and slashed.status < 500 and _is_page(slashed)):
            continue
        if slashed.status >= 500 or not slashed.status:
            yield error(
                "server-fails",
                f"{slashed.method} answers {slashed.status or slashed.fault}.",
                why="The server fails where it should refuse.",
                remedy="Look the reference up in the log oauth_service.refused.",
                about=slashed.url,
            )
        elif slashed.media_type != "application/json" or "error_description" not in slashed.members():
            yield error(
                "refusal-replaced",
                f"A refusal with status {slashed.status} is not the server's JSON.",
                why="Apps read why they were refused from it (RFC 6749 section 5.2).",
                remedy="Let the proxy pass on the bodies of 4xx answers: no error pages of its own.",
                about=slashed.url,
            )
        elif "no-store" not in slashed.header("Cache-Control"):
            yield error(
                "answers-cached",
                "Answers of the token endpoint may be kept: Cache-Control has no no-store.",
                why="Tokens would stand in a cache (RFC 6749 section 5.1).",
                remedy="Let the proxy leave Cache-Control as it is.",
                about=slashed.url,
            )
    challenge = outside.bearer.header("WWW-Authenticate")
    if outside.bearer.status == 401 and not challenge:
        yield error(
            "challenge-lost",
            "A 401 carries no WWW-Authenticate.",
            why="Apps do not learn that they should refresh (RFC 6750 section 3).",
            remedy="Let the proxy pass the header on.",
            about=outside.bearer.url,
        )
    elif outside.bearer.status == 401 and "invalid_token" not in challenge:
        yield error(
            "authorization-lost",
            "The Authorization header does not reach the server.",
            why="Access tokens and HTTP Basic travel in it.",
            remedy="Let the proxy pass it on (Apache with mod_wsgi: WSGIPassAuthorization On).",
            about=outside.bearer.url,
        )


def _of_pages(outside: Outside) -> Iterator[Finding]:
    login = outside.login
    if login.is_redirect:
        return
    if login.status != 200:
        yield error(
            "no-login",
            f"The login page answers {login.status or login.fault}.",
            why="Nobody can sign in, and so nobody can allow anything.",
            remedy="See where LOGIN_URL leads.",
            about=login.url,
        )
        return
    policy = login.header("Content-Security-Policy")
    if missing := [part for part in ("default-src", "frame-ancestors") if part not in policy]:
        yield warning(
            "csp-missing",
            f"The login page's Content-Security-Policy lacks {' and '.join(missing)}.",
            why="Injected scripts would run there, and other sites could frame it.",
            remedy="Let the proxy leave the header as it is; a login page of your own needs one like it.",
            about=login.url,
        )
    elif "unsafe-inline" in policy or "unsafe-eval" in policy:
        yield warning(
            "csp-weak",
            "The login page's Content-Security-Policy allows inline code.",
            why="An injected script would run beside the password.",
            remedy="Keep scripts and styles of the page in files.",
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
            why="It travels by http too, where it can be read and replaced.",
            remedy="Set SESSION_COOKIE_SECURE and CSRF_COOKIE_SECURE.",
            about=url,
        )
    if not attributes & {"samesite=lax", "samesite=strict"}:
        yield warning(
            "cookie-everywhere",
            f"The cookie {name} is sent along with the requests of other sites.",
            why="Only the CSRF check stands between their forms and a person's session.",
            remedy='Leave SESSION_COOKIE_SAMESITE and CSRF_COOKIE_SAMESITE at "Lax".',
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
            f"The server's clock and this machine's are {skew.total_seconds():.0f} seconds apart.",
            why="Codes live for a minute only; apps hold tokens to their own clock.",
            remedy="Let the machines keep time by NTP.",
            about=outside.metadata.url,
        )


def _of_readiness(outside: Outside) -> Iterator[Finding]:
    if outside.readiness.status == 503:
        missing = outside.readiness.members().get("missing")
        names = ", ".join(str(name) for name in missing) if isinstance(missing, list) else "it does not say what"
        yield error(
            "not-ready",
            f"The server is not ready: {names}.",
            why="It answers, but cannot do its work.",
            remedy="Mend what it names; /readyz turns to 200 by itself.",
            about=outside.readiness.url,
        )


def _of_metrics(outside: Outside) -> Iterator[Finding]:
    if outside.metrics.status == 200 and b"oauth_service_" in outside.metrics.body:
        yield warning(
            "metrics-open",
            "Its metrics are shown to this machine, without a secret.",
            why="They tell how many sign in, fail and replay. A proxy that sends no X-Forwarded-For shows them to everybody.",
            remedy="Unless METRICS_ADDRESSES means this machine: set METRICS_SECRET instead, let the proxy send "
            "X-Forwarded-For, or let it not pass /metrics/ on.",
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
