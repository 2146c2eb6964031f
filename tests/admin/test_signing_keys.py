"""Signing keys in the admin: the purpose of each key, and no secret."""

from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.utils import timezone
from pytest_django import Settings

from oauth_service.models import SigningKey
from oauth_service.tokens import keys

LIST = "/admin/oauth_service/signingkey/"


@pytest.fixture(autouse=True)
def openid(settings: Settings) -> Settings:
    """A server that is an OpenID Provider."""
    settings.OAUTH_SERVICE_SCOPES = {"openid": "Who you are"}
    settings.OAUTH_SERVICE_SIGNING_ALGORITHMS = ("RS256", "ES256")
    return settings


@pytest.fixture
def row(db: None) -> SigningKey:
    """The ES256 key that signs."""
    keys.sign({}, algorithm="ES256", typ="JWT", now=timezone.now() - timedelta(hours=1))
    return SigningKey.objects.get()


def test_the_list_says_what_each_key_is_for(staff: Browser, row: SigningKey) -> None:
    """Staff see which key signs now and which one signs next."""
    successor = keys.rotate("ES256", now=timezone.now())
    page = staff.get(LIST).content.decode()
    words = (row.kid, successor.kid, ">signs tokens now<", ">published, will sign next<")
    assert [word for word in words if word not in page] == []


def test_a_key_that_cannot_be_decrypted_is_said_to_be(staff: Browser, row: SigningKey, settings: Settings) -> None:
    """Operators should see the fault before a client needs the key."""
    settings.OAUTH_SERVICE_TOKEN_KEY, settings.SECRET_KEY = "b" * 32, "c" * 50
    staff = Browser()
    from django.contrib.auth.models import User

    staff.force_login(User.objects.create_superuser("root2"))
    assert "cannot be decrypted" in staff.get(LIST).content.decode()


def test_no_page_has_a_private_part(staff: Browser, onlooker: Browser, row: SigningKey) -> None:
    """The pages hide the encrypted private key, too."""
    pages = [browser.get(url) for browser in (staff, onlooker) for url in (LIST, f"{LIST}{row.kid}/change/")]
    assert [page.status_code for page in pages] == [200] * 4
    assert [page for page in pages if b"private" in page.content.lower()] == []


def test_nobody_writes_keys_here(staff: Browser, row: SigningKey) -> None:
    """manage.py oauth_keys changes keys, and announces each change."""
    urls = [f"{LIST}add/", f"{LIST}{row.kid}/delete/"]
    assert [staff.get(url).status_code for url in urls] == [403, 403]
    assert staff.post(f"{LIST}{row.kid}/change/", {"algorithm": "none"}).status_code == 403
    assert SigningKey.objects.get().algorithm == "ES256"


def test_looking_makes_no_key(staff: Browser, db: None) -> None:
    """A GET must change nothing."""
    assert (staff.get(LIST).status_code, SigningKey.objects.count()) == (200, 0)


def test_without_openid_connect_there_is_no_page(staff: Browser, row: SigningKey, settings: Settings) -> None:
    """A feature that is off is absent."""
    settings.OAUTH_SERVICE_SCOPES = {"user": "Your name"}
    assert "signingkey" not in staff.get("/admin/").content.decode()
    assert [staff.get(url).status_code for url in (LIST, f"{LIST}{row.kid}/change/")] == [403, 403]


def test_a_signer_that_is_away_breaks_no_page(staff: Browser, row: SigningKey, settings: Settings) -> None:
    """Staff can still see the rows that exist."""
    settings.OAUTH_SERVICE_SIGNER = "tests.endpoints.test_jwks.Away"
    assert row.kid in staff.get(LIST).content.decode()
