"""Initial access tokens: made once, limited in time and number of uses, and revocable."""

from datetime import timedelta
from html import unescape
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from django.utils import timezone
from pytest_django import Settings

from oauth_service.models import Client, InitialAccessToken, Registration
from tests.registration.actors import CALLBACK, Software
from tests.registration.conftest import initial_token
from tests.specs.answers import refusal_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("by_token")]
ADD = "/admin/oauth_service/initialaccesstoken/add/"


def past() -> dict[str, Any]:
    """Return columns of a token that expired a moment ago."""
    return {"expires_at": timezone.now() - timedelta(seconds=1)}


@pytest.mark.parametrize("columns", [past, lambda: {"is_active": False}, lambda: {"uses_left": 0}])
def test_a_token_that_is_not_good_registers_nobody(columns: Any) -> None:
    """The client does not learn whether the token expired, was revoked or was used up."""
    assert refusal_of(Software().refused(token=initial_token(**columns()))) == (401, "invalid_token")


def test_a_token_registers_as_many_as_it_may() -> None:
    """A refused registration does not count as a use."""
    token, partner = initial_token(uses_left=2), Software()
    assert partner.refused(token=token, redirect_uris=[]).status_code == 400
    partner.register(token=token)
    partner.register(token=token)
    assert partner.refused(token=token).status_code == 401
    assert {each.initial_access_token.name for each in Registration.objects.all() if each.initial_access_token} == {
        "Partner"
    }


def test_a_token_without_a_number_registers_any() -> None:
    """The token is valid until it expires."""
    token = initial_token(uses_left=None, expires_at=None)
    for _time in range(3):
        Software().register(token=token)
    assert InitialAccessToken.objects.get().uses_left is None


def test_a_wrong_token_is_refused_where_none_is_needed(settings: Settings) -> None:
    """The client expects the token's benefits: without them it would be deleted again if no user connects it."""
    settings.OAUTH_SERVICE_REGISTRATION = "open"
    assert refusal_of(Software().refused(token="IAT_wrong")) == (401, "invalid_token")


def test_a_registration_access_token_registers_nobody() -> None:
    """A registration access token is valid only for its own client."""
    partner = Software()
    said = partner.register(token=initial_token())
    assert partner.refused(token=said["registration_access_token"]).status_code == 401


def test_a_token_that_is_deleted_leaves_its_clients() -> None:
    """Registered clients do not depend on the token."""
    partner = Software()
    partner.register(token=initial_token())
    InitialAccessToken.objects.all().delete()
    assert partner.read().status_code == 200


def test_the_command_prints_it_once() -> None:
    """The token is alone on standard output, for pipes. The database has its digest."""
    out = StringIO()
    call_command("create_registration_token", "Partner", "--days", "3", "--uses", "1", stdout=out, stderr=StringIO())
    token = out.getvalue().strip()
    row = InitialAccessToken.objects.get()
    assert (token.startswith("IAT_"), row.uses_left, token in str(InitialAccessToken.objects.values().get())) == (
        True,
        1,
        False,
    )
    assert row.expires_at is not None
    assert abs(row.expires_at - timezone.now() - timedelta(days=3)) < timedelta(minutes=1)
    Software().register(token=token)


@pytest.mark.parametrize("options", [["--days", "0"], ["--days", "9999"], ["--uses", "0"], ["--uses", "x"]])
def test_the_command_refuses_what_makes_no_sense(options: list[str]) -> None:
    """No token is made then."""
    with pytest.raises(CommandError):
        call_command("create_registration_token", "Partner", *options)
    assert not InitialAccessToken.objects.exists()


def test_the_command_says_that_registration_is_off(settings: Settings) -> None:
    """A token that is of no use would only confuse."""
    settings.OAUTH_SERVICE_REGISTRATION = ""
    with pytest.raises(CommandError, match="OAUTH_SERVICE_REGISTRATION"):
        call_command("create_registration_token", "Partner")


def test_the_admin_shows_it_once(staff: Browser) -> None:
    """The response to the form shows the token."""
    page = staff.post(ADD, {"name": "Partner", "uses_left": "1", "is_active": "on"})
    token = page.content.decode().partition(">IAT_")[2].partition("<")[0]
    assert (page.status_code, len(token), "no-store" in page["Cache-Control"]) == (200, 43, True)
    Software().register(token=f"IAT_{token}")
    row = InitialAccessToken.objects.get()
    later = staff.get(f"/admin/oauth_service/initialaccesstoken/{row.pk}/change/").content.decode()
    assert (row.uses_left, token in later, row.digest in later) == (0, False, False)


def test_the_admin_revokes_it(staff: Browser) -> None:
    """Unticking the active box revokes it."""
    token = initial_token()
    row = InitialAccessToken.objects.get()
    staff.post(f"/admin/oauth_service/initialaccesstoken/{row.pk}/change/", {"name": row.name, "uses_left": ""})
    assert Software().refused(token=token).status_code == 401


def test_the_admin_has_no_such_page_where_nobody_registers(staff: Browser, settings: Settings) -> None:
    """The filter for self-registered clients is absent, too."""
    listed = "initialaccesstoken"
    assert listed in staff.get("/admin/").content.decode()
    assert "registered_by=itself" in staff.get("/admin/oauth_service/client/").content.decode()
    settings.OAUTH_SERVICE_REGISTRATION = ""
    assert listed not in staff.get("/admin/").content.decode()
    assert "registered_by=itself" not in staff.get("/admin/oauth_service/client/").content.decode()


def test_the_admin_tells_who_registered_a_client(staff: Browser, presc_man: Client) -> None:
    """A client that the operator saved is kept."""
    partner = Software()
    partner.register(token=initial_token(), client_name="Prescription Manager", software_id="x-1")
    listed = staff.get("/admin/oauth_service/client/?registered_by=itself").content.decode()
    assert (partner.answer["client_id"] in listed, presc_man.client_id in listed) == (True, False)
    page = unescape(staff.get(f"/admin/oauth_service/client/{partner.client.pk}/change/").content.decode())
    assert "Initial access token: Partner." in page
    assert "The client's name looks like that of Prescription Manager." in page
    assert "Software: x-1." in page
    assert "The operator." in staff.get(f"/admin/oauth_service/client/{presc_man.pk}/change/").content.decode()


def test_no_secret_is_kept_of_a_refused_registration() -> None:
    """A refused registration writes nothing."""
    Software().refused(token=initial_token(), redirect_uris=[CALLBACK, "http://x.example/"])
    assert (Client.objects.count(), Registration.objects.count()) == (0, 0)
