"""RFC 7592, OAuth 2.0 Dynamic Client Registration Management Protocol."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from oauth_service.models import Client, Consent, Registration
from tests.clauses import clause
from tests.registration.actors import CALLBACK, Software
from tests.registration.conftest import is_open, software
from tests.specs.answers import refusal_of

__all__ = ["is_open", "software"]
METHODS = ["read", "replace", "delete"]
NEW = "https://app.example/new"


@clause("RFC 7592", "2")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("token", ["", "RAT_wrong", "IAT_wrong"])
def test_only_the_registration_access_token_opens_it(software: Software, method: str, token: str) -> None:
    """ "the client [...] MUST be authenticated" with it (section 2.1); with other credentials nothing happens."""
    software.register()
    response = getattr(software, method)(token=token)
    assert (response.status_code, response["WWW-Authenticate"].partition(" ")[0]) == (401, "Bearer")
    assert Client.objects.filter(client_id=software.answer["client_id"]).exists()


@clause("RFC 7592", "2")
@pytest.mark.parametrize("method", METHODS)
def test_the_token_of_another_client_opens_nothing(software: Software, method: str) -> None:
    """Each token is only for its own client."""
    other = Software().register()["registration_access_token"]
    software.register()
    assert refusal_of(getattr(software, method)(token=other)) == (401, "invalid_token")


@clause("RFC 7592", "2.1")
def test_what_is_read_is_what_was_answered(software: Software) -> None:
    """Only the secret is missing: the server keeps just its hash."""
    said = software.register(client_name="Notes", contacts=["ops@app.example"], **{"client_name#de": "Notizen"})
    response = software.read()
    assert (response.status_code, response["Cache-Control"]) == (200, "private, no-store")
    assert response.json() == {name: value for name, value in said.items() if name != "client_secret"}


@clause("RFC 7592", "2.1")
@pytest.mark.parametrize("method", METHODS)
def test_a_client_that_does_not_exist_is_a_401(software: Software, method: str) -> None:
    """ "If the client does not exist on this server, the server MUST respond with HTTP 401 Unauthorized"."""
    software.register()
    software.client.delete()
    assert refusal_of(getattr(software, method)()) == (401, "invalid_token")


@clause("RFC 7592", "2.1")
@pytest.mark.parametrize("method", METHODS)
def test_a_client_that_was_switched_off_is_a_403(software: Software, method: str) -> None:
    """ "If the client does not have permission to read its record, the server MUST return an HTTP 403 Forbidden"."""
    software.register()
    Client.objects.update(is_active=False)
    assert refusal_of(getattr(software, method)()) == (403, "access_denied")
    assert Registration.objects.count() == 1


@clause("RFC 7592", "2.1")
@pytest.mark.parametrize("method", METHODS)
def test_a_client_of_the_operators_has_no_such_page(software: Software, presc_man: Client, method: str) -> None:
    """Such a client has not registered itself."""
    software.answer = {
        "client_id": presc_man.client_id,
        "registration_access_token": "RAT_x",
        "registration_client_uri": f"/register/{presc_man.client_id}/",
    }
    assert refusal_of(getattr(software, method)()) == (401, "invalid_token")


@clause("RFC 7592", "2.2")
def test_an_update_replaces_all_that_was_registered(software: Software) -> None:
    """ "Omitted fields MUST be treated as null or empty values by the server, indicating the client's request to delete them"."""
    said = software.register(
        client_name="Notes",
        client_uri="https://app.example/",
        contacts=["a@b.example"],
        **{"client_name#de": "Notizen"},
    )
    response = software.replace(client_name="Better Notes", redirect_uris=[NEW])
    changed = response.json()
    assert response.status_code == 200
    assert {"client_uri", "contacts", "client_name#de"} & set(changed) == set()
    assert (changed["client_name"], changed["redirect_uris"]) == ("Better Notes", [NEW])
    for name in ("client_id", "client_id_issued_at", "registration_access_token", "registration_client_uri"):
        assert changed[name] == said[name]
    assert software.read().json() == changed


@clause("RFC 7592", "2.2")
@pytest.mark.parametrize("client_id", [None, "another"])
def test_an_update_names_its_client(software: Software, client_id: str | None) -> None:
    """ "The client MUST include its "client_id" field in the request, and it MUST be the same"."""
    software.register()
    assert refusal_of(software.replace(client_id=client_id, client_name="New")) == (400, "invalid_client_metadata")
    assert software.read().json()["client_name"] == "app.example"


@clause("RFC 7592", "2.2")
def test_a_client_does_not_choose_its_secret(software: Software) -> None:
    """ "If the client includes the "client_secret" field in the request, the value [...] MUST match the currently issued"."""
    secret = software.register()["client_secret"]
    assert software.replace(client_secret=secret).status_code == 200
    assert refusal_of(software.replace(client_secret="chosen")) == (400, "invalid_client_metadata")
    assert software.exchange().json()["error"] == "invalid_grant"


@clause("RFC 7592", "2.2")
def test_a_secret_comes_and_goes_with_its_method(software: Software) -> None:
    """A client that becomes public has no secret; one that becomes confidential gets one."""
    software.register()
    public = software.replace(token_endpoint_auth_method="none").json()
    assert ({"client_secret"} & set(public), software.client.secret_hash) == (set(), "")
    again = software.replace(token_endpoint_auth_method="client_secret_post").json()
    assert software.exchange(client_secret=again["client_secret"]).json()["error"] == "invalid_grant"
    assert "client_secret" not in software.replace(token_endpoint_auth_method="client_secret_post").json()


@clause("RFC 7592", "2.2")
@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"redirect_uris": ["http://app.example/"]}, "invalid_redirect_uri"),
        ({"client_uri": "javascript:x"}, "invalid_client_metadata"),
        ({"software_statement": "x"}, "invalid_software_statement"),
    ],
)
def test_what_cannot_be_registered_changes_nothing(software: Software, members: dict[str, Any], error: str) -> None:
    """The update is refused as a registration would be."""
    said = software.register()
    assert refusal_of(software.replace(**members)) == (400, error)
    assert software.read().json()["redirect_uris"] == said["redirect_uris"]


@clause("RFC 7592", "2.2")
def test_what_the_operator_gave_stays(software: Software) -> None:
    """A client manages only its own metadata, not grant types, permissions and lifetimes that the operator has set."""
    software.register()
    Client.objects.update(
        grant_types="authorization_code client_credentials",
        operator="Checked",
        may_delegate=True,
        remembers_consent=False,
    )
    software.replace(grant_types=["authorization_code"])
    client = software.client
    assert (client.grant_types, client.operator, client.may_delegate, client.remembers_consent) == (
        "authorization_code client_credentials",
        "Checked",
        True,
        False,
    )


@clause("RFC 7592", "2.3")
def test_a_deletion_ends_all_that_the_client_was_given(software: Software, alice: User) -> None:
    """ "the authorization server SHOULD immediately invalidate all existing authorization grants and currently active tokens"."""
    software.register()
    Consent.objects.create(user=alice, client=software.client, scope="user", given_at=timezone.now())
    response = software.delete()
    assert (response.status_code, response.content, response["Cache-Control"]) == (204, b"", "private, no-store")
    assert (Client.objects.count(), Consent.objects.count(), Registration.objects.count()) == (0, 0, 0)
    assert refusal_of(software.delete()) == (401, "invalid_token")


@clause("RFC 7592", "3")
def test_the_answer_says_where_and_how_it_is_managed(software: Software) -> None:
    """ "registration_client_uri REQUIRED [...] registration_access_token REQUIRED"; also without the slash."""
    said = software.register()
    token = said["registration_access_token"]
    assert said["registration_client_uri"] == f"http://localhost:8000/register/{said['client_id']}/"
    assert software.send("get", software.path.rstrip("/"), None, token=token).status_code == 200


@clause("RFC 7592", "5")
def test_a_script_of_another_origin_may_manage_its_client(software: Software) -> None:
    """Only the token counts."""
    software.register()
    preflight = software.program.options(software.path, headers={"Origin": "https://app.example"})
    assert {"GET", "PUT", "DELETE"} <= set(preflight["Access-Control-Allow-Methods"].split(", "))


@clause("RFC 7592", "5")
def test_the_token_is_kept_as_a_digest(software: Software) -> None:
    """Read access to the database must not be enough to change a client; and the token is never in a URL."""
    token = software.register(redirect_uris=[CALLBACK])["registration_access_token"]
    assert token not in str(Registration.objects.values().get())
    response = software.send("get", f"{software.path}?access_token={token}", None, token=token)
    assert refusal_of(response) == (400, "invalid_request")
