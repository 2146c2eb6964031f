"""manage.py seed_demo."""

from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from pytest_django import Settings

from oauth_service.models import Client
from tests.guide import Guide

pytestmark = pytest.mark.django_db


@pytest.fixture
def debug(settings: Settings) -> None:
    """A developer's machine."""
    settings.DEBUG = True


def seed() -> str:
    """Run the command; what it said."""
    output = StringIO()
    call_command("seed_demo", stdout=output)
    return output.getvalue()


def presc_man() -> Client:
    """The guide's client."""
    return Client.objects.get(client_id="presc_man_123")


def test_the_guide_can_be_played_with_what_it_makes(debug: None, settings: Settings) -> None:
    """Alice and presc_man_123, with the secret and the redirect URI of the guide."""
    seed()
    guide = Guide(alice=User.objects.get(username="alice"), client=Client.objects.get(client_id="presc_man_123"))
    tokens = guide.tokens()
    assert guide.userinfo(tokens["access_token"]).json()["name"] == "Alice Liddell"


def test_alice_and_the_administrator_can_sign_in(debug: None) -> None:
    """With the passwords that `make run` tells."""
    seed()
    who = [("alice", "wonderland"), ("admin", "admin")]
    assert [Browser().login(username=name, password=password) for name, password in who] == [True, True]


def test_the_administrator_may_open_the_admin(debug: None) -> None:
    """Staff and superuser; Alice is neither."""
    seed()
    rights = User.objects.order_by("username").values_list("username", "is_staff", "is_superuser")
    assert list(rights) == [("admin", True, True), ("alice", False, False)]


def test_run_again_it_changes_nothing(debug: None) -> None:
    """`make run` runs it every time: what a person has changed since stays."""
    said = [seed()]
    User.objects.filter(username="alice").update(first_name="Alicia", password="another")
    Client.objects.filter(client_id="presc_man_123").update(name="Renamed", secret_hash="another")
    said.append(seed())
    kept = (User.objects.get(username="alice").first_name, presc_man().name, presc_man().secret_hash)
    assert (said, kept) == (
        ["Made alice, admin, presc_man_123, demo_web, demo_spa, demo_tv.\n", "Everybody is there already.\n"],
        ("Alicia", "Renamed", "another"),
    )


def test_it_makes_only_who_is_missing(debug: None, alice: User) -> None:
    """Alice may have been there before."""
    assert seed() == "Made admin, presc_man_123, demo_web, demo_spa, demo_tv.\n"


def test_the_redirect_uri_can_be_another_ports(debug: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journeys run the client application on a free port."""
    monkeypatch.setenv("OAUTH_REDIRECT_URI", "http://127.0.0.1:5999/callback")
    seed()
    assert presc_man().redirect_uris == "http://127.0.0.1:5999/callback"


def test_it_refuses_without_debug_and_makes_nobody() -> None:
    """Everybody knows these passwords."""
    with pytest.raises(CommandError, match="runs with DEBUG only"):
        seed()
    assert (User.objects.count(), Client.objects.count()) == (0, 0)
