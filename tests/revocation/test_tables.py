"""Cost and effect of one call: one statement per table, whatever the user has."""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from oauth_service.models import AuthorizationCode, Client, Consent, DeviceCode, Grant, SessionMark
from oauth_service.models.authorisation import new_secret
from oauth_service.models.purge import sweep_void
from oauth_service.people import new_password
from tests.database import connection
from tests.device.actors import Device, Visitor, new_tv_app
from tests.guide import SECRET, Guide
from tests.revocation.actors import Console, console_of

MANY = 200


def connected(user: User, *, apps: int) -> None:
    """A user with many grants of each of several apps, and as many waiting codes and devices."""
    now = timezone.now()
    common = {"scope": "user", "expires_at": now + timedelta(days=1), "purge_at": now + timedelta(days=2)}
    for number in range(apps):
        client = Client.objects.create(client_id=f"app{number}", name="App")
        consent = Consent.objects.create(user=user, client=client, scope="user", given_at=now)
        own = common | {"consent": consent}
        Grant.objects.bulk_create(
            Grant(secret=new_secret(), created_at=now, refreshed_at=now, **own) for _ in range(MANY // apps)
        )
        AuthorizationCode.objects.bulk_create(
            AuthorizationCode(secret=new_secret(), **own) for _ in range(MANY // apps)
        )
        DeviceCode.objects.bulk_create(
            DeviceCode(client=client, user_code_digest=uuid4().hex, requested_at=now, next_poll_at=now, **own)
            for _ in range(MANY // apps)
        )


@pytest.mark.parametrize("apps", [1, 10])
def test_each_table_is_written_by_one_statement(console: Console, alice: User, settings: Settings, apps: int) -> None:
    """The number of statements is the same for one grant and for hundreds, for one app and for ten."""
    settings.OAUTH_SERVICE_DEVICE_AUTHORIZATION = True
    connected(alice, apps=apps)
    console.revoke({"format": "opaque", "id": "999999"})  # the secret is cached from here on
    with CaptureQueriesContext(connection) as statements:
        assert console.end(alice).status_code == 204
    written = Counter(
        sql.split('"')[1].removeprefix("oauth_service_")
        for sql in (query["sql"] for query in statements.captured_queries)
        if sql.startswith(("INSERT", "UPDATE", "DELETE"))
    )
    assert written == dict.fromkeys(("sessionmark", "consent", "authorizationcode", "devicecode", "grant"), 1)
    read = [query["sql"] for query in statements.captured_queries if query["sql"].startswith("SELECT")]
    assert len(read) == 3  # client, user, consents
    assert [model.objects.count() for model in (Consent, Grant, AuthorizationCode, DeviceCode)] == [0, 0, 0, 0]


def test_a_device_that_was_allowed_gets_nothing_any_more(console: Console, alice: User, settings: Settings) -> None:
    """An approved device already has the consent while it waits for its next poll. Undecided devices go on waiting."""
    settings.OAUTH_SERVICE_DEVICE_AUTHORIZATION = True
    tv, visitor = Device(new_tv_app()), Visitor(alice)
    allowed, waiting = tv.begun(), tv.begun()
    visitor.allow(allowed["user_code"])
    console.end(alice)
    errors = [tv.error(each["device_code"]) for each in (allowed, waiting)]
    assert errors == ["invalid_grant", "authorization_pending"]


def test_everybody_with_the_address_is_signed_out(console: Console, guide: Guide) -> None:
    """Otherwise a thief could register Alice's address in an account of their own, and keep her session."""
    bob = Guide(User.objects.create_user("bob", "ALICE@example.com"), guide.client)
    tokens = [guide.tokens(), bob.tokens()]
    assert console.revoke({"format": "email", "email": "alice@example.com"}).status_code == 204
    assert [guide.is_alive(each["access_token"]) for each in tokens] == [False, False]


def test_an_empty_e_mail_address_names_no_user(console: Console, guide: Guide) -> None:
    """An empty address must not name all users who have none."""
    User.objects.filter(pk=guide.alice.pk).update(email="")
    tokens = guide.tokens()
    assert console.revoke({"format": "email", "email": ""}).status_code == 400
    assert guide.is_alive(tokens["access_token"])


def test_somebody_who_is_switched_off_is_found(console: Console, guide: Guide) -> None:
    """Connections of a deactivated user are dormant, and must not revive when the user is reactivated."""
    tokens = guide.tokens()
    User.objects.update(is_active=False)
    assert console.end(guide.alice).status_code == 204
    User.objects.update(is_active=True)
    assert not guide.is_alive(tokens["access_token"])


@pytest.mark.parametrize("said", ["none", "text", "stranger"])
def test_a_function_that_answers_nonsense_ends_nothing(
    console: Console, guide: Guide, settings: Settings, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    """The console would believe a 204, so the response is a 500."""
    monkeypatch.setitem(globals(), "_said", {"none": None, "text": "alice", "stranger": [User(username="new")]}[said])
    settings.OAUTH_SERVICE_GLOBAL_TOKEN_REVOCATION_USERS = "tests.revocation.test_tables.nonsense"
    tokens = guide.tokens()
    assert console.revoke({"format": "x"}).status_code == 500
    assert guide.is_alive(tokens["access_token"])


def nonsense(_sub_id: object, _client_id: str) -> object:
    """A return value that a project's function must not have."""
    return _said


_said: object = None


def test_people_see_who_signed_them_out(
    console: Console, guide: Guide, committed: Callable[[], AbstractContextManager[object]]
) -> None:
    """After the next sign-in the user reads it in their recent activity."""
    guide.tokens()
    with committed():
        console.end(guide.alice)
    browser = Browser()
    browser.force_login(guide.alice)
    page = browser.get("/manage-apps/").content.decode()
    assert "Console ended all your connections and signed you out everywhere" in page


def test_the_mark_of_somebody_who_was_deleted_goes_with_the_sweep(console: Console, guide: Guide) -> None:
    """A mark has no foreign key to its user, so a deletion leaves it behind."""
    console.end(guide.alice)
    User.objects.get(pk=guide.alice.pk).delete()
    assert SessionMark.objects.count() == 1
    sweep_void()
    assert SessionMark.objects.count() == 0


def test_a_new_password_is_something_else(console: Console, guide: Guide) -> None:
    """A new password ends connections if the project's settings say so. Django decides about the session."""
    browser = Browser()
    browser.force_login(guide.alice)
    new_password.end_connections(guide.alice.pk)
    assert browser.get("/manage-apps/").status_code == 200


def test_the_permission_is_shown_where_the_feature_is_on(
    console: Console, admin_client: Browser, settings: Settings
) -> None:
    """A feature that is off is absent from the form."""
    pages = []
    for is_on in (False, True):
        settings.OAUTH_SERVICE_GLOBAL_TOKEN_REVOCATION = is_on
        page = admin_client.get(f"/admin/oauth_service/client/{console.client.pk}/change/").content.decode()
        pages.append("may_revoke_users" in page)
    assert pages == [False, True]


def test_a_second_console_needs_a_permission_of_its_own(console: Console, guide: Guide) -> None:
    """Registering a client does not give it this permission."""
    other = console_of("other", may_revoke_users=Client._meta.get_field("may_revoke_users").default)
    assert other.end(guide.alice, credentials=("other", SECRET)).status_code == 403
