"""Conditions of a trusted issuer's grant, and events that end it."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.test import Client as Browser
from django.utils import timezone
from pytest_django import Settings

from oauth_service.clients import key_sets
from oauth_service.models import Client, Consent, Grant, Once, Resource, TrustedIssuer
from oauth_service.protocol.jwt_bearer import GRANT_TYPE
from tests.actors import FORM
from tests.architecture.test_query_budgets import at_most
from tests.assertions import signed
from tests.jwt_bearer.actors import IdentityProvider, allow
from tests.revocation.actors import console_of

UNKNOWN = (400, "invalid_grant", "the user of the assertion is not known here")
INVALID = (400, "invalid_grant", "the assertion is not valid")
PURPOSES = pytest.mark.parametrize("purpose", ["jwt-bearer", "id-jag"])


@PURPOSES
def test_the_token_is_the_users(idp: IdentityProvider, purpose: str) -> None:
    """The client gets an access token for the allowed scope, and no refresh token."""
    tokens = idp.tokens(purpose)
    assert (set(tokens), tokens["scope"]) == ({"access_token", "token_type", "expires_in", "scope"}, "user profile")
    assert idp.userinfo(tokens["access_token"]) == 200


def test_no_refresh_token_even_for_a_client_that_has_others(idp: IdentityProvider) -> None:
    """The client must return to the issuer, which is the first to know that a user has left."""
    assert "refresh_token" in idp.client.grant_types
    assert "refresh_token" not in idp.tokens()
    lifetime = Grant.objects.get().expires_at - timezone.now()
    assert lifetime <= timedelta(hours=1)


@PURPOSES
def test_without_consent_there_is_no_token(idp: IdentityProvider, purpose: str) -> None:
    """
    The issuer's assertion replaces the user's consent only if staff say so. After the refusal the assertion can be used
    again.
    """
    Consent.objects.all().delete()
    assertion = idp.jwt(purpose)
    assert idp.said(assertion) == (400, "invalid_grant", "the user has not allowed this client")
    assert (Once.objects.count(), Grant.objects.count()) == (0, 0)
    allow(User.objects.get(), idp.client)
    assert idp.present(assertion).status_code == 200


def test_a_jwt_from_before_a_global_revocation_connects_nobody(
    vouching: IdentityProvider, alice: User, settings: Settings
) -> None:
    """The server refuses assertions from before the revocation. The issuer stays trusted and can make new ones."""
    settings.OAUTH_SERVICE_GLOBAL_TOKEN_REVOCATION = True
    tokens, assertion = vouching.tokens(), vouching.jwt()
    assert console_of("console").end(alice).status_code == 204
    assert (vouching.said(assertion), vouching.userinfo(tokens["access_token"])) == (INVALID, 401)
    with time_machine.travel(timezone.now() + timedelta(seconds=2), tick=False):
        assert vouching.userinfo(vouching.tokens()["access_token"]) == 200


@pytest.mark.parametrize("dates", [{}, {"iat": None}], ids=["no iat", "iat is null"])
def test_a_jwt_without_its_date_may_be_from_before_a_global_revocation(
    vouching: IdentityProvider, alice: User, settings: Settings, dates: dict[str, Any]
) -> None:
    """For an hour, the longest that an assertion is valid, the server cannot know that it is newer."""
    settings.OAUTH_SERVICE_GLOBAL_TOKEN_REVOCATION = True

    def undated() -> str:
        claims = vouching.claims(sub="alice", iat=None) | dates
        return signed(vouching.key, vouching.header(), claims)

    assert console_of("console").end(alice).status_code == 204
    assert vouching.said(undated()) == INVALID
    with time_machine.travel(timezone.now() + timedelta(hours=1, seconds=2), tick=False):
        assert vouching.present(undated()).status_code == 200


def test_where_the_issuers_word_stands_for_consent_the_person_sees_it(vouching: IdentityProvider, alice: User) -> None:
    """The user finds the client among the connected apps, and can end the connection there."""
    tokens = vouching.tokens()
    browser = Browser()
    browser.force_login(alice)
    assert "Prescription Manager" in browser.get("/manage-apps/").content.decode()
    assert Consent.objects.get().scope == "user profile"
    form = urlencode({"client_id": vouching.client.client_id})
    assert browser.post("/oauth/deauthorise/", form, content_type=FORM).status_code < 400
    assert (vouching.userinfo(tokens["access_token"]), Consent.objects.count()) == (401, 0)


def test_the_consent_is_for_what_was_issued(vouching: IdentityProvider) -> None:
    """The stored consent grows with the issued scope, as after the consent page."""
    vouching.tokens(scope="profile")
    assert Consent.objects.get().scope == "profile"
    vouching.tokens(scope="user")
    assert Consent.objects.get().scope == "profile user"


ENDS: dict[str, Callable[[], object]] = {
    "user disabled": lambda: User.objects.update(is_active=False),
    "user deleted": lambda: User.objects.get().delete(),
    "consent withdrawn": lambda: Consent.objects.withdraw(Consent.objects.get()),
    "client disabled": lambda: Client.objects.update(is_active=False),
    "client deleted": lambda: Client.objects.get().delete(),
    "issuer disabled": lambda: TrustedIssuer.objects.update(is_active=False),
    "issuer deleted": lambda: TrustedIssuer.objects.all().delete(),
}


@pytest.mark.parametrize("end", ENDS)
@PURPOSES
def test_what_has_ended_ends_the_token_and_gives_no_other(idp: IdentityProvider, purpose: str, end: str) -> None:
    """Every one of these changes takes effect at once."""
    token, assertion = idp.tokens(purpose)["access_token"], idp.jwt(purpose)
    ENDS[end]()
    assert idp.userinfo(token) == 401
    assert idp.present(assertion).status_code in (400, 401)


def test_an_issuer_that_is_switched_off_takes_its_connections_along(idp: IdentityProvider, staff: Browser) -> None:
    """No page may list void connections. Consents that users gave themselves stay."""
    idp.tokens()
    issuer = TrustedIssuer.objects.get()
    form = {"issuer": issuer.issuer, "purposes": issuer.purpose_list, "algorithms": issuer.algorithm_list}
    form |= {"clients": issuer.clients, "jwks": issuer.jwks}
    assert staff.post(f"/admin/oauth_service/trustedissuer/{issuer.pk}/change/", form).status_code == 302
    assert (TrustedIssuer.objects.get().is_active, Grant.objects.count(), Consent.objects.count()) == (False, 0, 1)


def test_an_issuer_that_is_deleted_takes_its_connections_along(idp: IdentityProvider, staff: Browser) -> None:
    """Staff delete an issuer in the admin, which must not leave connections that no issuer vouches for."""
    idp.tokens()
    url = f"/admin/oauth_service/trustedissuer/{TrustedIssuer.objects.get().pk}/delete/"
    assert staff.post(url, {"post": "yes"}).status_code == 302
    assert (TrustedIssuer.objects.count(), Grant.objects.count()) == (0, 0)


def test_a_project_that_believes_nobody_any_more_has_ended_its_tokens(
    idp: IdentityProvider, believing: Settings
) -> None:
    """An operator who removes the setting expects its tokens to end, without deactivating each issuer."""
    token = idp.tokens()["access_token"]
    believing.OAUTH_SERVICE_JWT_BEARER_USER = ""
    assert idp.userinfo(token) == 401


def test_a_token_lives_as_long_as_the_clients_others(idp: IdentityProvider) -> None:
    """An assertion lives for a short time, and its token may outlive it. Staff can decide otherwise."""
    Client.objects.update(access_token_lifetime=timedelta(minutes=10))
    assert idp.tokens()["expires_in"] == 600


def test_tokens_end_with_the_jwt_where_staff_say_so(idp: IdentityProvider) -> None:
    """Tokens never outlive exp. An assertion that is only accepted because of the clock leeway gives no token."""
    TrustedIssuer.objects.update(tokens_end_with_jwt=True)
    now = int(timezone.now().timestamp())
    with time_machine.travel(now, tick=False):
        tokens = idp.tokens(exp=now + 90)
        assert tokens["expires_in"] == 90
        assert idp.said(idp.jwt(exp=now - 30)) == INVALID
    with time_machine.travel(now + 89, tick=False):
        assert idp.userinfo(tokens["access_token"]) == 200
    with time_machine.travel(now + 91, tick=False):
        assert idp.userinfo(tokens["access_token"]) == 401


def test_scope_is_what_client_consent_and_assertion_have_in_common(idp: IdentityProvider) -> None:
    """The client, the user and the issuer cannot extend the scope that the others allow."""
    Client.objects.update(scope="openid offline_access user profile")
    Consent.objects.update(scope="openid offline_access profile")
    assert idp.tokens()["scope"] == "profile"
    for scope in ("user", "openid", "offline_access", "everything"):
        assert idp.said(idp.jwt(), scope=scope)[1] == "invalid_scope"
        assert idp.said(idp.jwt(scope=scope))[1] == "invalid_scope"
    assert Once.objects.count() == 1


def test_a_stranger_to_the_project_gets_nothing(idp: IdentityProvider, alice: User) -> None:
    """Unknown and deactivated users get the same response. The assertion is not used up."""
    assert idp.said(idp.jwt(sub="mallory")) == UNKNOWN
    alice.is_active = False
    alice.save()
    assert idp.said(idp.jwt()) == UNKNOWN
    assert Once.objects.count() == 0


def test_a_function_that_answers_no_user_is_a_fault_of_the_project(
    idp: IdentityProvider, believing: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """The function must return a user: a name would leave the choice of the user open."""
    believing.OAUTH_SERVICE_JWT_BEARER_USER = "tests.jwt_bearer.actors.nobody_of"
    assert idp.present(idp.jwt()).status_code == 500
    assert "OAUTH_SERVICE_JWT_BEARER_USER must return a user" in caplog.text
    assert Once.objects.count() == 0


def test_a_public_client_presents_nothing(idp: IdentityProvider) -> None:
    """A public client cannot prove that the assertion was made for it."""
    Client.objects.update(client_type="public")
    idp.credentials = {"client_id": idp.client.client_id}
    assert idp.said(idp.jwt()) == (400, "unauthorized_client", "a public client can present no assertion")


def test_no_public_client_is_registered_for_it(idp: IdentityProvider) -> None:
    """The form refuses such a client before it could ask for a token."""
    idp.client.client_type = "public"
    with pytest.raises(ValidationError, match="cannot prove who it is"):
        idp.client.full_clean()


def test_a_resource_is_the_audience_of_the_token(idp: IdentityProvider) -> None:
    """A token for one API must not work at another, such as userinfo."""
    api = Resource.objects.create(identifier="https://api.example", name="API", is_for_all=True)
    assert idp.said(idp.jwt(), resource=api.identifier)[1] == "invalid_scope"  # the user was not shown this resource
    allow(User.objects.get(), idp.client, at={api.identifier: "user profile"})
    named: dict[str, Any] = {"resource": api.identifier}
    for claims, changes in ((named, {}), ({}, named)):
        tokens = idp.present(idp.jwt(**claims), **changes).json()
        assert idp.userinfo(tokens["access_token"]) == 401
    refused = idp.said(idp.jwt(resource=["https://api.example"]), resource="https://other.example")
    assert refused == (400, "invalid_target", "the assertion is not good for this resource")
    assert idp.said(idp.jwt(resource="https://unknown.example"))[1] == "invalid_target"


def test_the_issuers_word_stands_for_the_consent_to_a_resource(vouching: IdentityProvider) -> None:
    """The stored consent covers the issued scope at this resource, and nothing else."""
    Resource.objects.create(identifier="https://api.example", name="API", is_for_all=True)
    for _ in range(2):
        assert vouching.tokens(resource="https://api.example", scope="profile")["scope"] == "profile"
    consent = Consent.objects.get()
    assert (consent.scope, consent.resources) == ("", "https://api.example profile")


@PURPOSES
@pytest.mark.parametrize(
    "claims",
    [
        {"act": {"sub": "agent"}},
        {"tenant": "acme"},
        {"aud_tenant": "acme"},
        {"cnf": {"jkt": "x"}},
        {"authorization_details": []},
        {"scope": ["user"]},
        {"scope": None, "resource": 7},
        {"resource": []},
        {"resource": "api"},
        {"resource": ["https://api.example", 7]},
    ],
    ids=json.dumps,
)
def test_what_cannot_be_honoured_is_refused(idp: IdentityProvider, purpose: str, claims: dict[str, Any]) -> None:
    """The server would widen the issuer's permission if it ignored a restriction."""
    assert idp.said(idp.jwt(purpose, **claims)) == INVALID
    assert (Once.objects.count(), Grant.objects.count()) == (0, 0)


@PURPOSES
def test_without_the_setting_there_is_no_such_grant_type(
    idp: IdentityProvider, believing: Settings, staff: Browser, purpose: str
) -> None:
    """A feature that is off is absent: token endpoint, metadata, description, admin form."""
    documents = ("/.well-known/oauth-authorization-server", "/openapi.json", "/admin/oauth_service/client/add/")
    assert [GRANT_TYPE in staff.get(url).content.decode() for url in documents] == [True] * 3
    believing.OAUTH_SERVICE_JWT_BEARER_USER = ""
    assert idp.said(idp.jwt(purpose))[1] == "unsupported_grant_type"
    assert [GRANT_TYPE in staff.get(url).content.decode() for url in documents] == [False] * 3


def test_without_the_extra_there_is_no_such_grant_type(idp: IdentityProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server cannot verify signatures without the extra."""
    monkeypatch.setattr(key_sets, "_is_available", False)
    assert idp.said(idp.jwt())[1] == "unsupported_grant_type"


def test_the_assertion_never_stands_in_the_url(idp: IdentityProvider) -> None:
    """Logs, browser histories and Referer headers would keep it."""
    response = idp.server.post(f"/token/?assertion={idp.jwt()}")
    assert response.json()["error_description"] == "assertion must be sent in the body, never in the URL"


def test_another_issuers_name_stays_with_its_grants(idp: IdentityProvider) -> None:
    """Switching off one issuer must not end another's grants."""
    token = idp.tokens()["access_token"]
    TrustedIssuer.objects.create(issuer="https://other.example", purposes="jwt-bearer", jwks=idp.jwks, is_active=False)
    assert idp.userinfo(token) == 200


def test_the_use_of_a_token_costs_one_statement(idp: IdentityProvider) -> None:
    """The check of the issuer is a join, and no statement of its own."""
    token = idp.tokens()["access_token"]
    idp.userinfo(token)
    with at_most(1):
        assert idp.userinfo(token) == 200
