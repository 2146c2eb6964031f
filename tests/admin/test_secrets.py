"""Rotating a client secret in the admin."""

import re
import traceback
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client as Browser
from django.test import RequestFactory
from django.views.debug import SafeExceptionReporterFilter

from oauth_service.models import Client
from oauth_service.protocol import client_authentication
from tests.admin.test_clients import ADD, change_url, form, shown_secret
from tests.guide import SECRET, Guide


def url(client: Client, step: str = "") -> str:
    """The page of a client's secret, or the URL of a button there."""
    return f"/admin/oauth_service/client/{client.pk}/secret/{step}"


def confirmed(staff: Browser, client: Client, step: str) -> Any:
    """Confirm a step that ends a secret, and return the response."""
    asked = staff.post(url(client, step))
    [version] = re.findall(r'name="confirmed" value="([^"]+)"', asked.content.decode())
    return staff.post(url(client, step), {"confirmed": version})


def test_after_a_rotation_both_secrets_are_good(staff: Browser, guide: Guide) -> None:
    """The client can be given the new secret without an outage."""
    secret = shown_secret(staff.post(url(guide.client, "rotate/")))
    statuses = [guide.exchange(guide.code(), client_secret=each).status_code for each in (SECRET, secret)]
    assert statuses == [200, 200]


def test_once_the_previous_secret_is_ended_only_the_new_one_is_good(staff: Browser, guide: Guide) -> None:
    """A rotation must end the old secret."""
    secret = shown_secret(staff.post(url(guide.client, "rotate/")))
    assert confirmed(staff, guide.client, "end-previous/").status_code == 302
    statuses = [guide.exchange(guide.code(), client_secret=each).status_code for each in (SECRET, secret)]
    assert statuses == [401, 200]


def test_a_second_rotation_ends_the_oldest_secret(staff: Browser, presc_man: Client) -> None:
    """Two secrets are valid at a time, never three."""
    secrets = [shown_secret(staff.post(url(presc_man, "rotate/")))]
    secrets += [shown_secret(confirmed(staff, presc_man, "rotate/")) for _ in range(2)]
    presc_man.refresh_from_db()
    assert presc_man.secret_hashes == tuple(client_authentication.hash_of(each) for each in (secrets[2], secrets[1]))


@pytest.mark.parametrize("step", ["rotate/", "end-previous/"])
@pytest.mark.parametrize("answer", [{}, {"confirmed": ""}, {"confirmed": "unknown"}, {"confirmed": "yes"}])
def test_a_secret_ends_only_after_a_page_that_says_what_depends_on_it(
    staff: Browser, presc_man: Client, step: str, answer: dict[str, str]
) -> None:
    """A wrong click must not cause an outage."""
    staff.post(url(presc_man, "rotate/"))
    Client.objects.filter(pk=presc_man.pk).update(previous_secret_used_at=datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC))
    presc_man.refresh_from_db()
    before = presc_man.secret_hashes
    page = staff.post(url(presc_man, step), answer).content.decode()
    presc_man.refresh_from_db()
    assert ("Last used at 2026-03-01 12:30:05 UTC" in page, presc_man.secret_hashes) == (True, before)


@pytest.mark.parametrize("step", ["rotate/", "end-previous/"])
def test_a_confirmation_is_for_the_secret_that_it_was_shown_for(staff: Browser, presc_man: Client, step: str) -> None:
    """If another administrator rotates meanwhile, the previous secret is the one that the client uses."""
    staff.post(url(presc_man, "rotate/"))
    [version] = re.findall(r'name="confirmed" value="([^"]+)"', staff.post(url(presc_man, step)).content.decode())
    confirmed(staff, presc_man, "rotate/")
    presc_man.refresh_from_db()
    before = presc_man.secret_hashes
    page = staff.post(url(presc_man, step), {"confirmed": version}).content.decode()
    presc_man.refresh_from_db()
    assert ('name="confirmed"' in page, presc_man.secret_hashes) == (True, before)


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (
            {"previous_secret_used_at": datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC)},
            "Last used at 2026-03-01 12:30:05 UTC.",
        ),
        ({}, "Not used since the newest secret was made, at 2026-03-01 11:00:00 UTC."),
        ({"secret_changed_at": None}, "Last use unknown: the secrets were made before the server recorded it."),
    ],
    ids=["used", "not used", "from before"],
)
def test_the_pages_say_when_the_previous_secret_was_last_used(
    staff: Browser, presc_man: Client, columns: dict[str, Any], sentence: str
) -> None:
    """Staff would take an unknown use for no use."""
    Client.objects.rotate_secret(presc_man)
    made_at = {"secret_changed_at": datetime(2026, 3, 1, 11, 0, tzinfo=UTC)}
    Client.objects.filter(pk=presc_man.pk).update(**made_at | columns)
    pages = [
        staff.get(url(presc_man)),
        staff.post(url(presc_man, "end-previous/")),
        staff.post(url(presc_man, "rotate/")),
        staff.get(change_url(presc_man)),
    ]
    assert [sentence in page.content.decode() for page in pages] == [True] * 4


def test_no_step_that_ends_a_secret_stands_out(staff: Browser, presc_man: Client) -> None:
    """A highlighted button invites a click."""
    assert 'class="default"' in staff.get(url(presc_man)).content.decode()
    pages = [staff.post(url(presc_man, "rotate/")), staff.get(url(presc_man))]
    assert [(page.status_code, 'class="default"' in page.content.decode()) for page in pages] == [(200, False)] * 2


def test_a_new_secret_looks_like_a_success(staff: Browser, presc_man: Client) -> None:
    """Nothing went wrong, so the page shows no error."""
    page = staff.post(url(presc_man, "rotate/")).content.decode()
    assert ('<li class="success">' in page, "errornote" in page) == (True, False)


def test_the_rotated_secret_is_not_kept_by_any_cache(staff: Browser, presc_man: Client) -> None:
    """A proxy or the browser's history would show the secret again."""
    assert "no-store" in staff.post(url(presc_man, "rotate/"))["Cache-Control"]


def test_looking_at_the_page_changes_nothing(staff: Browser, presc_man: Client) -> None:
    """A prefetching browser must not rotate a secret."""
    before = presc_man.secret_hashes
    statuses = [staff.get(url(presc_man, step)).status_code for step in ("", "rotate/", "end-previous/")]
    presc_man.refresh_from_db()
    assert (statuses, presc_man.secret_hashes) == ([200, 405, 405], before)


def test_another_site_cannot_rotate_a_secret(staff: Browser, presc_man: Client) -> None:
    """The CSRF check of Django's admin covers these pages, too."""
    strict = Browser(enforce_csrf_checks=True)
    strict.cookies = staff.cookies
    assert strict.post(url(presc_man, "rotate/")).status_code == 403


@pytest.mark.parametrize("step", ["", "rotate/", "end-previous/"])
def test_who_may_only_look_cannot_touch_the_secret(onlooker: Browser, presc_man: Client, step: str) -> None:
    """The permissions of Django's admin apply here, too."""
    before = presc_man.secret_hashes
    status = onlooker.post(url(presc_man, step)).status_code
    presc_man.refresh_from_db()
    assert (status, presc_man.secret_hashes) == (403, before)


@pytest.mark.parametrize("step", ["", "rotate/", "end-previous/"])
def test_strangers_are_sent_to_the_admin_login(presc_man: Client, step: str) -> None:
    """The redirect must not reveal that the client exists."""
    response = Browser().post(url(presc_man, step))
    assert (response.status_code, response["Location"].partition("?")[0]) == (302, "/admin/login/")


def test_a_public_client_has_no_such_page(staff: Browser, public_app: Client) -> None:
    """A public client has no secret."""
    assert staff.post(url(public_app, "rotate/")).status_code == 404


def test_the_history_says_who_rotated_without_the_secret(staff: Browser, presc_man: Client) -> None:
    """Auditors need to know who rotated a secret, but must not see it."""
    staff.post(url(presc_man, "rotate/"))
    confirmed(staff, presc_man, "end-previous/")
    messages = LogEntry.objects.order_by("pk").values_list("change_message", flat=True)
    assert list(messages) == ["Rotated the client secret.", "Ended the previous client secret."]


@pytest.mark.parametrize("first", [True, False], ids=["the first", "a rotated one"])
def test_an_error_report_does_not_show_the_secret(
    staff: Browser, presc_man: Client, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    """If a host's template fails, Django must not mail the secret to ADMINS."""
    made: list[str] = []
    rotate = Client.objects.rotate_secret

    def remember(client: Client) -> str:
        made.append(rotate(client))
        return made[0]

    def fail(*args: object, **kwargs: object) -> None:
        raise ValueError("the template is broken")

    monkeypatch.setattr(Client.objects, "rotate_secret", remember)
    monkeypatch.setattr("oauth_service.admin.clients.render", fail)
    with pytest.raises(ValueError, match="broken") as failure:
        staff.post(*((ADD, form()) if first else (url(presc_man, "rotate/"), {})))
    reporter, request = SafeExceptionReporterFilter(), RequestFactory().get("/")
    frames = [frame for frame, _line in traceback.walk_tb(failure.tb) if "oauth_service" in frame.f_code.co_filename]
    shown = [repr(dict(reporter.get_traceback_frame_variables(request, frame))) for frame in frames]
    assert (len(shown) > 1, [each for each in shown if made[0] in each]) == (True, [])
