"""A round of requests to a deployment. They change nothing: the token is invalid, and the login form is empty."""

import http.client
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urljoin, urlsplit

from .answer import Answer
from .outside import Outside

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
LONGEST_BODY = 65_536
# Each of these refuses an empty request in a way of its own, and does nothing.
ENDPOINTS = {"/token/": "POST", "/oauth/revoke/": "POST", "/userinfo/": "GET", "/authorise/": "GET"}


def survey(url: str, *, issuer: str, login_url: str, timeout: float) -> Outside:
    """
    Send every request that the rules need.

    Args:
        url: of the deployment, without a trailing slash.
        login_url: a path, or a full URL if users sign in elsewhere.
        timeout: for each request, in seconds.
    """

    metadata = send("GET", _metadata_url(url), {}, None, timeout=timeout)
    base = _base(metadata, url)

    def ask(method: str, path: str, **headers: str) -> Answer:
        body = "" if method == "POST" else None
        return send(method, base + path, {**(FORM if method == "POST" else {}), **headers}, body, timeout=timeout)

    login = send("GET", urljoin(f"{url}/", login_url), {}, None, timeout=timeout)
    return Outside(
        url=url,
        issuer=issuer,
        metadata=metadata,
        pairs={path: (ask(method, path), ask(method, path.rstrip("/"))) for path, method in ENDPOINTS.items()},
        bearer=ask("GET", "/userinfo/", Authorization="Bearer AT_oauth_doctor"),
        login=login,
        sign_in=_sign_in(login, timeout=timeout),
        plain=_plain(login.url, timeout=timeout) if url.startswith("https:") else None,
        readiness=ask("GET", "/readyz"),
        metrics=ask("GET", "/metrics/"),
    )


def _metadata_url(url: str) -> str:
    """Return the URL of the issuer's metadata: the issuer's path comes last (RFC 8414 section 3.1)."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{parts.path}"


def _base(metadata: Answer, url: str) -> str:
    """Return the URL that the endpoints are below: a project may include them under a prefix."""
    endpoint = metadata.members().get("token_endpoint")
    if isinstance(endpoint, str) and urlsplit(endpoint)[:2] == urlsplit(url)[:2] and endpoint.endswith("/token/"):
        return endpoint.removesuffix("/token/")
    return url


def send(method: str, url: str, headers: Mapping[str, str], body: str | None, *, timeout: float) -> Answer:
    """Send one request without following redirects. A failure is described in the fault of the answer."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        connection = kind(parts.hostname or "", parts.port, timeout=timeout)
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request(method, target, body, dict(headers))
            response = connection.getresponse()
            return Answer(
                method=method,
                url=url,
                at=datetime.now(UTC),
                status=response.status,
                headers=tuple(response.getheaders()),
                body=response.read(LONGEST_BODY),
            )
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as fault:
        return Answer(method=method, url=url, at=datetime.now(UTC), fault=str(fault) or type(fault).__name__)


def _sign_in(login: Answer, *, timeout: float) -> Answer:
    """Submit the login form as a browser does, without a name and a password, which does not count as an attempt."""
    parts = urlsplit(login.url)
    cookies = dict(_cookies(login))
    token = next((value for name, value in cookies.items() if "csrf" in name.lower()), "")
    headers = {
        **FORM,
        "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
        "Origin": f"{parts.scheme}://{parts.netloc}",
        "Referer": login.url,
    }
    return send("POST", login.url, headers, urlencode({"csrfmiddlewaretoken": token}), timeout=timeout)


def _plain(url: str, *, timeout: float) -> Answer:
    parts = urlsplit(url)
    return send("GET", f"http://{parts.hostname}{parts.path}", {}, None, timeout=timeout)


def _cookies(answer: Answer) -> Iterator[tuple[str, str]]:
    for text in answer.headers_of("Set-Cookie"):
        for name, morsel in SimpleCookie(text).items():
            yield name, morsel.value
