"""A round of requests to a deployment. Nothing is changed by them: the token is none, and the login form is empty."""

import http.client
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urljoin, urlsplit

from .answer import Answer
from .outside import Outside

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
LONGEST_BODY = 65_536
# Each refuses an empty request in a way of its own, and does nothing.
ENDPOINTS = {"/token/": "POST", "/oauth/revoke/": "POST", "/userinfo/": "GET", "/authorise/": "GET"}


def survey(url: str, *, issuer: str, login_url: str, timeout: float) -> Outside:
    """
    Ask all that the rules want to know.

    Args:
        url: of the deployment, without a trailing slash.
        login_url: a path, or a URL if people sign in elsewhere.
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
    """Where clients look for the metadata of an issuer: its path comes last (RFC 8414 section 3.1)."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{parts.path}"


def _base(metadata: Answer, url: str) -> str:
    """Under which URL the endpoints are: a project may include them under a prefix."""
    endpoint = metadata.members().get("token_endpoint")
    if isinstance(endpoint, str) and urlsplit(endpoint)[:2] == urlsplit(url)[:2] and endpoint.endswith("/token/"):
        return endpoint.removesuffix("/token/")
    return url


def send(method: str, url: str, headers: Mapping[str, str], body: str | None, *, timeout: float) -> Answer:
    """Send one request and follow no redirect; what goes wrong on the way stands in the answer's fault."""
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
    """The login form as a browser sends it, without a name and a password: no attempt to sign in."""
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
