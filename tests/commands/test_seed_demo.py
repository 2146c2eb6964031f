"""manage.py seed_demo."""

import re
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from pytest_django import Settings

from config.demo.management.commands.seed_demo import CAST
from examples.running import EXAMPLES
from oauth_service.models import Client, Resource
from tests.guide import Guide

pytestmark = pytest.mark.django_db


@pytest.fixture
def debug(settings: Settings) -> None:
    """A developer's machine."""
    settings.DEBUG = True


def seed(*options: str) -> str:
    """Run the command; return its output."""
    output = StringIO()
    call_command("seed_demo", *options, stdout=output)
    return output.getvalue()


def of_examples() -> list[str]:
    """Options by which `make run-mcp` and `make run-api` register their APIs."""
    return [word for example in EXAMPLES.values() for word in (example.option, example.url(example.port))]


def presc_man() -> Client:
    """The guide's client."""
    return Client.objects.get(client_id="presc_man_123")


def test_the_guide_can_be_played_with_what_it_makes(debug: None, settings: Settings) -> None:
    """The cast includes Alice and presc_man_123, with the secret and the redirect URI of the guide."""
    seed()
    guide = Guide(alice=User.objects.get(username="alice"), client=Client.objects.get(client_id="presc_man_123"))
    tokens = guide.tokens()
    assert guide.userinfo(tokens["access_token"]).json()["name"] == "Alice Liddell"


def test_alice_and_the_administrator_can_sign_in(debug: None) -> None:
    """The passwords are those that `make run` prints."""
    seed()
    who = [("alice", "wonderland"), ("admin", "admin")]
    assert [Browser().login(username=name, password=password) for name, password in who] == [True, True]


def test_the_administrator_may_open_the_admin(debug: None) -> None:
    """The administrator is staff and superuser; Alice is neither."""
    seed()
    rights = User.objects.order_by("username").values_list("username", "is_staff", "is_superuser")
    assert list(rights) == [("admin", True, True), ("alice", False, False)]


def test_run_again_it_changes_nothing(debug: None) -> None:
    """`make run` runs the command every time, and must keep a developer's changes."""
    said = [seed()]
    User.objects.filter(username="alice").update(first_name="Alicia", password="another")
    Client.objects.filter(client_id="presc_man_123").update(name="Renamed", secret_hash="another")
    said.append(seed())
    kept = (User.objects.get(username="alice").first_name, presc_man().name, presc_man().secret_hash)
    assert (said, kept) == (
        [f"Made {', '.join(CAST)}.\n", "Everybody is there already.\n"],
        ("Alicia", "Renamed", "another"),
    )


def test_an_example_is_registered_when_it_is_run(debug: None) -> None:
    """
    The API gets a client for introspection. If the example runs on another port, the same client may ask about that
    URL, too.
    """
    seed()
    before = Client.objects.count(), Resource.objects.count()
    said = [seed("--mcp-server", "http://127.0.0.1:5010/mcp") for _ in range(2)]
    assert said == ["Made mcp-server.\n", "Everybody is there already.\n"]
    seed("--mcp-server", "http://127.0.0.1:6010/mcp")
    assert (Client.objects.count(), Resource.objects.count()) == (before[0] + 1, before[1] + 2)
    asks = Client.objects.get(client_id="demo_mcp_server").introspection_resources.split()
    assert asks == ["http://127.0.0.1:5010/mcp", "http://127.0.0.1:6010/mcp"]


def test_it_makes_only_who_is_missing(debug: None, alice: User) -> None:
    """A developer's database may already have Alice."""
    assert seed() == f"Made {', '.join(name for name in CAST if name != 'alice')}.\n"


def test_the_redirect_uri_can_be_another_ports(debug: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journeys run the client application on a free port."""
    monkeypatch.setenv("OAUTH_REDIRECT_URI", "http://127.0.0.1:5999/callback")
    seed()
    assert presc_man().redirect_uris == "http://127.0.0.1:5999/callback"


def test_it_refuses_without_debug_and_makes_nobody() -> None:
    """Everyone knows the passwords."""
    with pytest.raises(CommandError, match="runs with DEBUG only"):
        seed()
    assert (User.objects.count(), Client.objects.count(), Resource.objects.count()) == (0, 0, 0)


DEMO = Path(__file__).resolve().parents[2] / "docs/demo.md"


def rows_of_the_cast() -> dict[str, list[str]]:
    """The table of the cast, as the code in the other columns of each client's row."""
    text = DEMO.read_text(encoding="utf-8").partition("## The cast")[2].partition("\n## ")[0]
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("| `")]
    return {
        name: re.findall("`(.*?)`", "".join(rest)) for first, *rest in rows for name in re.findall("`(.*?)`", first)
    }


def test_the_demo_page_names_every_client_with_its_secret_and_redirect_uris(debug: None) -> None:
    """Developers look there for a client's secret."""
    seed(*of_examples())
    named = rows_of_the_cast()
    assert sorted(named) == sorted(Client.objects.values_list("client_id", flat=True))
    for client in Client.objects.all():
        told = named[client.client_id]
        assert set(client.redirect_uri_list) <= set(told), client.client_id
        secrets = [each for each in told if client.secret_hash and check_password(each, client.secret_hash)]
        assert len(secrets) == (0 if client.is_public else 1), client.client_id


def test_the_demo_page_names_every_api_with_its_scopes(debug: None) -> None:
    """Clients must send the identifier exactly as it is registered."""
    seed(*of_examples())
    text = DEMO.read_text(encoding="utf-8")
    for api in Resource.objects.all():
        assert [each for each in (api.identifier, *api.words()) if f"`{each}`" not in text] == []
