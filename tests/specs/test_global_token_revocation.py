"""Global Token Revocation, draft-parecki-oauth-global-token-revocation."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from pytest_django import Settings

from oauth_service.models import AuditEvent, AuthorizationCode, Client, Consent, Grant
from tests.clauses import clause
from tests.guide import FORM, JSON, SECRET, Guide, basic
from tests.revocation.actors import Console, console_of
from tests.specs.answers import refusal_of


@pytest.fixture
def console(settings: Settings, guide: Guide) -> Console:
    """Return a security console that may sign people out everywhere; Alice uses the guide's application."""
    settings.OAUTH_SERVICE_GLOBAL_TOKEN_REVOCATION = True
    return console_of("console")


# -- 3.1 Revocation Endpoint -------------------------------------------------------------------------------------------


@clause("Global Token Revocation", "3.1")
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_the_endpoint_takes_post_alone(console: Console, method: str) -> None:
    """ "[...] accepts HTTP POST requests with parameters in the HTTP request message body"."""
    response = console.server.generic(method, "/global-token-revocation/")
    assert (response.status_code, response["Allow"]) == (405, "POST, OPTIONS")


@clause("Global Token Revocation", "3.1")
def test_the_body_is_json(console: Console) -> None:
    """ "[...] using the application/json format": a form has no objects."""
    headers = {"Authorization": basic("console", SECRET)}
    for content_type in (FORM, "text/plain"):
        answer = console.server.post(
            "/global-token-revocation/", "sub_id=x", content_type=content_type, headers=headers
        )
        assert refusal_of(answer) == (400, "invalid_request")


# -- 3.2 Revocation Request --------------------------------------------------------------------------------------------


def identifiers(alice: User) -> dict[str, dict[str, str]]:
    """Return every format that names Alice."""
    return {
        "email": {"format": "email", "email": "alice@example.com"},
        "email, spelt differently": {"format": "email", "email": "Alice@Example.com"},
        "opaque": {"format": "opaque", "id": str(alice.pk)},
        "iss_sub": {"format": "iss_sub", "iss": "http://localhost:8000", "sub": str(alice.pk)},
    }


@clause("Global Token Revocation", "3.2")
@pytest.mark.parametrize("name", ["email", "email, spelt differently", "opaque", "iss_sub"])
def test_a_user_is_named_by_a_subject_identifier(console: Console, guide: Guide, alice: User, name: str) -> None:
    """ "[...] the value of which is a Security Event Token Subject Identifier" (RFC 9493)."""
    tokens = guide.tokens()
    assert console.revoke(identifiers(alice)[name]).status_code == 204
    assert not guide.is_alive(tokens["access_token"])


@clause("Global Token Revocation", "3.2")
@pytest.mark.parametrize("placement", ["Basic", "body"])
def test_the_caller_authenticates_as_a_client(console: Console, guide: Guide, placement: str) -> None:
    """ "The request MUST also be authenticated": by HTTP Basic, or in the JSON next to sub_id."""
    guide.tokens()
    sub_id = {"format": "email", "email": "alice@example.com"}
    in_body: Any = {"client_id": "console", "client_secret": SECRET} if placement == "body" else {}
    answer = console.revoke(sub_id, is_basic=placement == "Basic", **in_body)
    assert (answer.status_code, Grant.objects.count()) == (204, 0)


# -- 3.3 Revocation Expectations ---------------------------------------------------------------------------------------


@clause("Global Token Revocation", "3.3")
def test_every_token_of_the_user_ends(console: Console, guide: Guide, rival: Guide) -> None:
    """ "MUST revoke all active refresh tokens" and "SHOULD invalidate all access tokens": of every client, codes too."""
    tokens = [guide.tokens(), guide.tokens(), rival.tokens()]
    code = guide.code()
    console.end(guide.alice)
    assert [guide.is_alive(each["access_token"]) for each in tokens] == [False] * 3
    refreshed = [guide.refresh(tokens[0]["refresh_token"]), rival.refresh(tokens[2]["refresh_token"])]
    assert [refusal_of(each) for each in (*refreshed, guide.exchange(code))] == [(400, "invalid_grant")] * 3
    assert (Consent.objects.count(), Grant.objects.count(), AuthorizationCode.objects.count()) == (0, 0, 0)


@clause("Global Token Revocation", "3.3")
def test_nobody_elses_token_ends(console: Console, guide: Guide) -> None:
    """ "[...] all tokens for the identified subject"."""
    other = Guide(User.objects.create_user("bob", "bob@example.com", "bob's own"), guide.client)
    tokens = other.tokens()
    console.end(guide.alice)
    assert other.is_alive(tokens["access_token"])
    assert other.refresh(tokens["refresh_token"]).status_code == 200


@clause("Global Token Revocation", "3.3")
def test_nothing_new_is_issued_before_the_user_signs_in_again(console: Console, guide: Guide) -> None:
    """ "MUST NOT issue new access tokens or refresh tokens without re-authenticating the user": all sessions end."""
    browser = signed_in(guide)
    assert browser.get("/authorise/", guide.request()).status_code == 200
    console.end(guide.alice)
    answers = [browser.get("/authorise/", guide.request()), browser.get("/manage-apps/")]
    assert [answer["Location"].partition("?")[0] for answer in answers] == ["/login/", "/login/"]
    browser.post("/login/", {"username": "alice", "password": "wonderland"})
    assert browser.get("/authorise/", guide.request()).status_code == 200  # asked again, as the consent has ended, too


@clause("Global Token Revocation", "3.3")
def test_a_session_that_stays_open_in_another_browser_ends_as_well(console: Console, guide: Guide) -> None:
    """The call also ends sessions that it does not name. A sign-in after it lasts until the next call."""
    before = [signed_in(guide), signed_in(guide)]
    console.end(guide.alice)
    after = signed_in(guide)
    assert [browser.get("/manage-apps/").status_code for browser in (*before, after)] == [302, 302, 200]
    console.end(guide.alice)
    assert after.get("/manage-apps/").status_code == 302


# -- 3.4 Revocation Response -------------------------------------------------------------------------------------------


@clause("Global Token Revocation", "3.4")
def test_success_is_a_204_without_a_body(console: Console, guide: Guide) -> None:
    """ "[...] the server returns an HTTP 204 response", also if there is nothing left to end."""
    guide.tokens()
    answers = [console.end(guide.alice) for _ in range(2)]
    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b""), (204, b"")]


BAD: dict[str, Any] = {
    "no sub_id": None,
    "a text": "alice",
    "a list": ["alice"],
    "null": "null",
    "empty": {},
    "no format": {"email": "alice@example.com"},
    "an unknown format": {"format": "phone_number", "phone_number": "+12065550100"},
    "a format without its member": {"format": "email"},
    "an empty member": {"format": "email", "email": ""},
    "a member that is no text": {"format": "opaque", "id": 1},
    "a member beyond": {"format": "email", "email": "alice@example.com", "sub": "1"},
    "half of iss_sub": {"format": "iss_sub", "sub": "1"},
    "a NUL byte": {"format": "email", "email": "alice\0@example.com"},
    "half of a character": {"format": "opaque", "id": "\ud800"},
    "an object within": {"format": "opaque", "id": {"format": "opaque"}},
}


@clause("Global Token Revocation", "3.4.1")
@pytest.mark.parametrize("name", BAD)
def test_a_malformed_request_is_a_400(console: Console, guide: Guide, name: str) -> None:
    """ "The request was malformed, e.g. an unrecognized or unsupported type of subject identifier." Nothing ends."""
    tokens = guide.tokens()
    answer = console.revoke(BAD[name])
    assert refusal_of(answer) == (400, "invalid_request")
    assert guide.is_alive(tokens["access_token"])


@clause("Global Token Revocation", "3.4.1")
def test_a_member_that_comes_twice_is_a_400(console: Console) -> None:
    """A request that names two users is ambiguous."""
    headers = {"Authorization": basic("console", SECRET)}
    for body in (
        '{"sub_id": {"format": "opaque", "id": "1", "id": "2"}}',
        '{"sub_id": {"format": "opaque", "id": "1"}, "sub_id": {"format": "opaque", "id": "2"}}',
    ):
        answer = console.server.post("/global-token-revocation/", body, content_type=JSON, headers=headers)
        assert refusal_of(answer) == (400, "invalid_request")


@clause("Global Token Revocation", "3.4.1")
@pytest.mark.parametrize("credentials", [("console", "wrong"), ("console", ""), ("nobody", SECRET)])
def test_authentication_that_is_invalid_is_a_401(console: Console, guide: Guide, credentials: tuple[str, str]) -> None:
    """ "Authentication provided was invalid." """
    tokens = guide.tokens()
    assert refusal_of(console.end(guide.alice, credentials=credentials)) == (401, "invalid_client")
    assert guide.is_alive(tokens["access_token"])


@clause("Global Token Revocation", "3.4.1")
def test_a_public_client_has_no_say(console: Console, guide: Guide, public_app: Client) -> None:
    """Anyone can send its client_id, so its registration does not matter."""
    Client.objects.filter(pk=public_app.pk).update(may_revoke_users=True)
    answer = console.revoke({"format": "opaque", "id": str(guide.alice.pk)}, is_basic=False, client_id="public_app")
    assert refusal_of(answer) == (401, "invalid_client")


@clause("Global Token Revocation", "3.4.1")
def test_a_client_without_the_permission_is_a_403(console: Console, guide: Guide) -> None:
    """ "Insufficient authorization": not even for its own users; the client does not learn whether the user exists."""
    tokens = guide.tokens()
    own = (guide.client.client_id, SECRET)
    nobody = {"format": "email", "email": "nobody@example.com"}
    answers = [console.end(guide.alice, credentials=own), console.revoke(nobody, credentials=own)]
    assert [refusal_of(answer) for answer in answers] == [(403, "unauthorized_client")] * 2
    assert guide.is_alive(tokens["access_token"])


@clause("Global Token Revocation", "3.4.1")
@pytest.mark.parametrize(
    "sub_id",
    [
        {"format": "email", "email": "nobody@example.com"},
        {"format": "email", "email": "alice"},
        {"format": "opaque", "id": "999999"},
        {"format": "opaque", "id": "alice"},
        {"format": "opaque", "id": "0001"},
        {"format": "opaque", "id": "9" * 60},
        {"format": "iss_sub", "iss": "https://other.example", "sub": "1"},
    ],
    ids=str,
)
def test_a_user_who_is_not_found_is_a_404(console: Console, sub_id: dict[str, str]) -> None:
    """ "The user indicated by the subject identifier was not found." The sub of another issuer names no user here."""
    assert refusal_of(console.revoke(sub_id)) == (404, "user_not_found")


@clause("Global Token Revocation", "3.4.1")
@pytest.mark.parametrize("format_", ["opaque", "iss_sub"])
def test_a_user_that_cannot_be_told_is_a_422(console: Console, guide: Guide, format_: str) -> None:
    """ "Unable to log out the user": the sub of a pairwise client cannot be looked up, but an e-mail address can."""
    Client.objects.filter(client_id="console").update(subject_type="pairwise")
    assert refusal_of(console.revoke(identifiers(guide.alice)[format_])) == (422, "sign_out_failed")
    assert console.revoke(identifiers(guide.alice)["email"]).status_code == 204


# -- 5 Authorization Server Metadata -----------------------------------------------------------------------------------


@clause("Global Token Revocation", "5")
def test_the_metadata_names_the_endpoint_and_how_to_authenticate(console: Console) -> None:
    """global_token_revocation_endpoint and global_token_revocation_endpoint_auth_methods_supported."""
    document = console.server.get("/.well-known/oauth-authorization-server").json()
    methods = [each for each in document["token_endpoint_auth_methods_supported"] if each != "none"]
    assert {name: value for name, value in document.items() if name.startswith("global_")} == {
        "global_token_revocation_endpoint": "http://localhost:8000/global-token-revocation/",
        "global_token_revocation_endpoint_auth_methods_supported": methods,
    }


@clause("Global Token Revocation", "5")
@pytest.mark.parametrize("path", ["/global-token-revocation/", "/global-token-revocation"])
def test_without_the_setting_there_is_nothing(console: Console, guide: Guide, settings: Settings, path: str) -> None:
    """Off by default: the endpoint is a 404, and the metadata does not mention it."""
    settings.OAUTH_SERVICE_GLOBAL_TOKEN_REVOCATION = False
    tokens = guide.tokens()
    headers = {"Authorization": basic("console", SECRET)}
    answer = console.server.post(path, "{}", content_type=JSON, headers=headers)
    document = console.server.get("/.well-known/oauth-authorization-server").json()
    assert (answer.status_code, [name for name in document if name.startswith("global_")]) == (404, [])
    assert guide.is_alive(tokens["access_token"])


# -- 6 Security Considerations -----------------------------------------------------------------------------------------


@clause("Global Token Revocation", "6.1")
def test_each_call_stands_in_the_audit_trail_with_who_asked(
    console: Console, guide: Guide, committed: Callable[[], AbstractContextManager[object]]
) -> None:
    """ "[...] this would likely be easily visible in any audit logs"."""
    with committed():
        console.end(guide.alice)
    rows = AuditEvent.objects.filter(event="user_tokens_revoked").values_list("user_id", "client_id", "outcome")
    assert [(str(user), client, outcome) for user, client, outcome in rows] == [
        (str(guide.alice.pk), "console", "done")
    ]


@clause("Global Token Revocation", "6.1")
def test_the_project_limits_whom_a_client_can_name(console: Console, guide: Guide, settings: Settings) -> None:
    """ "[...] the users that a particular client can request revocation for SHOULD be limited": by a function of the project."""
    settings.OAUTH_SERVICE_GLOBAL_TOKEN_REVOCATION_USERS = "tests.revocation.actors.users_of_tenant"
    tokens = guide.tokens()
    there = {"format": "tenant", "name": "wonderland"}
    assert refusal_of(console.revoke(there, credentials=("other", SECRET), also="other")) == (404, "user_not_found")
    assert guide.is_alive(tokens["access_token"])
    assert console.revoke(there).status_code == 204
    assert not guide.is_alive(tokens["access_token"])


def signed_in(guide: Guide) -> Browser:
    """Sign Alice in with another browser."""
    browser = Browser()
    browser.force_login(guide.alice)
    return browser
