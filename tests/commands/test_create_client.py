"""manage.py create_client."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from oauth_service.models import Client
from oauth_service.protocol import client_authentication
from tests.guide import Guide

pytestmark = pytest.mark.django_db


def create(*arguments: str, redirect_uri: str = "https://pharmacy.example/callback") -> dict[str, str]:
    """Run the command; what it printed, by name."""
    output = StringIO()
    call_command("create_client", "--name", "Pharmacy", "--redirect-uri", redirect_uri, *arguments, stdout=output)
    return dict(line.split(None, 1) for line in output.getvalue().splitlines() if line.startswith("client_"))


def test_it_prints_credentials_that_work(guide: Guide) -> None:
    """The secret is the one that the server takes."""
    printed = create("--without-pkce", redirect_uri="http://127.0.0.1:5000/callback")
    client = Client.objects.get(client_id=printed["client_id"])
    guide = Guide(alice=guide.alice, client=client)
    assert guide.exchange(guide.code(), client_secret=printed["client_secret"]).status_code == 200


def test_only_a_hash_of_the_secret_is_kept() -> None:
    """It is printed once, and nobody can print it again."""
    secret = create()["client_secret"]
    assert Client.objects.get().secret_hashes == (client_authentication.hash_of(secret),)


def test_it_says_that_the_secret_is_shown_once() -> None:
    """Who closes the window without copying it should have been told."""
    output = StringIO()
    call_command("create_client", "--name", "P", "--redirect-uri", "https://p.example/", stdout=output)
    assert "The secret is shown this once. Only its hash is kept." in output.getvalue()


def test_a_client_that_says_nothing_else_is_as_strict_as_can_be() -> None:
    """Confidential, web, PKCE, all the scopes that the consent page has words for."""
    create()
    client = Client.objects.get()
    kind = (client.client_type, client.application_type, client.requires_pkce, client.scope, client.grant_types)
    assert kind == ("confidential", "web", True, "user profile", "authorization_code refresh_token")


def test_every_option_finds_its_place() -> None:
    """Two redirect URIs, an operator, a website, a client_id and a scope of its own."""
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
    """None is printed, none is kept."""
    printed = create("--public")
    assert (list(printed), Client.objects.get().secret_hashes) == (["client_id"], ())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--public", "--without-pkce"], "A public client cannot do without PKCE: leave out --without-pkce."),
        (["--scope", "user everything"], "--scope: OAUTH_SERVICE_SCOPES has no everything."),
        (["--client-id", "a:b"], "--client-id: Only letters, digits and - . _ ~ may stand in a client ID."),
        (["--website", "javascript:alert(1)"], "--website: Enter a valid URL."),
        (
            ["--redirect-uri", "http://far.example/"],
            (
                "--redirect-uri: http://far.example/ is http outside this machine;"
                " only 127.0.0.1, [::1] and localhost may be."
            ),
        ),
        (
            ["--redirect-uri", "callback", "--client-id", "a b"],
            (
                "--client-id: Only letters, digits and - . _ ~ may stand in a client ID.\n"
                "--redirect-uri: callback is not absolute: it needs a scheme."
            ),
        ),
    ],
)
def test_a_client_that_cannot_be_is_refused_in_words(arguments: list[str], sentence: str) -> None:
    """Each fault under the option that it is about, and nothing is made."""
    with pytest.raises(CommandError) as refusal:
        create(*arguments)
    assert (str(refusal.value), Client.objects.count()) == (sentence, 0)


def test_a_client_id_that_is_taken_is_refused(presc_man: Client) -> None:
    """The client that has it keeps its secret."""
    with pytest.raises(CommandError, match="--client-id: Client with this Client ID already exists"):
        create("--client-id", "presc_man_123")


def test_without_name_or_redirect_uri_it_says_what_is_missing() -> None:
    """Argument parsing's own words."""
    with pytest.raises(CommandError, match="the following arguments are required: --name, --redirect-uri"):
        call_command("create_client")


def test_a_client_may_have_the_scopes_of_this_server_by_default(settings: Settings) -> None:
    """A project with scopes of its own need not name them again."""
    settings.OAUTH_SERVICE_SCOPES = {"read": "Read", "write": "Write"}
    create()
    assert Client.objects.get().scope == "read write"
