"""manage.py list_clients, show_client and rotate_secret."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from oauth_service.models import Client
from oauth_service.protocol import client_authentication

pytestmark = pytest.mark.django_db


def said_by(*arguments: str) -> str:
    """Run a command; return its output."""
    output = StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()


def hashes() -> tuple[str, ...]:
    """Valid secret hashes of the guide's client."""
    return Client.objects.get(client_id="presc_man_123").secret_hashes


def test_clients_are_listed(presc_man: Client) -> None:
    """The text has one client a line. The JSON has all metadata."""
    Client.objects.create(client_id="b", name="Bakery", client_type="public", is_active=False)
    assert [line.split()[0] for line in said_by("list_clients").splitlines()] == ["client_id", "b", "presc_man_123"]
    listed: list[dict[str, Any]] = json.loads(said_by("list_clients", "--json"))
    assert [(each["client_id"], each["is_active"]) for each in listed] == [("b", False), ("presc_man_123", True)]


def test_a_client_is_shown_as_the_specifications_name_it(presc_man: Client) -> None:
    """Each value of a list has its own line, and the JSON has the same members."""
    shown = said_by("show_client", "presc_man_123")
    members = json.loads(said_by("show_client", "presc_man_123", "--json"))
    assert members["redirect_uris"] == list(presc_man.redirect_uri_list)
    assert {line.split()[0] for line in shown.splitlines() if not line.startswith(" ")} == set(members)


@pytest.mark.parametrize("command", ["list_clients", "show_client"])
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_no_hash_is_printed(presc_man: Client, command: str, form: list[str]) -> None:
    """Only the server needs a hash."""
    arguments = [command, *(["presc_man_123"] if command == "show_client" else []), *form]
    assert presc_man.secret_hash not in said_by(*arguments)


@pytest.mark.parametrize("command", ["show_client", "rotate_secret"])
def test_an_unknown_client_is_one_sentence(command: str) -> None:
    """The error names the command that lists the known clients."""
    with pytest.raises(CommandError) as refusal:
        call_command(command, "nobody")
    assert str(refusal.value) == "There is no client 'nobody'. manage.py list_clients shows them."


def test_a_rotated_secret_leaves_the_one_before_good(presc_man: Client) -> None:
    """The old secret works until --end-previous, so that the client can be configured without an outage."""
    before = presc_man.secret_hash
    secret = json.loads(said_by("rotate_secret", "presc_man_123", "--json"))["client_secret"]
    assert hashes() == (client_authentication.hash_of(secret), before)
    assert said_by("rotate_secret", "presc_man_123", "--end-previous") == "Earlier secrets are no longer accepted.\n"
    assert hashes() == (client_authentication.hash_of(secret),)


def test_a_stolen_secret_ends_at_once(presc_man: Client) -> None:
    """Only the new secret is accepted after --at-once."""
    said = said_by("rotate_secret", "presc_man_123", "--at-once")
    assert hashes() == (client_authentication.hash_of(said.split()[1]),)
    assert said.splitlines()[1:] == [
        "The secret is shown this once. Only its hash is kept.",
        "Earlier secrets are no longer accepted.",
    ]


def test_a_public_client_has_no_secret_to_rotate(presc_man: Client) -> None:
    """The command says so in one sentence."""
    Client.objects.update(client_type="public")
    with pytest.raises(CommandError) as refusal:
        call_command("rotate_secret", "presc_man_123")
    assert str(refusal.value) == "presc_man_123 is a public client: it has no secret."


@pytest.mark.parametrize(
    ("secret", "warning"),
    [
        ("a word of mine", "Warning: A person chose the client's secret."),
        ("", "Warning: The client is confidential, but has no secret."),
    ],
)
def test_a_secret_that_stays_is_warned_about(capsys: pytest.CaptureFixture[str], secret: str, warning: str) -> None:
    """rotate_secret --end-previous keeps the newest secret, and warns about it as oauth_doctor would."""
    client = Client(client_id="c", name="C")
    if secret:
        client.choose_secret(secret)
    client.save()
    said_by("rotate_secret", "c", "--end-previous")
    assert [line.startswith(warning) for line in capsys.readouterr().err.splitlines()] == [True]


def test_two_secrets_are_no_warning(presc_man: Client, capsys: pytest.CaptureFixture[str]) -> None:
    """The command has just made the second secret, and says so."""
    said_by("rotate_secret", "presc_man_123")
    assert capsys.readouterr().err == ""


def test_a_resource_that_no_client_may_ask_for_is_warned_about(
    presc_man: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Forgetting the clients is the likeliest mistake of create_resource: the server would refuse every request for the
    API.
    """
    said_by("create_resource", "https://a.example/", "--name=A", "--client=presc_man_123")
    assert capsys.readouterr().err == ""
    said_by("create_resource", "https://b.example/", "--name=B")
    assert capsys.readouterr().err.startswith("Warning: No client may request this resource. ")


def test_a_resource_whose_jwts_live_long_is_warned_about(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same lifetime is harmless for opaque tokens, which the server can revoke."""
    settings.OAUTH_SERVICE_SCOPES = {"openid": "Who you are"}
    said_by("create_resource", "https://a.example/", "--name=A", "--for-all", "--token-format=jwt",
            "--access-token-lifetime=7200")  # fmt: skip
    assert capsys.readouterr().err.startswith(
        "Warning: Tokens of this resource are JWTs and are valid for up to 2:00:00. "
    )


def test_an_issuer_whose_jwts_no_client_may_present_is_warned_about(
    presc_man: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without --client, trust_issuer lets no client present the issuer's JWTs."""
    said_by("trust_issuer", "https://a.example", "--purpose=id-jag", "--jwks-uri=https://a.example/jwks",
            "--client=presc_man_123")  # fmt: skip
    assert capsys.readouterr().err == ""
    said_by("trust_issuer", "https://b.example", "--purpose=id-jag", "--jwks-uri=https://b.example/jwks")
    assert capsys.readouterr().err.startswith("Warning: The issuer is trusted, but no client may present its JWTs. ")
