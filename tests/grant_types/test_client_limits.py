"""Limits of a client's registration for every grant type: lifetimes, the end of a connection, and scope."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from django.utils import timezone
from pytest_django import Settings

from oauth_service.grant_types import GRANT_TYPES
from oauth_service.models import AuthorizationCode, Client, Consent, Grant
from oauth_service.protocol import device_code
from oauth_service.protocol.grant_type import CLIENT_CREDENTIALS
from oauth_service.protocol.lifecycle import LONGEST_LIFETIME
from tests.admin.conftest import staff
from tests.admin.test_clients import ADD, change_url, errors_of, form
from tests.clauses import clause
from tests.device.actors import Device, Visitor
from tests.grant_types.test_order_of_checks import case_of
from tests.guide import FORM, SECRET, Guide
from tests.jwt_bearer.actors import USER_FUNCTION
from tests.registration.actors import Software
from tests.specs.answers import refusal_of, sent_back

__all__ = ["staff"]  # the administrator's browser

EACH = pytest.mark.parametrize("grant_type", GRANT_TYPES)
WITHOUT_A_GRANT = {CLIENT_CREDENTIALS}  # its tokens depend on the client, without a connection
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def every_grant_type(settings: Settings) -> None:
    """Switch on the optional grant types, too."""
    settings.OAUTH_SERVICE_DEVICE_AUTHORIZATION = settings.OAUTH_SERVICE_INTROSPECTION = True
    settings.OAUTH_SERVICE_JWT_BEARER_USER = USER_FUNCTION


def limited(guide: Guide, **columns: Any) -> None:
    """Set limits on the guide's client."""
    for name, value in columns.items():
        setattr(guide.client, name, value)
    guide.client.save()


def scope_limited(grant_type: str, scope: str) -> None:
    """Limit the scope of one grant type."""
    if grant_type == CLIENT_CREDENTIALS:
        Client.objects.update(client_credentials_scope=scope)
    else:
        Client.objects.update(grant_type_scopes=f"{grant_type} {scope}")


def sent(guide: Guide, grant_type: str, change: Callable[[], object] = lambda: None) -> Any:
    """Send a request by a grant type; the change happens after the presented token was issued."""
    case = case_of(grant_type, guide)
    change()
    return guide.server.post("/token/", urlencode(case.parameters), content_type=FORM)


@EACH
def test_without_limits_a_client_has_all_of_its_scope(guide: Guide, grant_type: str) -> None:
    """Otherwise the tests below could pass for another reason."""
    assert sent(guide, grant_type).json()["scope"] == "user profile"


@clause("RFC 6749", "3.3")
@EACH
def test_a_grant_type_gives_no_more_scope_than_its_own(guide: Guide, grant_type: str) -> None:
    """ "The authorization server MAY fully or partially ignore the scope requested by the client, based on [its] policy"."""
    answer = sent(guide, grant_type, lambda: scope_limited(grant_type, "user")).json()
    assert answer["scope"] == "user"
    asked = {"token": answer["access_token"], "client_id": guide.client.client_id, "client_secret": SECRET}
    assert guide.server.post("/introspect/", urlencode(asked), content_type=FORM).json()["scope"] == "user"


@EACH
def test_the_limit_of_one_grant_type_is_not_that_of_another(guide: Guide, grant_type: str) -> None:
    """Each line applies only to the grant type that it names."""
    others = [name for name in GRANT_TYPES if name not in (grant_type, CLIENT_CREDENTIALS)]
    limits = "\n".join(f"{name} user" for name in others)
    answer = sent(guide, grant_type, lambda: Client.objects.update(grant_type_scopes=limits))
    assert answer.json()["scope"] == "user profile"


@EACH
def test_an_access_token_lives_as_long_as_its_client_says(guide: Guide, grant_type: str) -> None:
    """The client's lifetime is shorter than the server's hour."""
    limited(guide, access_token_lifetime=10 * MINUTE)
    assert sent(guide, grant_type).json()["expires_in"] == 600


@EACH
def test_no_token_outlives_the_connection(guide: Guide, grant_type: str) -> None:
    """connection_lifetime ends every grant of the client, of any grant type."""
    limited(guide, connection_lifetime=5 * MINUTE)
    expires_in = sent(guide, grant_type).json()["expires_in"]
    grants = Grant.objects.values_list("created_at", "expires_at")
    assert [end for begin, end in grants if end > begin + 5 * MINUTE] == []
    assert bool(grants) is (grant_type not in WITHOUT_A_GRANT)
    assert expires_in <= 300 or grant_type in WITHOUT_A_GRANT


@EACH
def test_a_connection_lives_on_for_the_refresh_lifetime_of_its_client(guide: Guide, grant_type: str) -> None:
    """Without a refresh, the connection ends sooner than the server's 30 days."""
    limited(guide, refresh_token_lifetime=90 * MINUTE)
    sent(guide, grant_type)
    assert [each for each in Grant.objects.all() if each.expires_at > each.refreshed_at + 90 * MINUTE] == []


@pytest.mark.parametrize("own", [timedelta(days=1), timedelta(days=3)])
@pytest.mark.parametrize("server", [timedelta(days=2), None])
def test_a_connection_ends_however_often_it_is_refreshed(
    guide: Guide, settings: Settings, own: timedelta, server: timedelta | None
) -> None:
    """The client's own limit replaces OAUTH_SERVICE_CONNECTION_LIFETIME, even if it is longer."""
    settings.OAUTH_SERVICE_CONNECTION_LIFETIME = server
    limited(guide, connection_lifetime=own)
    tokens, start = guide.tokens(), timezone.now()
    passed = timedelta(0)
    while (passed := passed + timedelta(hours=11)) < own:
        with time_machine.travel(start + passed):
            answer = guide.refresh(tokens["refresh_token"])
            assert (answer.status_code, passed) == (200, passed)
            tokens = answer.json()
    with time_machine.travel(start + own + MINUTE):
        assert refusal_of(guide.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
        assert guide.introspect(tokens["refresh_token"]).json() == {"active": False}


def test_what_is_older_than_a_new_limit_allows_is_not_renewed(guide: Guide) -> None:
    """A new limit applies to existing connections, and introspection shows it at once."""
    tokens, start = guide.tokens(), timezone.now()
    with time_machine.travel(start + timedelta(days=2)):
        exp = guide.introspect(tokens["refresh_token"]).json()["exp"]
        limited(guide, connection_lifetime=timedelta(days=3))
        assert guide.introspect(tokens["refresh_token"]).json()["exp"] < exp
        limited(guide, connection_lifetime=timedelta(days=1))
        assert guide.introspect(tokens["refresh_token"]).json() == {"active": False}
        assert refusal_of(guide.refresh(tokens["refresh_token"])) == (400, "invalid_grant")


# -- questions to users ----------------------------------------------------------------------------------------------


def test_people_are_not_asked_for_what_a_code_cannot_give(guide: Guide) -> None:
    """
    Users see and allow only scope that the client can get. Other scope is left out by default and refused if it is
    requested.
    """
    limited(guide, grant_type_scopes="authorization_code user")
    page = guide.ask(scope="").content.decode()
    assert 'value="user"' in page
    assert 'value="profile"' not in page
    assert sent_back(guide.answer(scope="user profile"))["error"] == "invalid_scope"
    guide.answer(scope="")
    assert [Consent.objects.get().scope, *AuthorizationCode.objects.values_list("scope", flat=True)] == ["user", "user"]


def test_people_are_not_asked_for_what_a_device_code_cannot_give(guide: Guide) -> None:
    """The limit also applies if it is set while the device waits."""
    limited(guide, grant_types=f"{guide.client.grant_types} {device_code.GRANT_TYPE}")
    credentials = {"client_id": guide.client.client_id, "client_secret": SECRET}
    device, visitor = Device(guide.client, credentials=credentials), Visitor(guide.alice)
    begun = device.begun(scope="user profile")
    limited(guide, grant_type_scopes=f"{device_code.GRANT_TYPE} user")
    assert refusal_of(device.begin(scope="user profile")) == (400, "invalid_scope")
    visitor.allow(begun["user_code"])
    assert (device.poll(begun["device_code"]).json()["scope"], Consent.objects.get().scope) == ("user", "user")


def test_what_a_refresh_cannot_give_is_lost_to_it_only(guide: Guide) -> None:
    """The first access token has the whole scope; connection and consent keep it."""
    limited(guide, grant_type_scopes="refresh_token user")
    tokens = guide.tokens()
    assert tokens["scope"] == "user profile"
    assert refusal_of(guide.refresh(tokens["refresh_token"], scope="user profile")) == (400, "invalid_scope")
    renewed = guide.refresh(tokens["refresh_token"]).json()
    assert renewed["scope"] == "user"
    assert guide.introspect(renewed["refresh_token"]).json()["scope"] == "user"
    assert (Grant.objects.get().scope, Consent.objects.get().scope) == ("user profile", "user profile")
    limited(guide, grant_type_scopes="")
    assert guide.refresh(renewed["refresh_token"]).json()["scope"] == "user profile"


# -- registration ----------------------------------------------------------------------------------------------------

LIFETIMES = ("access_token_lifetime", "refresh_token_lifetime", "connection_lifetime")


@pytest.mark.django_db
@pytest.mark.parametrize("column", LIFETIMES)
@pytest.mark.parametrize("lifetime", [timedelta(0), timedelta(seconds=-1), LONGEST_LIFETIME + MINUTE, timedelta.max])
def test_a_lifetime_has_bounds(column: str, lifetime: timedelta) -> None:
    """A lifetime is between one second and ten years."""
    client = Client(name="A", redirect_uris="https://a.example/cb", **{column: lifetime})
    with pytest.raises(ValidationError, match="A lifetime is") as refusal:
        client.full_clean()
    assert list(refusal.value.message_dict) == [column]


@pytest.mark.django_db
@pytest.mark.parametrize("column", LIFETIMES[1:])
def test_a_connection_does_not_end_before_its_access_tokens(column: str) -> None:
    """Otherwise the client would get a shorter expires_in than it was registered for."""
    columns: dict[str, Any] = {"access_token_lifetime": 2 * MINUTE, column: MINUTE}
    with pytest.raises(ValidationError, match="Access tokens end with their connection") as refusal:
        Client(name="A", redirect_uris="https://a.example/cb", **columns).full_clean()
    assert list(refusal.value.message_dict) == [column]


WRONG = {
    "implicit user": "implicit is not one of its grant types.",
    "refresh_token": "refresh_token needs a scope: take it from the grant types to allow none.",
    "refresh_token user email": "refresh_token: its scope has no email.",
    "refresh_token user\nrefresh_token profile": "refresh_token has a line already: one is enough.",
    "client_credentials user": "client_credentials: set the client credentials scope instead.",
}


@pytest.mark.parametrize("text", WRONG)
def test_limits_of_scope_that_cannot_be_meant(staff: Browser, text: str) -> None:
    """The admin and the command both name the column and the reason."""
    assert errors_of(staff.post(ADD, form(grant_type_scopes=text))) == {"grant_type_scopes": [WRONG[text]]}
    options = [f"--grant-type-scope={line}" for line in text.splitlines()]
    with pytest.raises(CommandError) as refusal:
        call_command("create_client", "--name=A", "--redirect-uri=https://a.example/cb", *options)
    assert str(refusal.value) == f"--grant-type-scope: {WRONG[text]}"


def test_limits_are_set_in_the_admin(staff: Browser, presc_man: Client) -> None:
    """The form has all limits in one group."""
    limits = {
        "access_token_lifetime": "00:10:00",
        "refresh_token_lifetime": "1 00:00:00",
        "connection_lifetime": "7 00:00:00",
        "grant_type_scopes": "\r\n authorization_code  user profile\r\n\r\nrefresh_token user \r\n",
    }
    own = {"client_id": None, "name": presc_man.name, "redirect_uris": presc_man.redirect_uris}
    assert staff.post(change_url(presc_man), form(**own, **limits)).status_code == 302
    presc_man.refresh_from_db()
    days = timedelta(days=1)
    assert [getattr(presc_man, name) for name in LIFETIMES] == [10 * MINUTE, days, 7 * days]
    names = ("authorization_code", "refresh_token", "another")
    assert [presc_man.scope_for(name) for name in names] == ["user profile", "user", presc_man.scope]
    page = staff.get(change_url(presc_man))
    [group] = [each for each in page.context["adminform"] if each.name == "Lifetimes and limits"]
    assert set(limits) == {field.field.name for line in group for field in line}


@pytest.mark.django_db
def test_a_client_that_manages_itself_does_not_lose_its_limits(settings: Settings) -> None:
    """The client gives up what a limit names and takes it back later: then the limit applies again, and was never a fault."""
    settings.OAUTH_SERVICE_REGISTRATION = "open"
    software = Software()
    names = ["authorization_code", "refresh_token"]
    software.register(scope="user profile", grant_types=names)
    Client.objects.update(grant_type_scopes="refresh_token profile", connection_lifetime=timedelta(days=1))
    for scope, grant_types in (("user", names[:1]), ("user profile", names)):
        assert software.replace(scope=scope, grant_types=grant_types).status_code == 200
        client = software.client
        assert (client.grant_type_scopes, client.connection_lifetime) == ("refresh_token profile", timedelta(days=1))
    assert client.scope_for("refresh_token") == "profile"


def test_a_limit_may_be_a_scope_that_another_implies(guide: Guide, settings: Settings) -> None:
    """A refresh without the user can be limited to reading notes."""
    settings.OAUTH_SERVICE_SCOPES = {"notes": "Your notes", "notes:read": "Read them"}
    settings.OAUTH_SERVICE_SCOPE_IMPLIES = {"notes": "notes:read"}
    limited(guide, scope="notes", grant_type_scopes="refresh_token notes:read")
    guide.client.full_clean()
    tokens = guide.tokens(scope="notes")
    assert (tokens["scope"], guide.refresh(tokens["refresh_token"]).json()["scope"]) == ("notes", "notes:read")
