"""A client's own tokens: nothing is written, no user is involved, and one column ends them all."""

from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.http import JsonResponse
from django.test import Client as Browser
from django.urls import include, path
from django.utils import timezone
from django.views import View
from ninja import NinjaAPI
from pytest_django import Settings
from rest_framework.response import Response
from rest_framework.views import APIView

from oauth_service import conf
from oauth_service import models as tables
from oauth_service.models import AuditEvent, Client, Grant, RevokedToken, purge
from oauth_service.protect import ProtectedMixin, ProtectedRequest, protect
from oauth_service.protocol import sealed
from oauth_service.protocol.secret import Secret
from oauth_service.signals import token_issued, token_revoked
from oauth_service.tokens import access_token, issue
from oauth_service.watch import audit
from tests.architecture.test_query_budgets import at_most
from tests.guide import SECRET, Guide
from tests.hosts.frameworks import told_of_client
from tests.specs.answers import refusal_of

pytestmark = pytest.mark.urls("tests.grant_types.test_client_credentials")


@protect("profile")
def for_people(request: ProtectedRequest) -> JsonResponse:
    """Leave allow_clients out."""
    return JsonResponse({})


@protect("profile", allow_clients=True)
def for_both(request: ProtectedRequest) -> JsonResponse:
    """Accept clients, too."""
    return JsonResponse(told_of_client(request))


@protect("profile", allow_clients=True)
async def for_both_async(request: ProtectedRequest) -> JsonResponse:
    """Accept clients in an async view."""
    user: Any = await request.auser()
    return JsonResponse(told_of_client(request) | {"auser": user.is_anonymous})


class ForPeople(ProtectedMixin, View):
    """A view that leaves allow_clients out."""

    required_scope = "profile"

    def get(self, request: ProtectedRequest) -> JsonResponse:
        return JsonResponse(told_of_client(request))


class ForBoth(ForPeople):
    """A view that accepts clients, too."""

    allow_clients = True


class ForBothInDrf(ProtectedMixin, APIView):
    """A view of Django REST framework that accepts clients, too."""

    required_scope = "profile"
    allow_clients = True

    def get(self, request: Any) -> Response:
        return Response(told_of_client(request))


ninja = NinjaAPI(urls_namespace="both")


@ninja.get("/")
@protect("profile", allow_clients=True)
def for_both_in_ninja(request: ProtectedRequest) -> dict[str, Any]:
    """Accept clients in django-ninja."""
    return told_of_client(request)


urlpatterns = [
    path("", include("oauth_service.urls")),
    path("people/function/", for_people),
    path("people/class/", ForPeople.as_view()),
    path("people/class-again/", ForBoth.as_view(allow_clients=False)),
    path("both/function/", for_both),
    path("both/async/", for_both_async),
    path("both/class/", ForBoth.as_view()),
    path("both/class-again/", ForPeople.as_view(allow_clients=True)),
    path("both/drf/", ForBothInDrf.as_view()),
    path("both/ninja/", ninja.urls),
]
PEOPLE = ["/people/function/", "/people/class/", "/people/class-again/"]
BOTH = ["/both/function/", "/both/async/", "/both/class/", "/both/class-again/", "/both/drf/", "/both/ninja/"]


@pytest.fixture
def service(guide: Guide) -> Guide:
    """Return the guide's client, which may have tokens of its own, too."""
    guide.client.grant_types = "authorization_code refresh_token client_credentials"
    guide.client.save()
    return guide


def own(guide: Guide, **changes: str) -> Any:
    """Send POST /token/ with the client's credentials."""
    body = {"grant_type": "client_credentials", "client_id": guide.client.client_id, "client_secret": SECRET} | changes
    return guide.post("/token/", {name: value for name, value in body.items() if value})


def get(url: str, token: str) -> Any:
    return Browser().get(url, headers={"Authorization": f"Bearer {token}"})


def counts() -> dict[str, int]:
    """Count the rows of every table of this app."""
    return {
        name: getattr(tables, name).objects.count()
        for name in tables.__all__
        if hasattr(getattr(tables, name), "objects")
    }


# -- issued tokens -----------------------------------------------------------------------------------------------------


def test_a_token_comes_without_a_person(service: Guide) -> None:
    """The token has all of the registered scope and lasts an hour; there is no refresh token."""
    members = own(service).json()
    assert members.pop("access_token").startswith("AT_")
    assert members == {"token_type": "Bearer", "expires_in": 3600, "scope": "user profile"}


def test_its_lifetime_is_the_clients(service: Guide) -> None:
    """The client's own lifetime counts, as for any access token."""
    Client.objects.update(access_token_lifetime=timedelta(minutes=5))
    assert own(service).json()["expires_in"] == 300


@pytest.mark.parametrize(("registered", "asked", "given"), [
    ("", "", "user profile"),
    ("", "profile", "profile"),
    ("profile", "", "profile"),
    ("profile", "user", None),
    ("", "everything", None),
    ("openid offline_access", "", None),
    ("", "openid", None),
])  # fmt: skip
def test_the_scope_is_what_is_registered_for_it_or_less(
    service: Guide, settings: Settings, registered: str, asked: str, given: str | None
) -> None:
    """
    A client's own scope is separate from what it may ask users for, and never includes scopes that need a user's
    sign-in.
    """
    settings.OAUTH_SERVICE_SCOPES = dict.fromkeys(("user", "profile", "openid", "offline_access"), "words")
    Client.objects.update(scope="user profile openid offline_access", client_credentials_scope=registered)
    response = own(service, scope=asked)
    if given is None:
        assert refusal_of(response) == (400, "invalid_scope")
    else:
        assert response.json()["scope"] == given
        assert "id_token" not in response.json()


def test_who_is_not_registered_for_it_gets_none(guide: Guide) -> None:
    """A client has to be registered for it."""
    assert refusal_of(own(guide)) == (400, "unauthorized_client")


def test_a_public_client_gets_none_even_if_its_row_says_so(service: Guide) -> None:
    """Anyone can know its client_id."""
    Client.objects.update(client_type="public", secret_hash="")
    assert refusal_of(own(service, client_secret="")) == (400, "unauthorized_client")


@pytest.mark.parametrize(("changes", "column"), [
    ({"client_type": "public", "grant_types": "authorization_code client_credentials"}, "grant_types"),
    ({"redirect_uris": "", "grant_types": "authorization_code"}, "redirect_uris"),
])  # fmt: skip
def test_a_registration_that_cannot_work_is_refused(presc_man: Client, changes: dict[str, str], column: str) -> None:
    """The operator sees the fault when registering the client."""
    for name, value in changes.items():
        setattr(presc_man, name, value)
    with pytest.raises(ValidationError) as refusal:
        presc_man.full_clean()
    assert list(refusal.value.message_dict) == [column]


def test_a_client_without_people_needs_no_redirect_uri(presc_man: Client) -> None:
    """No user is ever redirected to it."""
    presc_man.redirect_uris, presc_man.grant_types = "", "client_credentials"
    presc_man.full_clean()


@pytest.mark.django_db(transaction=True)
def test_it_costs_one_read_and_no_write(service: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    """Issuing reads the client's row, and using the token reads one row."""
    monkeypatch.setattr(purge, "_next_at", float("inf"))
    token = own(service).json()["access_token"]
    get("/both/function/", token)
    with at_most(1):
        assert own(service).status_code == 200
    with at_most(1):
        assert get("/both/function/", token).status_code == 200


def test_ten_thousand_tokens_leave_every_table_as_it_is(service: Guide) -> None:
    """Issuing any number of tokens stores nothing; the audit trail has one row a day."""
    client, now = Client.objects.row(service.client.client_id), timezone.now()
    assert client
    facts = {"user_id": None, "client_id": client.client_id, "grant_id": None, "scope": "user", "grant_type": "x"}
    token_issued.send(None, **facts)
    audit.flush()
    before = counts()
    for _ in range(9_900):
        token_issued.send(None, **facts)
        issue.own_token(client, scope="user", now=now)
    tokens = {own(service).json()["access_token"] for _ in range(100)}
    audit.flush()
    assert (counts(), len(tokens)) == (before, 100)
    assert AuditEvent.objects.filter(event="token_issued").count() == 1


# -- callers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", BOTH)
def test_a_view_that_serves_clients_finds_no_user(service: Guide, url: str) -> None:
    """bearer.user is None, request.user is anonymous, and the client is known."""
    answer = get(url, own(service).json()["access_token"])
    assert (answer.status_code, answer.json()["client_id"]) == (200, "presc_man_123"), answer.content
    assert (answer.json()["user"], answer.json()["is_anonymous"]) == (None, True)


@pytest.mark.parametrize("url", BOTH)
def test_it_serves_people_as_before(service: Guide, url: str) -> None:
    """Users' tokens still work at the same view."""
    answer = get(url, service.tokens()["access_token"])
    assert (answer.json()["user"], answer.json()["is_anonymous"]) == ("alice", False)


@pytest.mark.parametrize("url", [*PEOPLE, "/userinfo/"])
def test_a_view_that_says_nothing_serves_no_clients(service: Guide, url: str) -> None:
    """A view that was written for users would look for a user and find none."""
    answer = get(url, own(service).json()["access_token"])
    assert refusal_of(answer) == (403, "insufficient_scope")
    assert answer.json()["error_description"] == "the access token stands for no user, and this needs one"
    wanted = "user" if url == "/userinfo/" else "profile"
    assert answer["WWW-Authenticate"].endswith(f' scope="{wanted}"')


@pytest.mark.parametrize("url", BOTH)
def test_scope_is_asked_for_as_of_anybody(service: Guide, url: str) -> None:
    """A client's own token must have the scope, too."""
    answer = get(url, own(service, scope="user").json()["access_token"])
    assert answer.status_code == 403


# -- endings -----------------------------------------------------------------------------------------------------------


def revoked_rows() -> int:
    return RevokedToken.objects.count()


def test_it_is_revoked_alone(service: Guide, committed: Any) -> None:
    """The client revokes it, which costs one row until the token would have expired."""
    first, second = (own(service).json()["access_token"] for _ in range(2))
    heard: list[Any] = []

    def hear(**facts: Any) -> None:
        heard.append((facts["user_id"], facts["client_id"], facts["grant_id"], facts["token_type"]))

    token_revoked.connect(hear)
    with committed():
        assert service.revoke(first).status_code == 200
        assert service.revoke(first).status_code == 200
    token_revoked.disconnect(hear)
    assert [get("/both/function/", token).status_code for token in (first, second)] == [401, 200]
    assert (revoked_rows(), heard) == (1, [(None, "presc_man_123", None, "access_token")])


def test_another_clients_stays(service: Guide) -> None:
    """The answer is 200, but the token is untouched (RFC 7009 section 2.1)."""
    other = Client(client_id="other", name="Other", redirect_uris="https://o.example/")
    other.choose_secret(SECRET)
    other.save()
    token = own(service).json()["access_token"]
    assert service.revoke(token, client_id="other").status_code == 200
    assert (get("/both/function/", token).status_code, revoked_rows()) == (200, 0)


def test_one_column_ends_them_all(service: Guide) -> None:
    """Users' connections and other clients' tokens stay."""
    token, persons = own(service).json()["access_token"], service.tokens()["access_token"]
    Client.objects.end_own_tokens(service.client)
    assert [get("/both/function/", each).status_code for each in (token, persons)] == [401, 200]
    assert get("/both/function/", own(service).json()["access_token"]).status_code == 200


def test_the_command_ends_them_all(service: Guide) -> None:
    """The command is for operators without the admin."""
    token = own(service).json()["access_token"]
    call_command("end_own_tokens", "presc_man_123", stdout=(output := StringIO()))
    assert get("/both/function/", token).status_code == 401
    assert output.getvalue().startswith("Ended.")


def test_what_is_taken_from_the_client_is_lost_to_its_tokens(service: Guide) -> None:
    """Scope that the client gains later is not added to existing tokens."""
    token = own(service, scope="user").json()["access_token"]
    Client.objects.update(client_credentials_scope="user profile")
    assert get("/both/function/", token).status_code == 403
    both = own(service).json()["access_token"]
    Client.objects.update(client_credentials_scope="user")
    assert get("/both/function/", both).status_code == 403


@pytest.mark.parametrize("change", [{"grant_types": "authorization_code"}, {"client_type": "public"}], ids=str)
def test_a_client_that_may_have_none_any_more_has_none(service: Guide, change: dict[str, str]) -> None:
    """Tokens that it got before are no longer valid either."""
    token = own(service).json()["access_token"]
    assert get("/both/function/", token).status_code == 200
    Client.objects.update(**change)
    assert get("/both/function/", token).status_code == 401


def test_a_client_from_before_is_given_its_secret_once(service: Guide) -> None:
    """The migration leaves the secret empty; otherwise all existing clients would share one."""
    Client.objects.update(own_secret=None)
    first, second = (own(service).json()["access_token"] for _ in range(2))
    assert [get("/both/function/", token).status_code for token in (first, second)] == [200, 200]


@pytest.mark.parametrize("row_id", [UUID(int=0), UUID(int=2**63), UUID(int=2**128 - 1)])
def test_a_row_that_cannot_be_is_no_failure(service: Guide, row_id: UUID) -> None:
    """Primary keys are numbers up to 2**63."""
    token = sealed.AccessToken(row_id=row_id, token_id=row_id, expires_at=2**40, scope="user", is_own=True)
    text = sealed.seal(token, b"k" * 32, b"s" * 32)
    assert get("/both/function/", text).status_code == 401
    assert service.revoke(text).status_code == 200


def test_a_secret_that_is_missing_opens_nothing(service: Guide) -> None:
    """Otherwise a stolen server key would be enough to forge a token, with an empty secret."""
    Client.objects.update(own_secret=None)
    token = sealed.AccessToken(
        row_id=service.client.row_id, token_id=UUID(int=1), expires_at=2**40, scope="profile", is_own=True
    )
    text = sealed.seal(token, conf.token_keys()[0], b"")
    assert get("/both/function/", text).status_code == 401
    assert (service.revoke(text).status_code, revoked_rows()) == (200, 0)


def test_a_token_of_a_grant_is_not_taken_for_a_clients(service: Guide) -> None:
    """The MAC covers the row that a token names."""
    service.tokens()
    grant = Grant.objects.get()
    token = sealed.AccessToken(
        row_id=service.client.row_id, token_id=grant.pk, expires_at=2**40, scope="profile", is_own=True
    )
    assert get("/both/function/", sealed.seal(token, conf.token_keys()[0], bytes(grant.secret))).status_code == 401


def test_verify_says_whose_it_is(service: Guide) -> None:
    """Code below the views can use it, too."""
    bearer = access_token.verify(Secret(own(service).json()["access_token"]), now=timezone.now())
    assert (bearer.user, bearer.grant_id, bearer.client.client_id, bearer.source) == (
        None,
        None,
        "presc_man_123",
        "client presc_man_123",
    )
