"""Deletion of users and clients with requests in flight: no deadlock, no failed deletion, nothing alive at the end."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client as Browser
from django.utils import timezone

from oauth_service.models import Client, Consent
from tests.concurrency.conftest import Tabs
from tests.concurrency.deletions import delete_client, delete_clients, delete_user, delete_users, repeated
from tests.concurrency.threads import PATIENCE_SECONDS, started, stopped, together
from tests.database import ALIAS, connection
from tests.guide import Guide, query_of

Delete = Callable[[Guide], object]


DELETIONS = [delete_user, delete_client, delete_users, delete_clients]
STEPS_OF_DEAUTHORISE = [
    pytest.param('DELETE FROM "oauth_service_consent"', id="consent"),
    pytest.param('DELETE FROM "oauth_service_authorizationcode"', id="codes"),
    pytest.param('DELETE FROM "oauth_service_grant"', id="grants"),
]
STEPS_OF_ALLOW = [
    pytest.param('INSERT INTO "oauth_service_consent"', id="consent"),
    pytest.param('INSERT INTO "oauth_service_authorizationcode"', id="code"),
]


def last_step(delete: Delete) -> str:
    """Return the start of a deletion's last statement."""
    return 'DELETE FROM "auth_user"' if delete in (delete_user, delete_users) else 'DELETE FROM "oauth_service_client"'


@pytest.mark.parametrize("delete", DELETIONS)
@pytest.mark.parametrize("step", STEPS_OF_DEAUTHORISE)
def test_a_deletion_waits_for_deauthorise_at_any_of_its_steps(
    guide: Guide, tabs: Tabs, delete: Delete, step: str
) -> None:
    """Both delete the consent first, and only one of them deletes its codes and grants, so they cannot deadlock."""
    before = guide.tokens()
    guide.code()
    with stopped(tabs.deauthorise, before=step) as ending:
        deletion = started(partial(delete, guide))
    assert ending.result().status_code == 302
    deletion.result(PATIENCE_SECONDS)
    assert ({guide.is_alive(before["access_token"])}, Consent.objects.count()) == ({False}, 0)


@pytest.mark.parametrize("delete", DELETIONS)
def test_deauthorise_waits_for_a_deletion(guide: Guide, tabs: Tabs, delete: Delete) -> None:
    """The request finds no connection left to end, and says so."""
    before = guide.tokens()
    with stopped(partial(delete, guide), before=last_step(delete)) as deletion:
        ending = started(tabs.deauthorise)
    deletion.result()
    assert ending.result(PATIENCE_SECONDS).status_code == 302
    assert ({guide.is_alive(before["access_token"])}, Consent.objects.count()) == ({False}, 0)


@pytest.mark.parametrize("delete", DELETIONS)
def test_deletions_that_meet_everything_else_fail_nobody(guide: Guide, tabs: Tabs, delete: Delete) -> None:
    """
    Revoke buttons, refreshes and exchanges run during the deletion. Late requests are refused, without a server error.
    """
    before = [guide.tokens() for _ in range(3)]
    codes = [guide.code() for _ in range(3)]
    answers: list[Any] = together(
        partial(delete, guide),
        *[tabs.deauthorise] * 2,
        *[partial(guide.refresh, tokens["refresh_token"]) for tokens in before],
        *[partial(guide.exchange, code) for code in codes],
    )
    assert {answer.status_code for answer in answers[1:3]} == {302}
    assert {answer.status_code for answer in answers[3:]} <= {200, 400, 401}
    handed_out = [*before, *(answer.json() for answer in answers[3:] if answer.status_code == 200)]
    assert ({guide.is_alive(each["access_token"]) for each in handed_out}, Consent.objects.count()) == ({False}, 0)


# -- a first consent, which refers to both ---------------------------------------------------------------------------


def was_answered(answer: Any) -> bool:
    """Return whether Allow got a response: a code, a refusal, or a page for an unknown user or app."""
    if answer.status_code == 302:
        query = query_of(answer["Location"])
        return "code" in query or query.get("error") == "access_denied" or "next" in query
    return bool(answer.status_code == 400)


@pytest.mark.parametrize("delete", DELETIONS)
@pytest.mark.parametrize("step", STEPS_OF_ALLOW)
def test_a_deletion_takes_a_first_consent_that_is_being_given(
    guide: Guide, tabs: Tabs, delete: Delete, step: str
) -> None:
    """The deletion succeeds in any order. The consent is deleted with the user or client, or it fails."""
    with stopped(tabs.allow, before=step) as answer:
        deletion = started(partial(delete, guide))
    deletion.result(PATIENCE_SECONDS)
    assert (was_answered(answer.result()), Consent.objects.count()) == (True, 0)


@pytest.mark.parametrize("delete", DELETIONS)
@pytest.mark.parametrize("before", ["first", "last"])
def test_a_first_consent_does_not_come_between_the_steps_of_a_deletion(
    guide: Guide, tabs: Tabs, delete: Delete, before: str
) -> None:
    """A consent written after the deletion collected the consents would make the deletion fail at its end."""
    steps = {"first": ("BEGIN", "SELECT", "DELETE"), "last": (last_step(delete),)}[before]
    with stopped(partial(delete, guide), before=steps) as deletion:
        answer = started(tabs.allow)
    deletion.result()
    assert (was_answered(answer.result(PATIENCE_SECONDS)), Consent.objects.count()) == (True, 0)


@pytest.mark.parametrize("delete", DELETIONS)
def test_first_consents_that_meet_a_deletion_never_fail_it(guide: Guide, tabs: Tabs, delete: Delete) -> None:
    """Alice's tabs press Allow while her account or the app is deleted."""
    deletion, *answers = together(partial(delete, guide), *[tabs.allow] * 3)
    assert ([was_answered(answer) for answer in answers], Consent.objects.count()) == ([True] * 3, 0)
    assert deletion


@pytest.fixture
def staff(db: None) -> Browser:
    """The browser of an administrator with all permissions."""
    browser = Browser()
    browser.force_login(User.objects.create(username="root", is_staff=True, is_superuser=True))
    return browser


@pytest.mark.parametrize("what", ["auth/user", "oauth_service/client"])
@pytest.mark.parametrize("selected", [False, True], ids=["page", "action"])
@pytest.mark.parametrize("step", STEPS_OF_ALLOW)
def test_a_deletion_in_the_admin_takes_a_first_consent_that_is_being_given(
    guide: Guide, tabs: Tabs, staff: Browser, what: str, selected: bool, step: str
) -> None:
    """Both the page of one object and the action for ticked ones succeed, and report that."""
    pk = guide.alice.pk if what == "auth/user" else guide.client.pk
    url = f"/admin/{what}/" if selected else f"/admin/{what}/{pk}/delete/"
    form = {"post": "yes", "action": "delete_selected", "_selected_action": pk} if selected else {"post": "yes"}
    with stopped(tabs.allow, before=step) as answer:
        deletion = started(lambda: repeated(partial(staff.post, url, form, follow=True)))
    page: Any = deletion.result(PATIENCE_SECONDS)
    told = [message.level_tag for message in page.context["messages"]]
    assert (told, was_answered(answer.result()), Consent.objects.count()) == (["success"], True, 0)


# -- deletions of many that meet each other --------------------------------------------------------------------------


def by_the_index() -> None:
    """Make PostgreSQL find the rows of a deletion as in a large table: in different orders for users and clients."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")


@pytest.mark.parametrize("first", [delete_users, delete_clients])
def test_a_deletion_of_users_and_one_of_clients_do_not_deadlock(guide: Guide, first: Delete) -> None:
    """Each would delete the consent that it finds first, and wait for the other's. So one kind waits for the other."""
    users = [guide.alice, *(User.objects.create(username=name) for name in ("dinah", "edith"))]
    clients = [guide.client, *(Client.objects.create(client_id=name, name=name) for name in ("second", "third"))]
    now = timezone.now()
    pairs = zip(users, reversed(clients), strict=True)
    consents = [Consent.objects.create(user=user, client=client, scope="user", given_at=now) for user, client in pairs]

    def delete(delete: Delete) -> object:
        by_the_index()
        return delete(guide)

    second = delete_users if first is delete_clients else delete_clients
    with transaction.atomic(using=ALIAS):
        # By the time they come to the middle of the diagonal, both have deleted one end of it.
        Consent.objects.select_for_update().get(pk=consents[1].pk)
        deletions = [started(partial(delete, each)) for each in (first, second)]
    for deletion in deletions:
        deletion.result(PATIENCE_SECONDS)
    assert (User.objects.count(), Client.objects.count(), Consent.objects.count()) == (0, 0, 0)


def test_deletions_of_the_same_kind_do_not_wait_for_each_other(guide: Guide) -> None:
    """No two users share a consent, so deleting a thousand users must not hold up the deletion of one."""
    dinah = User.objects.create(username="dinah")
    with stopped(partial(delete_user, guide), before='DELETE FROM "auth_user"'):
        other = started(partial(repeated, dinah.delete))
        if connection.vendor != "sqlite":  # SQLite allows one writer at a time anyway
            other.result(PATIENCE_SECONDS / 2)  # raises TimeoutError if it waits for the first
    other.result(PATIENCE_SECONDS)
    assert not User.objects.filter(username="dinah").exists()
