"""RFC 8693, OAuth 2.0 Token Exchange."""

import time
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from oauth_service.models import Client, Grant, Resource, TrustedIssuer
from oauth_service.protocol import sealed, token_exchange
from oauth_service.protocol.errors import InvalidToken
from oauth_service.protocol.secret import Secret
from oauth_service.protocol.token_exchange import ACCESS_TOKEN, GRANT_TYPE, ID_TOKEN, JWT, MOST_ACTORS
from oauth_service.tokens import access_token
from oauth_service.tokens.access_token import Bearer
from tests.assertions import Signer
from tests.clauses import clause
from tests.exchanges import Service, service_for
from tests.guide import Guide
from tests.openid.conftest import RelyingParty
from tests.openid.conftest import provider as provider
from tests.openid.conftest import rp as rp
from tests.openid.test_jwt_access_tokens import persons_token
from tests.specs.answers import refusal_of

OTHER_TYPES = ["refresh_token", "saml1", "saml2", "jwt", "id_token"]


@pytest.fixture
def service(guide: Guide) -> Service:
    """Return a service that may delegate and impersonate for users of the guide's app."""
    return service_for(guide.client)


@pytest.fixture
def subject(guide: Guide) -> str:
    """Return an access token of the app."""
    return str(guide.tokens()["access_token"])


def bearer(token: str) -> Bearer:
    """Return a resource's view of a token."""
    return access_token.verify(Secret(token), now=timezone.now())


# -- 1.1 Delegation vs. Impersonation Semantics ------------------------------------------------------------------------


@clause("RFC 8693", "1.1")
def test_by_impersonation_nobody_sees_who_acts(guide: Guide, service: Service, subject: str) -> None:
    """ "When principal A impersonates principal B, A is given all the rights that B has [...] and is indistinguishable"."""
    found = bearer(service.exchange(subject).json()["access_token"])
    assert (found.user, found.actor, found.act) == (guide.alice, None, ())
    assert (found.client_id, found.app_client_id) == ("orders", guide.client.client_id)


@clause("RFC 8693", "1.1")
def test_by_delegation_the_token_says_who_acts(guide: Guide, service: Service, subject: str) -> None:
    """ "[...] principal A still has its own identity separate from B"."""
    found = bearer(service.delegate(subject).json()["access_token"])
    assert found.user == guide.alice
    assert found.actor == sealed.Actor(sub="orders", client_id="orders")


@clause("RFC 8693", "1.1")
@pytest.mark.parametrize(
    ("lost", "way"), [("may_impersonate", Service.exchange), ("may_delegate", Service.delegate)], ids=["pass", "act"]
)
def test_each_is_a_permission_of_its_own(service: Service, subject: str, lost: str, way: Any) -> None:
    """The two permissions do not imply each other, and both are off by default."""
    assert getattr(Client(), lost) is False
    Client.objects.filter(client_id="orders").update(**{lost: False})
    assert refusal_of(way(service, subject)) == (400, "unauthorized_client")


# -- 2.1 Request -------------------------------------------------------------------------------------------------------


@clause("RFC 8693", "2.1")
@pytest.mark.parametrize("name", ["subject_token", "subject_token_type"])
def test_the_subject_token_and_its_type_are_required(service: Service, subject: str, name: str) -> None:
    """Both parameters are "REQUIRED." """
    response = service.exchange(subject, **{name: ""})
    assert refusal_of(response) == (400, "invalid_request")
    assert response.json()["error_description"] == f"{name} is missing"


@clause("RFC 8693", "2.1")
def test_an_actor_token_needs_its_type(service: Service, subject: str) -> None:
    """ "This parameter is REQUIRED when the actor_token parameter is present in the request"."""
    response = service.delegate(subject, actor_token_type="")
    assert refusal_of(response) == (400, "invalid_request")


@clause("RFC 8693", "2.1")
def test_a_type_without_an_actor_token_is_refused(service: Service, subject: str) -> None:
    """ "[...] but MUST NOT be included otherwise." """
    response = service.exchange(subject, actor_token_type=ACCESS_TOKEN)
    assert refusal_of(response) == (400, "invalid_request")


@clause("RFC 8693", "2.1")
@pytest.mark.parametrize("wanted", [*OTHER_TYPES, "nonsense"])
def test_only_access_tokens_are_issued(service: Service, subject: str, wanted: str) -> None:
    """ "[...] the requested security token type" that is not there."""
    response = service.exchange(subject, requested_token_type=f"urn:ietf:params:oauth:token-type:{wanted}")
    assert refusal_of(response) == (400, "invalid_request")
    assert service.exchange(subject, requested_token_type=ACCESS_TOKEN).status_code == 200


@clause("RFC 8693", "2.1")
@pytest.mark.parametrize("name", ["resource", "audience"])
def test_several_targets_may_be_named_and_none_that_the_subject_token_is_not_for(
    service: Service, subject: str, name: str
) -> None:
    """ "Multiple resource parameters may be used [...]"; the subject token is for none of these."""
    named = ["https://orders.example/", "https://stock.example/"]
    for identifier in named:
        Resource.objects.create(identifier=identifier, name="API", is_for_all=True)
    response = service.exchange(subject, **{name: named})
    assert refusal_of(response) == (400, "invalid_target")


@clause("RFC 8693", "2.1")
def test_nothing_else_is_sent_twice(service: Service, subject: str) -> None:
    """ "Request [...] parameters MUST NOT be included more than once" (RFC 6749 section 3.2)."""
    assert refusal_of(service.exchange(subject, scope=["user", "profile"])) == (400, "invalid_request")


@clause("RFC 8693", "2.1")
def test_scope_narrows(service: Service, subject: str) -> None:
    """Without a scope parameter the token has all that both the subject token and the service may have."""
    assert service.exchange(subject, scope="profile").json()["scope"] == "profile"
    assert set(service.exchange(subject).json()["scope"].split()) == {"user", "profile"}


@clause("RFC 8693", "2.1")
def test_the_client_authenticates(service: Service, subject: str) -> None:
    """ "Client authentication to the authorization server is done using the normal mechanisms"."""
    assert refusal_of(service.exchange(subject, client_secret="wrong")) == (401, "invalid_client")


@clause("RFC 8693", "2.1")
def test_a_public_client_exchanges_nothing(service: Service, subject: str) -> None:
    """ "Omitting client authentication allows for a compromised token to be leveraged via an STS"."""
    Client.objects.filter(client_id="orders").update(client_type="public", secret_hash="")
    assert refusal_of(service.exchange(subject, client_secret="")) == (400, "unauthorized_client")


@clause("RFC 8693", "2.1")
def test_the_grant_type_is_registered(service: Service, subject: str) -> None:
    """Both permissions are worthless without the grant type."""
    Client.objects.filter(client_id="orders").update(grant_types="client_credentials")
    assert refusal_of(service.exchange(subject)) == (400, "unauthorized_client")


# -- 2.2 Response ------------------------------------------------------------------------------------------------------


@clause("RFC 8693", "2.2.1")
def test_a_successful_answer(service: Service, subject: str) -> None:
    """
    access_token, issued_token_type and token_type are REQUIRED. A refresh token is not issued: it would outlive the subject
    token.
    """
    response = service.exchange(subject)
    assert (response.status_code, response["Cache-Control"]) == (200, "private, no-store")
    members = response.json()
    assert set(members) == {"access_token", "issued_token_type", "token_type", "expires_in", "scope"}
    assert (members["issued_token_type"], members["token_type"]) == (ACCESS_TOKEN, "Bearer")
    assert 0 < members["expires_in"] <= 3600
    assert service.is_alive(members["access_token"])


@clause("RFC 8693", "2.2.2")
@pytest.mark.parametrize("kind", ["refresh", "code", "forged", "nonsense", "id", "own", "unknown"])
def test_whatever_is_no_access_token_is_an_invalid_request(guide: Guide, service: Service, kind: str) -> None:
    """ "If [...] either the subject_token or actor_token are invalid for any reason [...] invalid_request"."""
    tokens = guide.tokens()
    presented = {
        "refresh": tokens["refresh_token"],
        "code": guide.code(),
        "forged": tokens["access_token"][:-6] + "AAAAAA",
        "nonsense": "AT_x",
        "id": "e30.e30.e30",
        "own": service.own_token(),
        "unknown": tokens["access_token"],
    }[kind]
    if kind == "unknown":
        Grant.objects.all().delete()
    assert refusal_of(service.exchange(presented)) == (400, "invalid_request")
    assert refusal_of(service.exchange(presented, subject_token_type=JWT)) == (400, "invalid_request")
    assert Grant.objects.count() == (0 if kind == "unknown" else 1)


@clause("RFC 8693", "2.2.2")
@pytest.mark.parametrize("name", ["subject_token_type", "actor_token_type"])
@pytest.mark.parametrize("kind", OTHER_TYPES)
def test_a_type_that_is_not_supported_is_an_invalid_request(
    service: Service, subject: str, name: str, kind: str
) -> None:
    """Calling an access token by another type does not change it, and this server has no OpenID Connect."""
    response = service.delegate(subject, **{name: f"urn:ietf:params:oauth:token-type:{kind}"})
    assert refusal_of(response) == (400, "invalid_request")


@clause("RFC 8693", "2.2.2")
@pytest.mark.parametrize("kind", ["another client's", "a person's at the app", "exchanged", "forged"])
def test_an_actor_token_is_the_clients_own(guide: Guide, service: Service, subject: str, kind: str) -> None:
    """Otherwise the service would act in another client's name."""
    other = service_for(guide.client, "other")
    actor = {
        "another client's": other.own_token(),
        "a person's at the app": subject,
        "exchanged": service.exchange(subject).json()["access_token"],
        "forged": service.own_token()[:-6] + "AAAAAA",
    }[kind]
    assert refusal_of(service.delegate(subject, actor)) == (400, "invalid_request")


@clause("RFC 8693", "2.2.2")
def test_an_expired_subject_token_is_an_invalid_request(service: Service, subject: str) -> None:
    """A grant that is still alive does not help."""
    with time_machine.travel(timezone.now() + timedelta(hours=2), tick=False):
        assert refusal_of(service.exchange(subject)) == (400, "invalid_request")


@clause("RFC 8693", "2.2.2")
def test_a_token_of_an_app_that_does_not_let_it_is_an_invalid_request(
    guide: Guide, service: Service, subject: str
) -> None:
    """The registration of each app lists the services that may act through it."""
    Client.objects.filter(pk=guide.client.pk).update(exchangeable_by="another")
    assert refusal_of(service.exchange(subject)) == (400, "invalid_request")


# -- 3 Token Type Identifiers: ID tokens -------------------------------------------------------------------------------


@pytest.fixture
def partner(rp: RelyingParty) -> Service:
    """Return a service of a relying party."""
    return service_for(rp.client, scope="openid profile")


@clause("RFC 8693", "3")
def test_an_id_token_stands_for_its_person(rp: RelyingParty, partner: Service) -> None:
    """The sign-in of the ID token and its connection are alive."""
    tokens = rp.tokens(scope="openid profile email")
    members = partner.exchange(tokens["id_token"], subject_token_type=ID_TOKEN).json()
    assert members["scope"] == "openid profile"
    assert partner.userinfo(members["access_token"]).json()["sub"] == str(rp.user.pk)


@clause("RFC 8693", "3")
def test_an_id_token_is_good_for_the_resources_of_its_connection_alone(rp: RelyingParty, partner: Service) -> None:
    """If the user was asked for another API, the server's own resource is not included."""
    api = "https://api.example/"
    Resource.objects.create(identifier=api, name="API", is_for_all=True)
    tokens = rp.exchange(rp.connect(scope="openid profile", resource=api)["code"]).json()
    token = partner.exchange(tokens["id_token"], subject_token_type=ID_TOKEN).json()["access_token"]
    assert bearer(token).audience == {api}
    assert not partner.is_alive(token)


@clause("RFC 8693", "3")
@pytest.mark.parametrize("kind", ["forged", "expired", "signed out", "ended", "as an access token", "as a jwt"])
def test_an_id_token_that_is_good_no_more_is_an_invalid_request(rp: RelyingParty, partner: Service, kind: str) -> None:
    """An ID token ends with its sign-in, even if the connection outlives the sign-in by offline_access."""
    token = rp.tokens(scope="openid profile offline_access")["id_token"]
    changes: dict[str, str] = {"subject_token_type": ID_TOKEN}
    later = timedelta(0)
    match kind:
        case "forged":
            token = token[:-6] + "AAAAAA"
        case "expired":
            later = timedelta(hours=2)
        case "signed out":
            rp.browser.post("/logout/")
        case "ended":
            Grant.objects.all().delete()
        case "as an access token":
            changes = {}
        case "as a jwt":
            changes = {"subject_token_type": JWT}
    with time_machine.travel(timezone.now() + later, tick=False):
        assert refusal_of(partner.exchange(token, **changes)) == (400, "invalid_request")


@clause("RFC 8693", "3")
def test_the_id_token_of_another_client_is_an_invalid_request(rp: RelyingParty, partner: Service) -> None:
    """The audience does not let this client exchange it, even if the client has obtained it."""
    token = rp.tokens()["id_token"]
    stranger = service_for(Client.objects.get(client_id="orders"), "stranger", scope="openid")
    assert refusal_of(stranger.exchange(token, subject_token_type=ID_TOKEN)) == (400, "invalid_request")


@clause("RFC 8693", "3")
def test_who_acts_may_be_a_person(rp: RelyingParty, partner: Service) -> None:
    """The actor token is an ID token of the service itself, for a member of the support team who uses it."""
    columns = {"redirect_uris": rp.client.redirect_uris, "requires_pkce": False}
    grant_types = f"authorization_code {GRANT_TYPE}"
    Client.objects.filter(client_id="orders").update(**columns, grant_types=grant_types)
    desk = RelyingParty(client=Client.objects.get(client_id="orders"), user=rp.user)
    desk.client.choose_secret("a secret that a person chose")
    desk.client.save()
    partner.client = desk.client
    subject = rp.tokens(scope="openid profile")["access_token"]
    credentials = {"client_secret": "a secret that a person chose", "actor_token_type": ID_TOKEN}
    members = partner.delegate(subject, desk.tokens()["id_token"], **credentials).json()
    assert bearer(members["access_token"]).actor == sealed.Actor(sub=str(rp.user.pk), client_id="orders")
    assert refusal_of(partner.delegate(subject, rp.tokens()["id_token"], **credentials)) == (400, "invalid_request")


# -- 4 JSON Web Token Claims and Introspection Response Parameters -----------------------------------------------------


@clause("RFC 8693", "4.1")
def test_the_current_actor_stands_before_those_who_acted_before(guide: Guide, service: Service, subject: str) -> None:
    """ "[...] the outermost act claim representing the current actor"."""
    second = service_for(service.client, "stock")
    first = service.delegate(subject).json()["access_token"]
    found = bearer(second.delegate(first).json()["access_token"])
    assert token_exchange.act_claim(found.act) == {
        "sub": "stock",
        "client_id": "stock",
        "act": {"sub": "orders", "client_id": "orders"},
    }
    assert (found.user, found.app_client_id) == (guide.alice, guide.client.client_id)


@clause("RFC 8693", "4.1")
def test_a_chain_has_an_end(service: Service, subject: str) -> None:
    """Each actor takes room in the token and costs a lookup of its client."""
    token, last = subject, service
    for number in range(MOST_ACTORS):
        response = last.delegate(token)
        assert response.status_code == 200, response.content
        token, last = response.json()["access_token"], service_for(last.client, f"service{number}")
    assert service.is_alive(token)
    assert refusal_of(last.delegate(token)) == (400, "invalid_request")


@clause("RFC 8693", "4.1")
def test_no_exchange_hides_who_acts(service: Service, subject: str) -> None:
    """A token with an actor is not exchanged by impersonation; an impersonated token is not exchanged at all."""
    second = service_for(service.client, "stock")
    delegated = service.delegate(subject).json()["access_token"]
    impersonated = service.exchange(subject).json()["access_token"]
    answers = [second.exchange(delegated), second.exchange(impersonated), second.delegate(impersonated)]
    assert [refusal_of(each) for each in answers] == [(400, "invalid_request")] * 3


# -- 5 Security Considerations -----------------------------------------------------------------------------------------


@clause("RFC 8693", "5")
def test_the_scope_only_narrows(guide: Guide, service: Service) -> None:
    """The limits are those of the subject token and of the service, at a second exchange, too."""
    narrow = guide.tokens(scope="profile")["access_token"]
    assert refusal_of(service.exchange(narrow, scope="user profile")) == (400, "invalid_scope")
    second = service_for(service.client, "stock", scope="user")
    token = service.delegate(narrow).json()["access_token"]
    assert refusal_of(second.delegate(token)) == (400, "invalid_scope")
    assert refusal_of(second.delegate(token, scope="user")) == (400, "invalid_scope")


@clause("RFC 8693", "5")
def test_the_life_only_shortens(service: Service, subject: str) -> None:
    """A minute before the subject token ends, the new token has a minute left."""
    with time_machine.travel(time.time() + 3540, tick=False):
        assert service.exchange(subject).json()["expires_in"] <= 60


@clause("RFC 8693", "5")
@pytest.mark.parametrize("name", ["subject_token", "actor_token"])
def test_the_tokens_are_sent_in_the_body_alone(service: Service, subject: str, name: str) -> None:
    """Logs and histories keep URLs."""
    response = service.server.post(f"/token/?{name}={subject}", "", content_type="application/x-www-form-urlencoded")
    assert refusal_of(response) == (400, "invalid_request")


@clause("RFC 8693", "2.1")
def test_the_metadata_names_the_grant_type(guide: Guide) -> None:
    """The metadata has all grant types of the server (RFC 8414)."""
    metadata = guide.server.get("/.well-known/oauth-authorization-server").json()
    assert GRANT_TYPE in metadata["grant_types_supported"]


@clause("RFC 8693", "3")
def test_an_access_token_may_be_a_jwt_of_this_server(rp: RelyingParty, partner: Service) -> None:
    """ "Indicates that the token is an OAuth 2.0 access token issued by the given authorization server", whatever its format."""
    api = "https://api.example/"
    Resource.objects.create(identifier=api, name="API", token_format="jwt", is_for_all=True)
    subject = persons_token(rp, api)
    assert subject.count(".") == 2
    response = partner.exchange(subject)
    assert response.status_code == 200, response.content
    assert bearer(response.json()["access_token"]).audience == {api}
    assert refusal_of(partner.exchange(subject, subject_token_type=ID_TOKEN)) == (400, "invalid_request")
    rp.server.post("/oauth/revoke/", {"token": subject, **rp.credentials}, content_type="application/json")
    with pytest.raises(InvalidToken):
        bearer(response.json()["access_token"])


# -- 3 Token Type Identifiers: JWTs of other issuers -------------------------------------------------------------------

IDP = "https://idp.example"


def the_alice(claims: dict[str, Any]) -> User | None:
    """Serve as OAUTH_SERVICE_EXCHANGE_USER in the tests below."""
    return User.objects.filter(username=claims["sub"]).first()


@pytest.fixture
def idp(guide: Guide, settings: Settings) -> Signer:
    """Return an issuer whose JWTs the guide's app may exchange for tokens of its own users."""
    Client.objects.filter(pk=guide.client.pk).update(
        may_impersonate=True,
        may_delegate=True,
        grant_types=f"{guide.client.grant_types} client_credentials {GRANT_TYPE}",
    )
    settings.OAUTH_SERVICE_EXCHANGE_USER = f"{__name__}.the_alice"
    signer = Signer(IDP)
    columns = {"purposes": "token-exchange", "algorithms": signer.algorithm, "clients": guide.client.client_id}
    TrustedIssuer.objects.create(issuer=IDP, jwks=signer.jwks, **columns)
    return signer


@clause("RFC 8693", "3")
def test_a_jwt_of_a_trusted_issuer_stands_for_its_user(guide: Guide, idp: Signer) -> None:
    """The token depends on the user's connection with the client, and lives no longer than the JWT."""
    guide.tokens()
    app = Service(guide.client)
    response = app.exchange(idp.assertion(sub="alice", scope="profile email"), subject_token_type=JWT)
    assert response.json()["scope"] == "profile"
    assert response.json()["expires_in"] <= 60
    token = response.json()["access_token"]
    assert bearer(token).user == guide.alice
    guide.deauthorise()
    assert not app.is_alive(token)


@clause("RFC 8693", "3")
@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"sub": "bob"}, "the subject token is not valid"),
        ({"aud": "https://another.example"}, "the subject token is not valid"),
        ({"iss": "https://another.example"}, "the subject token is not valid"),
        ({"exp": 1}, "the subject token is not valid"),
        ({"act": {"sub": "somebody"}}, "the subject token says who acts at another server"),
        ({"scope": "email"}, "nothing is left of the scope"),
        ({"scope": ["profile"]}, "nothing is left of the scope"),
    ],
)
def test_a_jwt_that_is_not_good_is_refused(guide: Guide, idp: Signer, changes: dict[str, Any], fault: str) -> None:
    """Each fault is refused; none is silently ignored."""
    guide.tokens()
    response = Service(guide.client).exchange(idp.assertion(**({"sub": "alice"} | changes)), subject_token_type=JWT)
    assert (response.status_code, response.json()["error_description"]) == (400, fault)


@clause("RFC 8693", "3")
@pytest.mark.parametrize("lost", ["connection", "purpose", "client", "issuer", "setting", "user"])
def test_a_jwt_alone_makes_nobody_known(guide: Guide, idp: Signer, settings: Settings, lost: str) -> None:
    """The issuer must be registered for this purpose and this client, and the user must have allowed the client."""
    guide.tokens()
    match lost:
        case "connection":
            Grant.objects.all().delete()
        case "purpose":
            TrustedIssuer.objects.update(purposes="jwt-bearer")
        case "client":
            TrustedIssuer.objects.update(clients="another")
        case "issuer":
            TrustedIssuer.objects.update(is_active=False)
        case "setting":
            settings.OAUTH_SERVICE_EXCHANGE_USER = ""
        case "user":
            User.objects.update(is_active=False)
    response = Service(guide.client).exchange(idp.assertion(sub="alice"), subject_token_type=JWT)
    assert refusal_of(response) == (400, "invalid_request")


@clause("RFC 8693", "4.4")
@pytest.mark.parametrize(
    ("may_act", "passes", "acts"),
    [
        ({"client_id": "presc_man_123"}, 200, 200),
        ({"sub": "presc_man_123"}, 400, 200),
        ({"sub": "presc_man_123", "iss": "http://localhost:8000"}, 400, 200),
        ({"sub": "another"}, 400, 400),
        ({"sub": "presc_man_123", "group": "staff"}, 400, 400),
        ({}, 400, 400),
        ("presc_man_123", 400, 400),
    ],
)
def test_may_act_is_honoured(guide: Guide, idp: Signer, may_act: object, passes: int, acts: int) -> None:
    """ "[...] one party is authorized to become the actor and act on behalf of another party"."""
    guide.tokens()
    app = Service(guide.client)
    text = idp.assertion(sub="alice", may_act=may_act)
    answers = [way(text, subject_token_type=JWT).status_code for way in (app.exchange, app.delegate)]
    assert answers == [passes, acts]


@clause("RFC 8693", "4.1")
def test_an_actor_of_another_issuer_is_named_with_it(guide: Guide, idp: Signer) -> None:
    """ "[...] the combination of the two claims iss and sub"."""
    subject = guide.tokens()["access_token"]
    response = Service(guide.client).delegate(subject, idp.assertion(sub="robot"), actor_token_type=JWT)
    found = bearer(response.json()["access_token"])
    assert found.actor == sealed.Actor(sub="robot", iss=IDP, client_id="presc_man_123")
