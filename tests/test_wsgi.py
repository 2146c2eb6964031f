"""The fast path (oauth_service.wsgi): the same responses as through Django, and the same requests refused."""

import json
from collections.abc import Callable
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import LazySettings
from django.core.handlers.wsgi import WSGIRequest
from django.db import connections
from django.test import Client as Browser

from oauth_service import wsgi
from oauth_service.wsgi import Direct
from tests.database import ALIAS
from tests.entry import Handler, Program
from tests.guide import FORM, JSON, SECRET, Guide

CREDENTIALS = {"client_id": "presc_man_123", "client_secret": SECRET}
MIDDLEWARE_HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
UNREADABLE = "text/plain; x*=nothing'en'%41"  # RFC 2231, with an encoding that does not exist
DIFFERENT_EACH_TIME = ("access_token", "refresh_token", "reference", "iat", "exp", "jti")

Send = Callable[[Browser, dict[str, Any]], Any]


def post(path: str, **form: str) -> Send:
    """Return a function that POSTs a form, in which a value in braces names a token."""
    return lambda program, tokens: program.post(
        path, urlencode({name: value.format(**tokens) for name, value in form.items()}), content_type=FORM
    )


def own_token(program: Browser) -> str:
    """Return a token that the client has for itself."""
    form = {"grant_type": "client_credentials", **CREDENTIALS}
    return str(program.post("/token/", urlencode(form), content_type=FORM).json()["access_token"])


REQUESTS: dict[str, Send] = {
    "refresh": post("/token/", grant_type="refresh_token", refresh_token="{refresh_token}", **CREDENTIALS),
    "refresh, no slash": post("/token", grant_type="refresh_token", refresh_token="{refresh_token}", **CREDENTIALS),
    "wrong secret": post("/token/", grant_type="refresh_token", client_id="presc_man_123", client_secret="wrong"),
    "no grant type": post("/token/", **CREDENTIALS),
    "in JSON": lambda program, tokens: program.post("/token/", json.dumps(CREDENTIALS), content_type=JSON),
    "not JSON": lambda program, tokens: program.post("/token/", "{", content_type=JSON),
    "another type": lambda program, tokens: program.post("/token/", "x", content_type="text/plain"),
    "too long": lambda program, tokens: program.post("/token/", "x" * 70_000, content_type=FORM),
    "a secret in the URL": lambda program, tokens: program.post("/token/?client_secret=x", "", content_type=FORM),
    "GET of the token endpoint": lambda program, tokens: program.get("/token/"),
    "preflight": lambda program, tokens: program.options("/token/"),
    "userinfo": lambda program, tokens: program.get(
        "/userinfo/", headers={"Authorization": f"Bearer {tokens['access_token']}"}
    ),
    "userinfo, no slash": lambda program, tokens: program.get(
        "/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}
    ),
    "userinfo, no token": lambda program, tokens: program.get("/userinfo/"),
    "userinfo, HEAD": lambda program, tokens: program.head(
        "/userinfo/", headers={"Authorization": f"Bearer {tokens['access_token']}"}
    ),
    "client credentials": post("/token/", grant_type="client_credentials", **CREDENTIALS),
    "client credentials, too wide": post("/token/", grant_type="client_credentials", scope="all", **CREDENTIALS),
    "userinfo, a client's own token": lambda program, tokens: program.get(
        "/userinfo/", headers={"Authorization": f"Bearer {own_token(program)}"}
    ),
    "revoke": post("/oauth/revoke/", token="{access_token}", **CREDENTIALS),
    "introspect": post("/introspect/", token="{access_token}", **CREDENTIALS),
    "introspect, no slash": post("/introspect", token="{refresh_token}", **CREDENTIALS),
    "introspect, unknown": post("/introspect/", token="AT_unknown", **CREDENTIALS),
    "introspect, wrong secret": post("/introspect/", token="x", client_id="presc_man_123", client_secret="wrong"),
    "introspect, GET": lambda program, tokens: program.get("/introspect/"),
    "revoke, unknown": post("/oauth/revoke/", token="AT_unknown", **CREDENTIALS),
}


def comparable(response: Any) -> dict[str, Any]:
    """Return a response without the parts that always differ."""
    body = json.loads(response.content) if response.content else {}
    for name in DIFFERENT_EACH_TIME:
        if name in body:
            body[name] = type(body[name])
    headers = {name: value for name, value in response.headers.items() if name not in ("Vary", "Content-Length")}
    return {"status": response.status_code, "headers": headers, "body": body}


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("has_introspection", [True, False], ids=["with introspection", "without"])
def test_the_answer_is_the_same(guide: Guide, settings: LazySettings, name: str, has_introspection: bool) -> None:
    """Status, headers and body must be equal, including the headers of Django's security middleware."""
    settings.OAUTH_SERVICE_INTROSPECTION = has_introspection
    guide.client.grant_types += " client_credentials"
    guide.client.save()
    answers = [comparable(REQUESTS[name](program, guide.tokens())) for program in (Browser(), Program())]
    through_django, directly = answers
    assert directly == through_django


@pytest.mark.parametrize(("method", "path"), [("POST", "/token/"), ("GET", "/userinfo/"), ("PUT", "/token/")])
def test_a_refusal_says_nothing_twice(guide: Guide, method: str, path: str) -> None:
    """A client that gets two Cache-Control headers has to combine them (RFC 9110 section 5.3)."""
    entry = wsgi.direct(lambda environ, start_response: [])
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "HTTP_HOST": "testserver", "wsgi.input": BytesIO()}
    sent: list[str] = []
    entry(environ, lambda status, headers: sent.extend(name for name, _ in headers))
    assert sorted(sent) == sorted(set(sent))


def test_the_middleware_of_the_project_has_its_headers(guide: Guide) -> None:
    """The middleware itself makes the headers, so Django's settings affect both ways in."""
    headers = Program().post("/token/", "", content_type=FORM).headers
    assert {name: headers.get(name) for name in MIDDLEWARE_HEADERS} == MIDDLEWARE_HEADERS


@pytest.mark.parametrize("lacks", [[], ["django.middleware.security.SecurityMiddleware"]], ids=["with it", "without"])
def test_no_answer_is_sniffed_and_each_says_so_once(guide: Guide, settings: LazySettings, lacks: list[str]) -> None:
    """A host project may lack Django's SecurityMiddleware. If it has it, the header is not repeated."""
    settings.MIDDLEWARE = [path for path in settings.MIDDLEWARE if path not in lacks]
    entry = wsgi.direct(lambda environ, start_response: [])
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/token/", "HTTP_HOST": "testserver", "wsgi.url_scheme": "http"}
    sent: list[tuple[str, str]] = []
    entry(environ, lambda status, headers: sent.extend(headers))
    assert [value for name, value in sent if name == "X-Content-Type-Options"] == ["nosniff"]


def test_hsts_is_added_to_what_came_by_tls_only(guide: Guide, settings: LazySettings) -> None:
    """ "An HSTS Host MUST NOT include the STS header field in HTTP responses conveyed over non-secure transport"."""
    settings.SECURE_HSTS_SECONDS = 60
    program = Program()
    sent = [
        program.get("/userinfo/", secure=secure).headers.get("Strict-Transport-Security") for secure in (True, False)
    ]
    assert sent == ["max-age=60", None]


def test_what_came_without_tls_is_sent_to_tls(guide: Guide, settings: LazySettings) -> None:
    """Django's SecurityMiddleware redirects, so the fast path leaves such a request to Django."""
    settings.SECURE_SSL_REDIRECT = True
    response = Program().post("/token/", "", content_type=FORM)
    assert (response.status_code, response["Location"]) == (301, "https://testserver/token/")


def test_a_proxy_that_ended_tls_is_believed_where_the_project_says_so(guide: Guide, settings: LazySettings) -> None:
    """Django's SECURE_PROXY_SSL_HEADER has the rule."""
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    answers = [
        Program().post("/token/", "", content_type=FORM, headers={"X-Forwarded-Proto": sent}).status_code
        for sent in ("https", "http", "https, http")
    ]
    assert answers == [400, 301, 400]


@pytest.mark.parametrize("host", ["evil.example", "testserver:80:80"])
def test_another_host_is_turned_away_by_django(guide: Guide, host: str) -> None:
    """ALLOWED_HOSTS protects every URL made from the Host header, including ours."""
    response = Program().post("/token/", "", content_type=FORM, headers={"Host": host})
    assert (response.status_code, response["Content-Type"].partition(";")[0]) == (400, "text/html")


def test_a_good_host_is_asked_for_once(guide: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Checking a host takes longer than the rest of the fast path, and the allowed hosts do not change while a server
    runs.
    """
    asked: list[str] = []
    get_host = WSGIRequest.get_host

    def asking(request: WSGIRequest) -> str:
        asked.append(request.path)
        return get_host(request)

    monkeypatch.setattr(WSGIRequest, "get_host", asking)
    program = Program()
    for _ in range(3):
        program.get("/userinfo/", headers={"Host": "testserver"})
    assert asked == ["/userinfo/"]


def test_hosts_that_were_not_good_are_not_remembered(guide: Guide, settings: LazySettings) -> None:
    """A flood of forged hosts must not fill the memory. The number of remembered good hosts is limited, too."""
    settings.ALLOWED_HOSTS = [".example"]
    program = Program()
    for number in range(wsgi.MOST_HOSTS + 20):
        assert program.get("/userinfo/", headers={"Host": f"h{number}.example"}).status_code == 401
        assert program.get("/userinfo/", headers={"Host": f"h{number}.evil"}).status_code == 400
    assert isinstance(program.handler, Handler)
    assert len(program.handler.direct.good_hosts) == wsgi.MOST_HOSTS


@pytest.mark.parametrize("path", ["/login/", "/.well-known/oauth-authorization-server", "/token/more", "/nowhere/"])
def test_everything_else_is_djangos(guide: Guide, path: str) -> None:
    """The fast path answers a few endpoints only, with and without the slash."""
    assert Program().get(path).status_code == Browser().get(path).status_code


def test_a_site_below_a_path_is_left_to_django(guide: Guide) -> None:
    """Django knows how to apply SCRIPT_NAME."""
    response = Program().get("/userinfo/", SCRIPT_NAME="/below")
    assert response.wsgi_request.META["SCRIPT_NAME"] == "/below"


def test_a_connection_is_given_back_after_each_request(guide: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken, expired or pooled connection must not stay with the thread."""
    given_back: list[str] = []
    monkeypatch.setattr(
        type(connections[ALIAS]), "close_if_unusable_or_obsolete", lambda self: given_back.append(self.alias)
    )
    wsgi.direct(lambda environ, start_response: []).give_back_connections()
    assert ALIAS in given_back


def test_it_is_given_back_after_a_failure_too(guide: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken connection is the likeliest reason of a failure."""
    given_back: list[bool] = []
    monkeypatch.setattr(Direct, "give_back_connections", lambda self: given_back.append(True))
    entry = wsgi.direct(lambda environ, start_response: [])
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/token/", "HTTP_HOST": "testserver", "CONTENT_LENGTH": "9"}
    statuses: list[str] = []
    entry(environ, lambda status, headers: statuses.append(status))
    assert (statuses, given_back) == (["500 Internal Server Error"], [True])


def test_a_body_that_breaks_off_is_the_senders_error(guide: Guide) -> None:
    """The client reads the same sentence as through Django."""

    class Broken:
        def read(self, _size: int) -> bytes:
            raise OSError("connection reset")

    broken: dict[str, Any] = {"wsgi.input": Broken()}
    response = Program().post("/token/", "x=y", content_type=FORM, **broken)
    assert (response.status_code, response.json()["error_description"]) == (400, "the body could not be read")


def test_a_content_type_that_cannot_be_read_is_the_endpoints_to_refuse(guide: Guide) -> None:
    """The endpoint refuses it. Checking the host must not parse the content type, which would fail earlier."""
    entry = wsgi.direct(lambda environ, start_response: [])
    environ: dict[str, Any] = {"REQUEST_METHOD": "POST", "PATH_INFO": "/token/", "HTTP_HOST": "testserver"}
    environ |= {
        "CONTENT_TYPE": UNREADABLE,
        "CONTENT_LENGTH": "1",
        "wsgi.input": BytesIO(b"x"),
        "wsgi.url_scheme": "http",
    }
    statuses: list[str] = []
    entry(environ, lambda status, headers: statuses.append(status))
    assert statuses == ["400 Bad Request"]
