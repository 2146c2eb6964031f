"""Behaviour of all endpoints: methods, headers and failures, in JSON for programs and in HTML for users."""

import io
import re
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from pytest_django import Settings

from oauth_service import signals
from tests import addresses
from tests.endpoints.page import Page
from tests.guide import FORM, JSON, Guide

# -- methods ---------------------------------------------------------------------------------------------------------

FOR_PROGRAMS = {
    "/token/": "POST, OPTIONS",
    "/userinfo/": "GET, POST, HEAD, OPTIONS",
    "/oauth/revoke/": "POST, OPTIONS",
    "/introspect/": "POST, OPTIONS",
    "/register/": "POST, OPTIONS",
    "/register/x/": "GET, PUT, DELETE, HEAD, OPTIONS",
    "/global-token-revocation/": "POST, OPTIONS",
    "/.well-known/oauth-authorization-server": "GET, HEAD, OPTIONS",
}
FOR_PEOPLE = {
    "/authorise/": "GET, POST, HEAD, OPTIONS",
    "/oauth/deauthorise/": "POST, OPTIONS",
    "/manage-apps/": "GET, POST, HEAD, OPTIONS",
    "/login/": "GET, POST, HEAD, OPTIONS",
    "/logout/": "POST, OPTIONS",
    "/signed-out/": "GET, HEAD, OPTIONS",
    "/oauth/logout/": "GET, POST, HEAD, OPTIONS",
    "/device/": "GET, POST, HEAD, OPTIONS",
}
ALL = FOR_PROGRAMS | FOR_PEOPLE


@pytest.fixture(autouse=True)
def devices(settings: Settings) -> None:
    """A server with every page and endpoint switched on."""
    settings.OAUTH_SERVICE_REGISTRATION = "open"
    settings.OAUTH_SERVICE_DEVICE_AUTHORIZATION = settings.OAUTH_SERVICE_GLOBAL_TOKEN_REVOCATION = True


def both(path: str) -> list[str]:
    """Return the path with and without its slash. The well-known address has one form only."""
    return [path, path.rstrip("/")] if path.endswith("/") else [path]


@pytest.mark.parametrize("path", ALL)
def test_what_an_endpoint_does_not_answer_is_a_405_that_says_what_it_does(guide: Guide, path: str) -> None:
    """Developers see the allowed methods, at both forms of the address."""
    methods = {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - set(ALL[path].split(", "))
    answers = [guide.browser.generic(method, form) for form in both(path) for method in methods]
    assert {(answer.status_code, answer["Allow"], answer.content) for answer in answers} == {(405, ALL[path], b"")}


@pytest.mark.parametrize("path", ALL)
def test_options_tells_the_methods(guide: Guide, path: str) -> None:
    """OPTIONS lists the methods and has no side effects."""
    answers = [guide.browser.options(form) for form in both(path)]
    assert {(answer.status_code, answer["Allow"], answer.content) for answer in answers} == {(204, ALL[path], b"")}


@pytest.mark.parametrize("path", [path for path, methods in ALL.items() if "GET" in methods])
def test_head_is_a_get_without_its_body(alices: Browser, path: str) -> None:
    """Programs check a page by HEAD, and rely on the same status and headers."""
    get, head = alices.get(path), alices.head(path)
    assert (head.status_code, head.content, list(head.headers)) == (get.status_code, b"", list(get.headers))


@pytest.mark.parametrize("path", [path for path in ALL if path.endswith("/")])
def test_without_the_slash_there_is_no_redirect(guide: Guide, path: str) -> None:
    """A redirect would lose the body of a POST."""
    guide.browser.force_login(guide.alice)
    method = ALL[path].partition(",")[0]
    with_slash, without = (guide.browser.generic(method, form) for form in both(path))
    assert (without.status_code, without.get("Location")) == (with_slash.status_code, with_slash.get("Location"))


@pytest.mark.parametrize("path", ALL)
def test_no_answer_is_taken_for_another_type(alices: Browser, settings: Settings, path: str) -> None:
    """A host project may lack Django's SecurityMiddleware, which usually sends this header."""
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.endswith(".SecurityMiddleware")]
    for answer in (alices.get(path), alices.post(path), alices.options(path)):
        assert answer.headers.get("X-Content-Type-Options") == "nosniff"


# -- answers for programs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FOR_PROGRAMS)
def test_any_origin_may_ask(guide: Guide, path: str) -> None:
    """
    An endpoint for programs decides by the request alone and never by a cookie, so pages of any origin may use it
    without credentials.
    """
    asked = guide.server.options(
        path, headers={"Origin": "https://spa.example", "Access-Control-Request-Method": "POST"}
    )
    assert asked["Access-Control-Allow-Origin"] == "*"
    assert asked["Access-Control-Allow-Methods"] == FOR_PROGRAMS[path]
    assert asked["Access-Control-Allow-Headers"] == "Authorization, Content-Type, *"
    assert asked["Access-Control-Max-Age"] == "86400"
    assert "Access-Control-Allow-Credentials" not in asked


@pytest.mark.parametrize("path", FOR_PROGRAMS)
def test_a_page_elsewhere_can_read_every_answer(guide: Guide, path: str) -> None:
    """A single-page app must also read refusals, with their challenge and the time to wait."""
    for answer in (guide.server.get(path), guide.server.post(path)):
        assert answer["Access-Control-Allow-Origin"] == "*"
        assert answer["Access-Control-Expose-Headers"] == "WWW-Authenticate, Retry-After"


@pytest.mark.parametrize("path", FOR_PEOPLE)
def test_no_page_elsewhere_can_read_ours(alices: Browser, path: str) -> None:
    """Our pages show data of the signed-in user."""
    assert not [name for name in alices.get(path).headers if name.startswith("Access-Control")]


@pytest.mark.parametrize("path", ["/token/", "/oauth/revoke/"])
@pytest.mark.parametrize(
    ("body", "content_type", "description"),
    [
        ("{", JSON, "the body is not valid JSON"),
        ("[]", JSON, "the JSON body is not an object"),
        ('{"token": 1}', JSON, "every member of the JSON object must be a string"),
        ('{"client_id": "a", "client_id": "a"}', JSON, "a parameter was sent more than once"),
        ("token=%FF", FORM, "the parameters are not valid UTF-8"),
        ("token=%00", FORM, "a parameter contains a NUL byte"),
        ("<xml/>", "text/xml", f"the Content-Type must be {FORM} or {JSON}"),
        ("token=a", f"{FORM}; charset=utf-16", "the charset must be UTF-8"),
        ("{}", f"{JSON}; charset=latin-1", "the charset must be UTF-8"),
        ("a=1&" * 101, FORM, "too many parameters"),
    ],
)
def test_a_body_that_cannot_be_read_is_told_in_a_sentence(
    guide: Guide, caplog: pytest.LogCaptureFixture, path: str, body: str, content_type: str, description: str
) -> None:
    """The client gets JSON, with a reference that is also in the log."""
    response = guide.server.post(path, body, content_type=content_type)
    refusal = response.json()
    assert (response.status_code, refusal["error"], refusal["error_description"]) == (
        400,
        "invalid_request",
        description,
    )
    assert f"endpoint={path} reference={refusal['reference']}" in caplog.text
    assert response["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    "content_type", [f"{FORM};charset=UTF-8", f"{JSON}; charset=utf-8", f"{JSON};charset=us-ascii"]
)
def test_utf_8_may_be_named(guide: Guide, content_type: str) -> None:
    """Many HTTP libraries add the charset."""
    body = "token=a" if content_type.startswith(FORM) else '{"token": "a"}'
    assert guide.server.post("/oauth/revoke/", body, content_type=content_type).json()["error"] == "invalid_client"


def test_a_body_over_the_limit_is_not_read(guide: Guide, settings: Settings) -> None:
    """OAUTH_SERVICE_REQUEST_BODY_LIMIT is in bytes. A body of exactly that length is read."""
    settings.OAUTH_SERVICE_REQUEST_BODY_LIMIT = 100
    statuses = [guide.server.post("/token/", "a" * n, content_type=FORM).status_code for n in (100, 101)]
    assert statuses == [400, 413]


def test_django_s_own_limit_may_be_lower(guide: Guide, settings: Settings) -> None:
    """A body over the host project's DATA_UPLOAD_MAX_MEMORY_SIZE is a 413, too, and not a failure."""
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    response = guide.server.post("/token/", "a" * 101, content_type=FORM)
    assert (response.status_code, response.json()["error"]) == (413, "invalid_request")


def test_a_body_that_breaks_off_is_the_senders_error(guide: Guide) -> None:
    """The network failed, and not the server: no traceback should wake the operator."""
    environ: dict[str, Any] = {"wsgi.input": BrokenOff()}
    response = guide.server.post("/token/", "grant_type=a", content_type=FORM, **environ)
    assert (response.status_code, response.json()["error_description"]) == (400, "the body could not be read")


@pytest.mark.parametrize("length", ["ten", "-1", "1.5"])
@pytest.mark.parametrize("path", ["/token/", "/oauth/revoke/", "/authorise/"])
def test_a_length_that_is_no_number_is_refused(guide: Guide, path: str, length: str) -> None:
    """Some servers pass on any Content-Length, and it must not cause a failure."""
    response = guide.server.post(path, "a=b", content_type=FORM, CONTENT_LENGTH=length)
    assert response.status_code == 400


@pytest.mark.parametrize("path", ["/token/", "/oauth/revoke/", "/authorise/", "/oauth/deauthorise/"])
def test_a_multipart_form_is_refused(guide: Guide, path: str) -> None:
    """Django's CSRF check reads such a body before we can, and RFC 6749 Appendix B knows the other encoding only."""
    guide.browser.force_login(guide.alice)
    response = guide.browser.post(path, {"client_id": "presc_man_123"})
    assert response.status_code == 400


class BrokenOff(io.BytesIO):
    """A connection that ends before the body does."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise ConnectionResetError("connection reset by peer")


@pytest.mark.parametrize("name", ["client_secret", "code", "refresh_token", "token", "code_verifier"])
def test_a_secret_in_the_url_is_refused(guide: Guide, name: str) -> None:
    """Logs and histories keep URLs, so the client must notice the mistake on its first try."""
    refusal = guide.server.post(f"/token/?{name}=a", "grant_type=b", content_type=FORM).json()
    assert refusal["error_description"] == f"{name} must be sent in the body, never in the URL"


# -- failures --------------------------------------------------------------------------------------------------------


def failing_claims(user: User, scope: frozenset[str]) -> NoReturn:
    """Fail as a host project's function with a programming error and a secret in a local variable."""
    hush = "local-secret"
    raise RuntimeError("the claims failed" if hush else "")


@pytest.mark.parametrize("debug", [False, True])
def test_a_failure_is_told_with_a_reference_and_nothing_else(
    guide: Guide, settings: Settings, caplog: pytest.LogCaptureFixture, debug: bool
) -> None:
    """Django's own page would show local variables with tokens in them, and its mails would send them away."""
    access_token = guide.tokens()["access_token"]
    settings.OAUTH_SERVICE_CLAIMS = "tests.test_http.failing_claims"
    settings.DEBUG = debug
    response = guide.userinfo(access_token)
    said = response.json()
    [line] = [record for record in caplog.records if record.levelname == "ERROR" and record.name.startswith("oauth")]
    assert (response.status_code, response["Content-Type"], response["Cache-Control"]) == (
        500,
        JSON,
        "private, no-store",
    )
    assert (said["error"], set(said)) == ("server_error", {"error", "error_description", "reference"})
    assert f"reference={said['reference']}" in line.getMessage()
    assert "RuntimeError: the claims failed" in caplog.text
    assert "local-secret" not in caplog.text + response.content.decode()
    assert access_token not in caplog.text + response.content.decode()


def test_a_test_suite_may_see_the_failure_itself(guide: Guide, settings: Settings) -> None:
    """Django has DEBUG_PROPAGATE_EXCEPTIONS for this purpose."""
    access_token = guide.tokens()["access_token"]
    settings.OAUTH_SERVICE_CLAIMS = "tests.test_http.failing_claims"
    settings.DEBUG_PROPAGATE_EXCEPTIONS = True
    with pytest.raises(RuntimeError, match="the claims failed"):
        guide.userinfo(access_token)


@pytest.mark.parametrize("path", ["/.well-known/oauth-authorization-server", "/openapi.json"])
def test_another_host_is_djangos_to_turn_away(guide: Guide, settings: Settings, path: str) -> None:
    """
    Without a configured issuer the Host header is read, and a project may lack the middleware that checks it earlier.
    """
    settings.OAUTH_SERVICE_ISSUER = ""
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if not each.endswith("CommonMiddleware")]
    assert guide.browser.get(path, headers={"Host": "evil.example"}).status_code == 400


def failing_words(*_: Any, **__: Any) -> NoReturn:
    """Fail as a page with a programming error."""
    raise RuntimeError("the page failed")


def forbearing(user: User) -> Browser:
    """Return the browser of a signed-in user, which shows the page of a failure instead of raising it."""
    browser = Browser(raise_request_exception=False)
    browser.force_login(user)
    return browser


@pytest.fixture
def counted() -> Iterator[list[tuple[str, int]]]:
    """The endpoint and status of each response."""
    found: list[tuple[str, int]] = []

    def count(*, endpoint: str, status: int, **_: object) -> None:
        found.append((endpoint, status))

    signals.request_answered.connect(count)
    yield found
    signals.request_answered.disconnect(count)


def test_a_page_that_fails_is_counted_as_what_django_answers(
    guide: Guide, counted: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Operators who watch for 5xx must see it, although Django makes the response outside the view."""
    monkeypatch.setattr("oauth_service.people.activity.of_user", failing_words)
    assert forbearing(guide.alice).get("/manage-apps/").status_code == 500
    assert counted == [("manage_apps", 500)]


def test_a_login_page_that_fails_is_counted_as_such(
    guide: Guide, counted: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Django's own view renders its template after the view has returned."""
    monkeypatch.setattr("oauth_service.endpoints.login._Login.template_name", "nowhere.html")
    assert Browser(raise_request_exception=False).get("/login/").status_code == 500
    assert counted == [("login", 500)]


def test_a_page_that_fails_says_so_in_plain_words(
    guide: Guide, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The page reveals nothing about the failure except the reference under which the operator finds it."""
    monkeypatch.setattr("oauth_service.people.activity.of_user", failing_words)
    response = forbearing(guide.alice).get("/manage-apps/")
    text = Page(response).text
    assert "Something went wrong The mistake is ours" in text
    assert "the page failed" not in text
    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]
    [reference] = re.findall(r"\b[0-9a-f]{12}\b", text)
    assert f"failure endpoint=/manage-apps/ reference={reference}" in caplog.text
    assert "RuntimeError: the page failed" in caplog.text


def test_a_failure_of_the_page_for_failures_is_an_answer_still(
    guide: Guide, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A host project's own template may be broken."""
    monkeypatch.setattr("oauth_service.web.pages.render", failing_words)
    response = forbearing(guide.alice).get("/manage-apps/")
    assert (response.status_code, "Server Error (500)" in response.content.decode()) == (500, True)
    assert "the error page could not be rendered" in caplog.text


def test_an_address_where_nothing_is_looks_like_ours(alices: Browser) -> None:
    """The page has a link to continue, and does not repeat the requested address."""
    response = alices.get("/nowhere/%3Cscript%3E")
    text = Page(response).text
    assert response.status_code == 404
    assert "There is nothing here The address is mistyped, or what was here has moved. See your connected apps" in text
    assert "script" not in response.content.decode()
    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]


# -- pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FOR_PEOPLE)
def test_every_page_carries_a_strict_policy(alices: Browser, path: str) -> None:
    """Refusals, redirects and empty responses have the policy, too."""
    for answer in (alices.get(path), alices.post(path), alices.put(path)):
        assert answer["Content-Security-Policy"] == (
            "default-src 'none'; style-src 'self'; img-src 'self'; "
            "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
        assert answer["X-Frame-Options"] == "DENY"
        assert answer["Referrer-Policy"] == "same-origin"
        assert "no-store" in answer["Cache-Control"]


OF_A_SIGN_IN = ("/authorise/", "/login/", "/logout/", "/signed-out/", "/oauth/logout/")


@pytest.mark.parametrize("path", FOR_PEOPLE)
@pytest.mark.parametrize("method", ["get", "post", "put", "options"])
def test_a_sign_in_keeps_the_page_that_opened_it(guide: Guide, path: str, method: str) -> None:
    """
    An app may have opened it in a popup, which Django's SecurityMiddleware would cut off. Other pages keep that header.
    """
    expected = "unsafe-none" if path in OF_A_SIGN_IN else "same-origin"
    for browser in (Browser(), forbearing(guide.alice), Browser(enforce_csrf_checks=True)):
        for form in both(path):
            if (answer := getattr(browser, method)(form)).status_code != 403:
                assert answer["Cross-Origin-Opener-Policy"] == expected


def test_a_form_that_is_no_longer_good_keeps_the_page_that_opened_it(db: None) -> None:
    """The user goes back and tries again in the same popup."""
    answer = Browser(enforce_csrf_checks=True).post("/login/")
    assert (answer.status_code, answer["Cross-Origin-Opener-Policy"]) == (403, "unsafe-none")


def test_every_page_says_whether_it_keeps_the_page_that_opened_it() -> None:
    """New pages must be added to the table."""
    assert {path for path in addresses.FOR_PEOPLE if path.endswith("/")} == set(FOR_PEOPLE)


@pytest.mark.parametrize("login_url", ["/elsewhere/", "https://login.example/"])
def test_the_connected_apps_may_lead_to_a_login_elsewhere(alices: Browser, settings: Settings, login_url: str) -> None:
    """If the session has ended, “Revoke Access” leads there, and it may redirect to any identity provider."""
    settings.LOGIN_URL = login_url
    assert "form-action" not in alices.get("/manage-apps/")["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/login/", "/logout/", "/oauth/deauthorise/"])
def test_a_form_that_is_no_longer_good_is_explained(alices: Browser, alice: User, path: str) -> None:
    """The page looks like the others, has a link to continue, and blames nobody."""
    if path == "/login/":
        alices.logout()
    response = alices.post(path)
    text = Page(response).text
    assert response.status_code == 403
    assert "This page can no longer be sent It was open too long" in text
    assert "Nothing has changed. Go back, reload the page and try again." in text
    assert "For the developer" not in text


def test_the_log_says_why_under_the_reference(alices: Browser, caplog: pytest.LogCaptureFixture) -> None:
    """Django's reason distinguishes a missing cookie from a foreign origin."""
    text = Page(alices.post("/oauth/deauthorise/")).text
    [reference] = re.findall(r"\b[0-9a-f]{12}\b", text)
    assert f"csrf endpoint=/oauth/deauthorise/ reference={reference} reason='CSRF cookie not set.'" in caplog.text


def test_no_path_forges_a_line_of_the_log(alices: Browser, caplog: pytest.LogCaptureFixture) -> None:
    """The page is shown for every form of the project, and some addresses can contain control characters."""
    alices.post("/admin/oauth_service/client/1%0Dforged%1B/change/")
    assert r"csrf endpoint=/admin/oauth_service/client/1\rforged\x1b/change/ reference=" in caplog.text


def test_with_debug_the_page_says_why(alices: Browser, settings: Settings) -> None:
    """The reason helps developers who build a form of their own."""
    settings.DEBUG = True
    assert "For the developer CSRF cookie not set." in Page(alices.post("/oauth/deauthorise/")).text


def test_a_form_from_another_origin_is_refused_although_its_token_is_good(alices: Browser, guide: Guide) -> None:
    """A token may leak, but a page cannot forge the Origin header."""
    form = Page(alices.get("/manage-apps/")).form_of("Sign out")
    headers = {"Origin": "https://evil.example"}
    assert alices.post(form.action, form.fields, headers=headers).status_code == 403


def test_a_refusal_on_a_page_is_not_for_programs(alices: Browser, db: None) -> None:
    """Users get words and a link to continue, whatever the Accept header says."""
    response = alices.get("/authorise/", headers={"Accept": JSON})
    page = Page(response)
    assert response["Content-Type"] == "text/html; charset=utf-8"
    assert "Nothing has been shared." in page.text
    assert page.links["See your connected apps"] == "/manage-apps/"


def test_a_host_can_replace_a_template(alices: Browser, settings: Settings, tmp_path: Any) -> None:
    """The template is under oauth_service/ in a directory that is searched first."""
    (tmp_path / "oauth_service").mkdir()
    (tmp_path / "oauth_service" / "signed_out.html").write_text("Good bye from {{ service_name }}")
    settings.TEMPLATES = [settings.TEMPLATES[0] | {"DIRS": [tmp_path]}]
    assert alices.get("/signed-out/").content == b"Good bye from OAuth Service"


def test_no_answer_for_programs_sets_a_cookie(guide: Guide) -> None:
    """A program has no use for a cookie, even if its request had one."""
    guide.browser.force_login(guide.alice)
    tokens = guide.tokens()
    for answer in (
        guide.browser.post("/token/"),
        guide.browser.get("/userinfo/", headers={"Authorization": f"Bearer {tokens['access_token']}"}),
        guide.browser.post("/oauth/revoke/"),
        guide.browser.get("/.well-known/oauth-authorization-server"),
    ):
        assert not answer.cookies
        assert "Cookie" not in answer.get("Vary", "")
