"""manage.py create_client."""

import json
import re
from io import StringIO
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from pytest_django import Settings

from oauth_service.management.clients import option_of
from oauth_service.models import Client, Resource
from oauth_service.protocol import client_authentication
from oauth_service.protocol.client_metadata import MEMBERS
from oauth_service.protocol.device_code import GRANT_TYPE
from tests.grant_types.test_resources import STOCK, status_at
from tests.guide import Guide

pytestmark = pytest.mark.django_db


def create(*arguments: str, redirect_uri: str = "https://pharmacy.example/callback") -> dict[str, str]:
    """Run the command; return its output by name."""
    output = StringIO()
    call_command("create_client", "--name", "Pharmacy", "--redirect-uri", redirect_uri, *arguments, stdout=output)
    return dict(line.split(None, 1) for line in output.getvalue().splitlines() if line.startswith("client_"))


def call(*arguments: str) -> dict[str, Any]:
    """Run a command that prints JSON; return the object."""
    output = StringIO()
    call_command(*arguments, stdout=output)
    said: dict[str, Any] = json.loads(output.getvalue())
    return said


def test_it_prints_credentials_that_work(guide: Guide) -> None:
    """The server accepts the printed secret."""
    printed = create("--without-pkce", redirect_uri="http://127.0.0.1:5000/callback")
    client = Client.objects.get(client_id=printed["client_id"])
    guide = Guide(alice=guide.alice, client=client)
    assert guide.exchange(guide.code(), client_secret=printed["client_secret"]).status_code == 200


def test_only_a_hash_of_the_secret_is_kept() -> None:
    """The secret is printed once and cannot be printed again."""
    secret = create()["client_secret"]
    assert Client.objects.get().secret_hashes == (client_authentication.hash_of(secret),)


def test_it_says_that_the_secret_is_shown_once() -> None:
    """Users must know this before they close the window."""
    output = StringIO()
    call_command("create_client", "--name", "P", "--redirect-uri", "https://p.example/", stdout=output)
    assert "The secret is shown this once. Only its hash is kept." in output.getvalue()


def test_a_client_that_says_nothing_else_is_as_strict_as_can_be() -> None:
    """The default is a confidential web application that needs PKCE and may have all scopes of the setting."""
    create()
    client = Client.objects.get()
    kind = (client.client_type, client.application_type, client.requires_pkce, client.scope, client.grant_types)
    assert kind == ("confidential", "web", True, "user profile", "authorization_code refresh_token")


def test_every_option_finds_its_place() -> None:
    """The test sets two redirect URIs, an operator, a website, a client_id and a scope."""
    create("--redirect-uri", "https://b.example/", "--operator", "Ada", "--website", "https://a.example/",
           "--client-id", "own", "--scope", "user", "--native", "--without-pkce")  # fmt: skip
    names = ("redirect_uris", "operator", "client_uri", "client_id", "scope", "application_type", "requires_pkce")
    assert list(Client.objects.values_list(*names)) == [
        (
            "https://pharmacy.example/callback\nhttps://b.example/",
            "Ada",
            "https://a.example/",
            "own",
            "user",
            "native",
            False,
        )
    ]


def test_a_public_client_has_no_secret() -> None:
    """The command prints and stores none."""
    printed = create("--public")
    assert (list(printed), Client.objects.get().secret_hashes) == (["client_id"], ())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--public", "--without-pkce"], "A public client cannot do without PKCE: leave out --without-pkce."),
        (
            ["--scope", "user everything"],
            (
                "--scope: unknown: everything."
                " Add scopes to OAUTH_SERVICE_SCOPES, or register the API that has them: create_resource."
            ),
        ),
        (["--client-id", "a:b"], "--client-id: A client ID can have only letters, digits and - . _ ~ in it."),
        (["--website", "javascript:alert(1)"], "--website: Enter a valid URL."),
        (
            ["--redirect-uri", "http://far.example/"],
            (
                "--redirect-uri: http://far.example/ is http outside this machine;"
                " only 127.0.0.1, [::1] and localhost may be."
            ),
        ),
        *(
            (
                ["--redirect-uri", uri],
                f"--redirect-uri: {uri} has an asterisk, but there are no wildcards: register each address in full.",
            )
            for uri in ("https://*.pharmacy.example/", "https://pharmacy.example/*", "https://pharmacy.example/?a=*")
        ),
        (
            ["--redirect-uri", "https://pharmacy.example/callback"],
            "--redirect-uri: https://pharmacy.example/callback is given twice. Leave one out.",
        ),
        (
            ["--contact", "ada@a.example", "--contact", "ada@a.example"],
            "--contact: ada@a.example is given twice. Leave one out.",
        ),
        (
            ["--redirect-uri", "callback", "--client-id", "a b"],
            (
                "--client-id: A client ID can have only letters, digits and - . _ ~ in it.\n"
                "--redirect-uri: callback is not absolute: it needs a scheme."
            ),
        ),
    ],
)
def test_a_client_that_cannot_be_is_refused_in_words(arguments: list[str], sentence: str) -> None:
    """The command reports each fault under its option and creates no client."""
    with pytest.raises(CommandError) as refusal:
        create(*arguments)
    assert (str(refusal.value), Client.objects.count()) == (sentence, 0)


def test_a_client_id_that_is_taken_is_refused(presc_man: Client) -> None:
    """The existing client keeps its secret."""
    with pytest.raises(CommandError, match="--client-id: Client with this Client ID already exists"):
        create("--client-id", "presc_man_123")


def test_without_name_or_redirect_uri_it_says_what_is_missing() -> None:
    """The message of argparse is clear enough. Clients that sign in no users need no redirect URI."""
    with pytest.raises(CommandError, match="the following arguments are required: --name"):
        call_command("create_client")
    with pytest.raises(CommandError, match="--redirect-uri: An app that people sign in with needs a redirect URI"):
        call_command("create_client", "--name=P")
    assert "redirect_uris" not in call("create_client", "--name=P", "--grant-type=client_credentials", "--json")


def test_a_client_that_only_connects_devices_needs_no_redirect_uri(settings: Settings) -> None:
    """Such a client never receives a redirect."""
    settings.OAUTH_SERVICE_DEVICE_AUTHORIZATION = True
    call_command("create_client", "--name=Wonder TV", "--public", f"--grant-type={GRANT_TYPE}", stdout=StringIO())
    assert (Client.objects.get().grant_types, Client.objects.get().redirect_uris) == (GRANT_TYPE, "")


def test_a_device_is_told_how_to_start() -> None:
    """The request returns the code and the page where users enter it."""
    with override_settings(OAUTH_SERVICE_DEVICE_AUTHORIZATION=True):
        output = StringIO()
        call_command("create_client", "--name=Wonder TV", "--public", f"--grant-type={GRANT_TYPE}", stdout=output)
    [curl] = re.findall(r"^curl (\S+) .*\n +--data-urlencode client_id='(\w+)' ", output.getvalue(), re.MULTILINE)
    assert curl == ("http://localhost:8000/device-authorization/", Client.objects.get().client_id)


def test_a_grant_type_that_is_switched_off_names_its_setting() -> None:
    """A developer who follows the guide of devices forgets the setting first."""
    with pytest.raises(CommandError, match=r"is switched off\. It needs OAUTH_SERVICE_DEVICE_AUTHORIZATION"):
        call_command("create_client", "--name=Wonder TV", "--public", f"--grant-type={GRANT_TYPE}")


def test_an_unknown_grant_type_is_told_with_the_known_ones() -> None:
    """OAuth 2.1 has no password grant, which older guides use."""
    with pytest.raises(CommandError, match=r"does not have the grant type password\. Choose from authorization_code, "):
        call_command("create_client", "--name=Old", "--grant-type=password")


def test_a_service_that_is_not_registered_is_a_warning() -> None:
    """A misspelt client_id would otherwise show itself at the first exchange only."""
    output = StringIO()
    call_command(
        *("create_client", "--name=Shop", "--redirect-uri=https://shop.example/callback", "--exchangeable-by=ordres"),
        stdout=StringIO(),
        stderr=output,
    )
    assert "Warning: No client ordres is registered, so it cannot exchange tokens yet." in output.getvalue()


def test_a_client_may_have_the_scopes_of_this_server_by_default(settings: Settings) -> None:
    """A project with scopes of its own need not repeat them on the command line."""
    settings.OAUTH_SERVICE_SCOPES = {"read": "Read", "write": "Write"}
    create()
    assert Client.objects.get().scope == "read write"


def test_every_member_of_the_metadata_has_an_option(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command stores the value of each option, and --json prints it under its RFC 7591 name."""
    settings.OAUTH_SERVICE_SCOPES = {"openid": "Sign in", "email": "Your address"}
    settings.OAUTH_SERVICE_PAIRWISE_KEY = "a pairwise key of thirty-two characters"
    document = b'["https://a.example/callback", "https://b.example/callback"]'
    monkeypatch.setattr("oauth_service.outbound.documents.read", lambda *_, **__: document)
    values = {
        "client_id": "own",
        "client_name": "Pharmacy",
        "operator": "Ada",
        "is_first_party": True,
        "client_uri": "https://a.example/",
        "logo_uri": "https://a.example/logo.png",
        "policy_uri": "https://a.example/privacy",
        "tos_uri": "https://a.example/terms",
        "contacts": ["ada@a.example", "bob@a.example"],
        "application_type": "web",
        "redirect_uris": ["https://a.example/callback", "https://b.example/callback"],
        "scope": "openid email",
        "client_credentials_scope": "email",
        "grant_types": ["authorization_code", "refresh_token"],
        "may_impersonate": True,
        "may_delegate": True,
        "exchangeable_by": ["orders", "stock"],
        "may_revoke_users": True,
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
        "jwks_uri": "https://a.example/jwks",
        "requires_pkce": False,
        "remembers_consent": False,
        "access_token_lifetime": 600,
        "refresh_token_lifetime": 86400,
        "connection_lifetime": 604800,
        "grant_type_scopes": {"authorization_code": "openid email", "refresh_token": "openid"},
        "introspection_resources": ["https://api.example/pills", "https://api.example/pets"],
        "id_token_signed_response_alg": "RS256",
        "userinfo_signed_response_alg": "RS256",
        "subject_type": "pairwise",
        "sector_identifier_uri": "https://a.example/sector.json",
        "default_max_age": 300,
        "require_auth_time": True,
        "default_acr_values": ["gold", "silver"],
        "initiate_login_uri": "https://a.example/login",
        "post_logout_redirect_uris": ["https://a.example/bye"],
        "backchannel_logout_uri": "https://a.example/back",
        "backchannel_logout_session_required": True,
        "frontchannel_logout_uri": "https://a.example/front",
        "frontchannel_logout_session_required": True,
    }
    # jwks and jwks_uri exclude each other; tests/clients/test_key_sets.py tests jwks.
    members = [member for member in MEMBERS if member.name != "jwks"]
    assert list(values) == [member.name for member in members]
    arguments = []
    for member in members:
        value = values[member.name]
        if isinstance(value, dict):
            value = [f"{name} {scope}" for name, scope in value.items()]
        if isinstance(value, bool):
            arguments += [f"--{'' if value else 'no-'}{option_of(member)}"]
        else:
            arguments += [f"--{option_of(member)}={each}" for each in (value if isinstance(value, list) else [value])]
    said = call("create_client", *arguments, "--json")
    client = Client.objects.get()
    assert said == values | {"response_types": ["code"], "is_active": True}
    assert client.secret_hashes == ()
    assert call("show_client", "own", "--json") == values | {"response_types": ["code"], "is_active": True}


def test_members_of_openid_are_not_printed_without_it() -> None:
    """A project without OpenID Connect has no use for its members."""
    said = call("create_client", "--name=P", "--redirect-uri=https://p.example/", "--json")
    assert [member.name for member in MEMBERS if member.openid and member.name in said] == []


def test_a_public_client_says_none() -> None:
    """The value none of token_endpoint_auth_method makes a client public and without a secret (RFC 7591 section 2)."""
    said = call("create_client", "--name=P", "--redirect-uri=https://p.example/", "--json",
                "--token-endpoint-auth-method=none")  # fmt: skip
    assert (said["token_endpoint_auth_method"], "client_secret" in said) == ("none", False)
    assert Client.objects.get().is_public


def test_warnings_come_when_the_client_is_made(capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints what oauth_doctor would report later, and creates the client anyway."""
    create("--redirect-uri", "http://127.0.0.1:5000/callback", "--without-pkce", "--grant-type=authorization_code",
           "--grant-type=client_credentials")  # fmt: skip
    assert [line.partition(". ")[0] for line in capsys.readouterr().err.splitlines()] == [
        "Warning: The client does not have to use PKCE",
        "Warning: The client's redirect URI http://127.0.0.1:5000/callback is on the user's own machine",
        "Note: The client may get every scope for itself that it asks users for",
    ]
    assert Client.objects.count() == 1


def test_a_name_that_another_client_has_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    """Names may repeat, but users cannot tell the two clients apart. Users never see a deactivated client."""
    Client.objects.create(client_id="past", name="Pharmacy", is_active=False)
    create("--client-id", "first")
    assert capsys.readouterr().err == ""
    call_command("create_client", "--name", "PHARMACY", "--redirect-uri", "https://b.example/", stdout=StringIO())
    assert capsys.readouterr().err == (
        "Warning: The client first has the same name. People cannot tell the two apart when they are asked."
        " Rename one of them in the admin.\n"
    )


def steps(*arguments: str) -> tuple[dict[str, str], dict[str, str]]:
    """Run the command; return the parameters of the printed address, and the fields of the printed request."""
    output = StringIO()
    call_command("create_client", "--name=P", *arguments, stdout=output)
    said = output.getvalue()
    secret = re.search(r"client_secret  (\S+)", said)
    assert secret
    address = next((line for line in said.splitlines() if line.startswith("http")), "")
    fields = dict(re.findall(r"--data-urlencode (\w+)='([^']*)'", said))
    return dict(parse_qsl(urlsplit(address).query)), fields | {"client_secret": secret[1]}


@pytest.mark.urls("tests.grant_types.test_resources")
def test_the_printed_steps_lead_to_a_token_for_the_api_of_the_scope(guide: Guide) -> None:
    """The views of an API refuse tokens that were requested without it, so the first try would fail."""
    Resource.objects.create(
        identifier="https://api.example/off", scopes="stock:read See", is_active=False, is_for_all=True
    )
    Resource.objects.create(identifier="https://api.example/closed", scopes="stock:read See")
    Resource.objects.create(identifier=STOCK, name="Stock", scopes="stock:read See what is there", is_for_all=True)
    Resource.objects.create(identifier="https://api.example/copy", scopes="stock:read See", is_for_all=True)
    question, fields = steps("--redirect-uri=https://p.example/back", "--scope=user stock:read")
    del question["response_type"]
    mine = Guide(alice=guide.alice, client=Client.objects.get(name="P"))
    token = mine.post("/token/", fields | {"code": mine.code(**question)}, as_form=True).json()["access_token"]
    assert (question["resource"], status_at("/stock/", token)) == (STOCK, 200)


@pytest.mark.urls("tests.grant_types.test_resources")
def test_the_printed_request_of_a_service_is_for_the_api_of_its_scope(guide: Guide) -> None:
    """The service gets a token that the API accepts."""
    Resource.objects.create(identifier=STOCK, name="Stock", scopes="stock:read See what is there", is_for_all=True)
    _question, fields = steps("--grant-type=client_credentials", "--scope=stock:read")
    answer = guide.post("/token/", fields, as_form=True)
    assert (fields["resource"], status_at("/stock/", answer.json()["access_token"])) == (STOCK, 200)


def test_the_printed_steps_lead_to_a_token(guide: Guide) -> None:
    """The authorization endpoint accepts the printed address, and the token endpoint the printed request."""
    output = StringIO()
    call_command("create_client", "--name=P", "--redirect-uri=https://p.example/back", stdout=output)
    said = output.getvalue()
    address = next(line for line in said.splitlines() if line.startswith("http"))
    question = dict(parse_qsl(urlsplit(address).query))
    del question["response_type"]  # the page's form does not send it back
    secret = re.search(r"client_secret  (\S+)", said)
    assert secret
    client = Client.objects.get(name="P")
    mine = Guide(alice=guide.alice, client=client)
    fields = dict(re.findall(r"--data-urlencode (\w+)='([^']*)'", said))
    code = mine.code(**question)
    answer = mine.post("/token/", fields | {"code": code, "client_secret": secret[1]}, as_form=True)
    assert (urlsplit(address).path, answer.status_code) == ("/authorise/", 200)
