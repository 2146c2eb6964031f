"""Rotating a client secret in the admin."""

import traceback

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client as Browser
from django.test import RequestFactory
from django.views.debug import SafeExceptionReporterFilter

from oauth_service.models import Client
from oauth_service.protocol import client_authentication
from tests.admin.test_clients import ADD, form, shown_secret
from tests.guide import SECRET, Guide


def url(client: Client, step: str = "") -> str:
    """The page of a client's secret, or the URL of a button there."""
    return f"/admin/oauth_service/client/{client.pk}/secret/{step}"


def test_after_a_rotation_both_secrets_are_good(staff: Browser, guide: Guide) -> None:
    """The client can be given the new secret without an outage."""
    secret = shown_secret(staff.post(url(guide.client, "rotate/")))
    statuses = [guide.exchange(guide.code(), client_secret=each).status_code for each in (SECRET, secret)]
    assert statuses == [200, 200]


def test_once_the_previous_secret_is_ended_only_the_new_one_is_good(staff: Browser, guide: Guide) -> None:
    """A rotation must end the old secret."""
    secret = shown_secret(staff.post(url(guide.client, "rotate/")))
    staff.post(url(guide.client, "end-previous/"))
    statuses = [guide.exchange(guide.code(), client_secret=each).status_code for each in (SECRET, secret)]
    assert statuses == [401, 200]


def test_a_second_rotation_ends_the_oldest_secret(staff: Browser, presc_man: Client) -> None:
    """Two secrets are valid at a time, never three."""
    secrets = [shown_secret(staff.post(url(presc_man, "rotate/"))) for _ in range(3)]
    presc_man.refresh_from_db()
    assert presc_man.secret_hashes == tuple(client_authentication.hash_of(each) for each in (secrets[2], secrets[1]))


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
    staff.post(url(presc_man, "end-previous/"))
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
