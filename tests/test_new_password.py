"""A new password ends the user's connections, however it is set. Without the setting nothing is checked."""

import getpass
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from io import StringIO
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.forms import AdminPasswordChangeForm, PasswordChangeForm, SetPasswordForm
from django.contrib.auth.hashers import make_password
from django.contrib.auth.management.commands import changepassword
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import transaction
from django.db.models.signals import post_save, pre_save
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext, isolate_apps, override_settings
from pytest_django import Settings

from oauth_service import signals
from oauth_service.models import AuditEvent, AuthorizationCode, Client, Consent, Grant
from oauth_service.people import new_password
from oauth_service.watch import audit
from tests.database import ALIAS, connection
from tests.guide import Guide

Committed = Callable[[], AbstractContextManager[object]]
NEW = "looking-glass-1871"


with isolate_apps("django.contrib.auth"):  # keeps it out of other tests' app registry

    class Person(User):
        """The user under another name, like a project's proxy model."""

        class Meta:
            proxy = True
            app_label = "auth"


USERS = (User, Person)


@pytest.fixture
def on(settings: Settings) -> Iterator[None]:
    """A project with the setting switched on, connected as at its start."""
    settings.OAUTH_SERVICE_END_CONNECTIONS_ON_PASSWORD_CHANGE = True
    new_password.connect(USERS)
    yield
    new_password.disconnect(USERS)


def set_password(user: User) -> None:
    """Set a password as Django's documentation shows."""
    user.set_password(NEW)
    user.save()


def save_the_field_alone(user: User) -> None:
    """Save the password column only, as some projects do."""
    user.set_password(NEW)
    user.save(update_fields=["password"])


def assign_a_hash(user: User) -> None:
    """Bypass set_password()."""
    user.password = make_password(NEW)
    user.save()


def change(user: User) -> None:
    """Use Django's page for changing it."""
    form: Any = PasswordChangeForm(user, {"old_password": "wonderland", "new_password1": NEW, "new_password2": NEW})
    assert form.is_valid(), form.errors
    form.save()


def reset(user: User) -> None:
    """Use Django's page behind the link of a mail."""
    form: Any = SetPasswordForm(user, {"new_password1": NEW, "new_password2": NEW})
    assert form.is_valid(), form.errors
    form.save()


def by_the_form_of_the_admin(user: User) -> None:
    """Set it as staff for another user."""
    form: Any = AdminPasswordChangeForm(user, {"password1": NEW, "password2": NEW})
    assert form.is_valid(), form.errors
    form.save()


def in_the_admin(user: User) -> None:
    """Use the page of the admin itself."""
    staff = Browser()
    staff.force_login(User.objects.create_superuser("root"))
    data = {"password1": NEW, "password2": NEW, "usable_password": "true"}
    assert staff.post(f"/admin/auth/user/{user.pk}/password/", data).status_code == 302


def by_command(user: User) -> None:
    """Run manage.py changepassword."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(getpass, "getpass", lambda prompt="": NEW)
        patch.setattr(
            changepassword.Command, "requires_migrations_checks", False
        )  # that check uses the default database
        call_command("changepassword", user.username, database=ALIAS, stdout=StringIO())


def under_another_name(user: User) -> None:
    """Use a proxy model, for which Django sends signals with the proxy's class."""
    set_password(Person.objects.get(pk=user.pk))


def asynchronously(user: User) -> None:
    """Use asave()."""
    user.set_password(NEW)
    async_to_sync(user.asave)()


def make_unusable(user: User) -> None:
    """Make the password unusable, for a user who signs in elsewhere from now on."""
    user.set_unusable_password()
    user.save()


def past_the_model(user: User) -> None:
    """Update without a signal, and then call what docs/passwords.md asks for."""
    User.objects.filter(pk=user.pk).update(password=make_password(NEW))
    new_password.end_connections(user.pk)


WAYS = (
    *(set_password, save_the_field_alone, assign_a_hash, change, reset, by_the_form_of_the_admin, in_the_admin),
    *(by_command, under_another_name, asynchronously, make_unusable, past_the_model),
)
each_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)


def what_is_left(guide: Guide, tokens: dict[str, Any], code: str) -> tuple[bool, int, int]:
    """Return whether the access token is valid, and the statuses of a refresh and an exchange."""
    return (
        guide.is_alive(tokens["access_token"]),
        guide.refresh(tokens["refresh_token"]).status_code,
        guide.exchange(code).status_code,
    )


@pytest.mark.django_db(transaction=True, databases=[ALIAS])
@each_way
def test_a_new_password_ends_everything(guide: Guide, on: None, way: Callable[[User], None]) -> None:
    """The access token, the refresh token and the pending code end. Another user's connections stay."""
    tokens, code = guide.tokens(), guide.code()
    dinah = User.objects.create_user("dinah", password="a cat")
    Consent.objects.create(user=dinah, client=guide.client, scope="user", given_at=Consent.objects.get().given_at)
    way(User.objects.get(pk=guide.alice.pk))
    assert what_is_left(guide, tokens, code) == (False, 400, 400)
    assert (AuthorizationCode.objects.count(), Grant.objects.count()) == (0, 0)
    assert [consent.user for consent in Consent.objects.all()] == [dinah]


@each_way
def test_by_default_connections_outlive_a_password(guide: Guide, way: Callable[[User], None]) -> None:
    """Projects must choose this effect; docs/passwords.md describes the default."""
    if way is past_the_model:
        return
    tokens, code = guide.tokens(), guide.code()
    way(User.objects.get(pk=guide.alice.pk))
    assert what_is_left(guide, tokens, code) == (True, 200, 200)


def test_it_stays_ended(guide: Guide, on: None) -> None:
    """Somebody who knew the old password may have allowed the app, so the user is asked again."""
    guide.tokens()
    set_password(guide.alice)
    guide.browser.force_login(guide.alice)
    assert b"Allow" in guide.browser.get("/authorise/", guide.request()).content


def test_a_new_password_has_an_event_for_each_app(guide: Guide, on: None, committed: Committed) -> None:
    """Each app has an event with the reason, and a row in the audit trail."""
    guide.tokens()
    heard: list[dict[str, Any]] = []

    def hear(**facts: Any) -> None:
        heard.append({name: value for name, value in facts.items() if name not in ("signal", "sender")})

    signals.app_deauthorised.connect(hear)
    try:
        with committed():
            set_password(guide.alice)
    finally:
        signals.app_deauthorised.disconnect(hear)
    audit.flush()
    facts = {"user_id": guide.alice.pk, "client_id": "presc_man_123", "reason": "new password"}
    assert heard == [facts]
    assert AuditEvent.objects.filter(event="app_deauthorised").values_list("reason", flat=True).get() == "new password"


def test_several_apps_end_together(guide: Guide, on: None, public_app: Client) -> None:
    """The new password must end every app that the user has allowed."""
    guide.answer()
    Consent.objects.create(user=guide.alice, client=public_app, scope="user", given_at=Consent.objects.get().given_at)
    set_password(guide.alice)
    assert Consent.objects.count() == 0


def save_the_same(user: User) -> None:
    """Edit a profile."""
    user.email = "alice@new.example"
    user.save()


def sign_in(user: User) -> None:
    """Sign in, for which Django saves last_login."""
    assert Browser().post("/login/", {"username": user.username, "password": "wonderland"}).status_code == 302


def hash_anew(user: User) -> None:
    """Sign in when a stronger hasher is preferred, so that Django stores a new hash of the same password."""
    before = user.password
    own = "django.contrib.auth.hashers."
    with override_settings(PASSWORD_HASHERS=[f"{own}ScryptPasswordHasher", f"{own}MD5PasswordHasher"]):
        sign_in(user)
    user.refresh_from_db()
    assert user.password != before


def be_deferred(user: User) -> None:
    """Save an instance with deferred columns."""
    User.objects.only("email").get(pk=user.pk).save()


def roll_back(user: User) -> None:
    """Change the password in a transaction that is rolled back."""
    with transaction.atomic(using=ALIAS):
        set_password(user)
        transaction.set_rollback(True, using=ALIAS)


@pytest.mark.django_db(transaction=True, databases=[ALIAS])
@pytest.mark.parametrize(
    "way", [save_the_same, sign_in, hash_anew, be_deferred, roll_back], ids=lambda way: way.__name__
)
def test_what_is_no_new_password_ends_nothing(guide: Guide, on: None, way: Callable[[User], None]) -> None:
    """Users would lose their apps at an ordinary save, or when Django stores a stronger hash of the same password."""
    tokens, code = guide.tokens(), guide.code()
    way(User.objects.get(pk=guide.alice.pk))
    assert what_is_left(guide, tokens, code) == (True, 200, 200)


def statements_of(user: User, **options: Any) -> int:
    """Return the number of statements of a save."""
    with CaptureQueriesContext(connection) as found:
        user.save(**options)
    return len(found)


def test_without_the_setting_a_new_password_takes_no_statement(alice: User) -> None:
    """Without the setting there is no receiver, and so no statement."""
    ids = [key for signal in (pre_save, post_save) for (key, *_), *_ in signal.receivers]
    assert [key for key in ids if "new_password" in str(key)] == []
    assert statements_of(alice) == 1


def test_saving_a_password_takes_one_more_statement_with_the_setting(alice: User, on: None) -> None:
    """A sign-in saves last_login only, and needs no additional statement."""
    assert (statements_of(alice), statements_of(alice, update_fields=["last_login"])) == (2, 1)


def test_the_page_of_connected_apps_says_what_holds(guide: Guide, settings: Settings) -> None:
    """Users look there after they changed a password that somebody else knows."""
    guide.tokens()
    shown = []
    for is_on in (False, True):
        settings.OAUTH_SERVICE_END_CONNECTIONS_ON_PASSWORD_CHANGE = is_on
        page = guide.browser.get("/manage-apps/").content.decode()
        shown.append(("They stay connected when you" in page, "A new password disconnects all" in page))
    assert shown == [(True, False), (False, True)]
