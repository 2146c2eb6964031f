"""The lifecycle guide: each message, byte for byte as far as it is fixed, and the other responses of each endpoint."""

import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser

from oauth_service.models import AuthorizationCode, Client, Consent, Grant
from tests import messages
from tests.clauses import clause
from tests.guide import Guide, query_of
from tests.messages import said

CODE = "SPL__a-Random-UrlSafe-String-1234"
ACCESS_TOKEN = "AT_ANOTHER_RANDOM_SECURE_TOKEN_STRING"
REFRESH_TOKEN = "RT_A_DIFFERENT_RANDOM_SECURE_TOKEN_STRING"
REVOKED_TOKEN = "AT_THE_CURRENT_ACTIVE_ACCESS_TOKEN"

STEP_1 = said(messages.STEP_1)
STEP_2 = said(messages.STEP_2)
STEP_3 = said(messages.STEP_3).partition("Location: ")[2]
STEP_4 = said(messages.STEP_4)
STEP_5 = said(messages.STEP_5).partition("\n\n")[2]
STEP_6 = said(messages.STEP_6)
STEP_7 = said(messages.STEP_7)
STEP_9_REVOCATION = said(messages.STEP_9_REVOCATION)
STEP_9_DEAUTHORISATION = said(messages.STEP_9_DEAUTHORISATION)


def send(message: str, *, by: Browser | None = None, unslashed: bool = False) -> Any:
    """Send a message of the guide unchanged; Alice's browser adds its session cookie."""
    head, _, body = message.partition("\n\n")
    request_line, *lines = head.strip().splitlines()
    method, target, version = request_line.split(" ")
    assert version == "HTTP/1.1"
    path, mark, query = target.partition("?")
    headers = dict(line.split(": ", 1) for line in lines)
    headers.pop("Cookie", "")  # the browser's own session is meant
    content_type = headers.pop("Content-Type", "")
    path = path.rstrip("/") if unslashed else path
    return (by or Browser()).generic(method, path + mark + query, body, content_type=content_type, headers=headers)


@pytest.fixture
def signed_in(alice: User, presc_man: Client) -> Browser:
    """Return Alice's browser, signed in."""
    browser = Browser()
    browser.force_login(alice)
    return browser


def code_for(signed_in: Browser) -> str:
    """Return the code of step 3."""
    return query_of(send(STEP_2, by=signed_in)["Location"])["code"]


def tokens_for(signed_in: Browser) -> dict[str, Any]:
    """Return the tokens of step 5."""
    tokens: dict[str, Any] = send(STEP_4.replace(CODE, code_for(signed_in))).json()
    return tokens


BOTH = pytest.mark.parametrize("unslashed", [False, True], ids=["as in the guide", "without the slash"])

# -- the nine steps --------------------------------------------------------------------------------------------------


@BOTH
def test_step_1_asks_to_sign_in_and_keeps_the_request(alice: User, presc_man: Client, unslashed: bool) -> None:
    """After the sign-in, the same request continues at the consent page."""
    browser = Browser()
    response = send(STEP_1, by=browser, unslashed=unslashed)
    assert (response.status_code, response["Location"].partition("?")[0]) == (302, "/login/")
    form = {"username": "alice", "password": "wonderland", "next": query_of(response["Location"])["next"]}
    page = browser.get(browser.post("/login/", form)["Location"])
    assert (page.status_code, page.templates[0].name) == (200, "oauth_service/consent.html")


@BOTH
def test_step_1_asks_who_is_signed_in_for_consent(signed_in: Browser, unslashed: bool) -> None:
    """The page names the client and the scope; nothing is granted yet."""
    page = send(STEP_1, by=signed_in, unslashed=unslashed)
    assert (page.status_code, page.templates[0].name) == (200, "oauth_service/consent.html")
    assert Consent.objects.count() == 0


@BOTH
def test_steps_2_and_3_send_the_code_to_the_client(signed_in: Browser, unslashed: bool) -> None:
    """The answer is 302 Found, with the guide's Location, a new code, and iss (RFC 9207) at its end."""
    response = send(STEP_2, by=signed_in, unslashed=unslashed)
    assert (response.status_code, response.reason_phrase, response.content) == (302, "Found", b"")
    code = query_of(response["Location"])["code"]
    assert re.fullmatch(r"SPL__[A-Za-z0-9_-]{66}", code)
    assert response["Location"] == STEP_3.replace(CODE, code) + "&iss=http%3A%2F%2Flocalhost%3A8000"


def test_step_2_with_the_deny_button_sends_a_refusal(signed_in: Browser) -> None:
    """The button adds a field; the request is otherwise the same."""
    response = send(STEP_2 + "&deny=1", by=signed_in)
    assert response["Location"] == (
        "http://127.0.0.1:5000/callback?error=access_denied&error_description=the+user+did+not+allow+it"
        "&state=xyzABC123&iss=http%3A%2F%2Flocalhost%3A8000"
    )


def test_step_1_goes_straight_to_step_3_where_it_was_allowed_before(signed_in: Browser) -> None:
    """Users are not asked twice for the same scope, unless the client's settings say so."""
    send(STEP_2, by=signed_in)
    assert send(STEP_1, by=signed_in)["Location"].startswith("http://127.0.0.1:5000/callback?code=SPL__")
    Client.objects.update(remembers_consent=False)
    assert send(STEP_1, by=signed_in).status_code == 200


@BOTH
def test_steps_4_and_5_exchange_the_code(signed_in: Browser, unslashed: bool) -> None:
    """The response has exactly the guide's members in its order, and the code is deleted."""
    code = code_for(signed_in)
    response = send(STEP_4.replace(CODE, code), unslashed=unslashed)
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
    members = list(json.loads(response.content, object_pairs_hook=list))
    assert [name for name, _ in members] == [name for name, _ in json.loads(STEP_5, object_pairs_hook=list)]
    tokens = dict(members)
    assert re.fullmatch(r"AT_[A-Za-z0-9_-]+", tokens["access_token"])
    assert re.fullmatch(r"RT_[A-Za-z0-9_-]+", tokens["refresh_token"])
    fixed = {"access_token": ACCESS_TOKEN, "refresh_token": REFRESH_TOKEN}
    assert tokens | fixed == json.loads(STEP_5)
    assert (AuthorizationCode.objects.count(), Grant.objects.count()) == (0, 1)


def test_step_5_byte_for_byte(signed_in: Browser) -> None:
    """The response is a JSON object as Python writes it; only the two tokens vary."""
    response = send(STEP_4.replace(CODE, code_for(signed_in)))
    tokens = response.json()
    assert response.content.decode() == (
        f'{{"access_token": "{tokens["access_token"]}", "token_type": "Bearer", "expires_in": 3600, '
        f'"refresh_token": "{tokens["refresh_token"]}", "scope": "user profile"}}'
    )


def test_step_5_is_not_kept_anywhere(signed_in: Browser) -> None:
    """Caches and cookies must not keep tokens."""
    response = send(STEP_4.replace(CODE, code_for(signed_in)))
    assert (response["Cache-Control"], response["Pragma"], dict(response.cookies)) == (
        "private, no-store",
        "no-cache",
        {},
    )


@BOTH
def test_step_6_tells_about_alice(signed_in: Browser, alice: User, unslashed: bool) -> None:
    """`user` → sub, username, email; `profile` → name, given_name, family_name, preferred_username, updated_at."""
    response = send(STEP_6.replace(ACCESS_TOKEN, tokens_for(signed_in)["access_token"]), unslashed=unslashed)
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
    assert json.loads(response.content) == {
        "sub": str(alice.pk),
        "username": "alice",
        "email": "alice@example.com",
        "name": "Alice Liddell",
        "given_name": "Alice",
        "family_name": "Liddell",
        "preferred_username": "alice",
        "updated_at": int(alice.date_joined.timestamp()),
    }


@BOTH
def test_step_7_gives_a_new_pair(signed_in: Browser, unslashed: bool) -> None:
    """The members and their order are the same; both tokens are new and valid."""
    before = tokens_for(signed_in)
    response = send(STEP_7.replace(REFRESH_TOKEN, before["refresh_token"]), unslashed=unslashed)
    after = response.json()
    assert (response.status_code, list(after)) == (200, list(before))
    assert {name for name in after if after[name] != before[name]} == {"access_token", "refresh_token"}
    assert send(STEP_6.replace(ACCESS_TOKEN, after["access_token"])).status_code == 200


@BOTH
def test_step_9_revokes_an_access_token(signed_in: Browser, unslashed: bool) -> None:
    """The answer is 200 OK without a body; only this token is revoked."""
    tokens = tokens_for(signed_in)
    message = STEP_9_REVOCATION.replace(REVOKED_TOKEN, tokens["access_token"])
    response = send(message, unslashed=unslashed)
    assert (response.status_code, response.reason_phrase, response.content) == (200, "OK", b"")
    assert send(STEP_6.replace(ACCESS_TOKEN, tokens["access_token"])).status_code == 401
    assert send(STEP_7.replace(REFRESH_TOKEN, tokens["refresh_token"])).status_code == 200


def test_step_9_with_a_refresh_token_takes_its_access_tokens_too(signed_in: Browser) -> None:
    """ "If a refresh token is revoked, its corresponding access tokens are also revoked." """
    tokens = tokens_for(signed_in)
    send(STEP_9_REVOCATION.replace(REVOKED_TOKEN, tokens["refresh_token"]))
    assert send(STEP_6.replace(ACCESS_TOKEN, tokens["access_token"])).status_code == 401
    assert send(STEP_7.replace(REFRESH_TOKEN, tokens["refresh_token"])).status_code == 400


@BOTH
def test_step_9_deauthorises(signed_in: Browser, unslashed: bool) -> None:
    """ "ALL access and refresh tokens associated with that user's ID AND the provided client_id", and codes not yet used."""
    first, second, pending = tokens_for(signed_in), tokens_for(signed_in), code_for(signed_in)
    response = send(STEP_9_DEAUTHORISATION, by=signed_in, unslashed=unslashed)
    assert (response.status_code, response.reason_phrase, response["Location"]) == (302, "Found", "/manage-apps/")
    for tokens in (first, second):
        assert send(STEP_6.replace(ACCESS_TOKEN, tokens["access_token"])).status_code == 401
        assert send(STEP_7.replace(REFRESH_TOKEN, tokens["refresh_token"])).status_code == 400
    assert send(STEP_4.replace(CODE, pending)).status_code == 400
    assert (Consent.objects.count(), AuthorizationCode.objects.count(), Grant.objects.count()) == (0, 0, 0)
    assert b"no longer has access" in signed_in.get(response["Location"]).content


def test_step_9_cuts_off_one_person_and_one_client(signed_in: Browser, rival: Guide) -> None:
    """ "[...] that user's ID AND the provided client_id": the other app and the other person stay connected."""
    other_app = rival.tokens()
    bob = Browser()
    bob.force_login(User.objects.create_user("bob"))
    other_person, own = tokens_for(bob), tokens_for(signed_in)
    send(STEP_9_DEAUTHORISATION, by=signed_in)
    alive = [send(STEP_6.replace(ACCESS_TOKEN, made["access_token"])) for made in (other_app, other_person, own)]
    assert [response.status_code for response in alive] == [200, 200, 401]


# -- other responses of each endpoint ---------------------------------------------------------------------------------

JSON_ENDPOINTS = {"/token": "POST, OPTIONS", "/userinfo": "GET, POST, HEAD, OPTIONS", "/oauth/revoke": "POST, OPTIONS"}
PAGES = {
    "/authorise": "GET, POST, HEAD, OPTIONS",
    "/oauth/deauthorise": "POST, OPTIONS",
    "/manage-apps": "GET, POST, HEAD, OPTIONS",
}
SLASH = pytest.mark.parametrize("slash", ["", "/"])


@clause("RFC 9110", "15.5.6")
@SLASH
@pytest.mark.parametrize("path", [*JSON_ENDPOINTS, *PAGES])
def test_other_methods_get_405_with_allow(guide: Guide, path: str, slash: str) -> None:
    """ "The origin server MUST generate an Allow header field in a 405 response"."""
    allow = (JSON_ENDPOINTS | PAGES)[path]
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"} - set(allow.split(", ")):
        response = guide.browser.generic(method, path + slash)
        assert (method, response.status_code, response["Allow"]) == (method, 405, allow)


@clause("RFC 9110", "9.3.7")
@SLASH
@pytest.mark.parametrize("path", [*JSON_ENDPOINTS, *PAGES])
def test_options_tells_the_methods(guide: Guide, path: str, slash: str) -> None:
    """OPTIONS needs no sign-in, and the response has no body."""
    response = guide.server.options(path + slash)
    assert (response.status_code, response["Allow"], response.content) == (204, (JSON_ENDPOINTS | PAGES)[path], b"")


@clause("RFC 9110", "9.3.2")
def test_head_is_get_without_its_body(signed_in: Browser) -> None:
    """ "[...] identical to GET except that the server MUST NOT send content in the response"."""
    tokens = tokens_for(signed_in)
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    request = STEP_1.split(" ")[1]
    for path, sent in (("/userinfo/", headers), ("/manage-apps/", {}), (request.replace("xyz", "abc"), {})):
        got, head = signed_in.get(path, headers=sent), signed_in.head(path, headers=sent)
        assert (head.status_code, head.content) == (got.status_code, b"")
        assert head.get("Content-Type") == got.get("Content-Type")


@SLASH
@pytest.mark.parametrize("path", JSON_ENDPOINTS)
def test_endpoints_for_programs_touch_no_session(signed_in: Browser, path: str, slash: str) -> None:
    """Alice's cookie is neither used nor renewed: a request is judged only by its own credentials."""
    response = signed_in.post(path + slash, "{}", content_type="application/json")
    assert (response.status_code, dict(response.cookies)) == (400 if path == "/token" else 401, {})
    assert "Cookie" not in response.get("Vary", "")
