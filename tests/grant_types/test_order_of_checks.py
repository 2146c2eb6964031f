"""
The order of checks of a token request, for each grant type: of two faults, the earlier one decides the answer and the effect.

Proof comes first: a client that proves nothing learns and changes nothing. Next comes a replay, which means a theft whatever the
request asks for. The requested scope and resources come last.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from oauth_service import testing
from oauth_service.grant_types import GRANT_TYPES
from oauth_service.guard import retries
from oauth_service.models import AuthorizationCode, Client, Consent, DeviceCode, Grant, Once, TrustedIssuer
from oauth_service.protocol import device_code, jwt_bearer, pkce, sealed
from oauth_service.protocol.refresh_token import TOO_MANY_RETRIED
from oauth_service.protocol.token_exchange import ACCESS_TOKEN, GRANT_TYPE
from tests.clauses import clause
from tests.database import ALIAS
from tests.device.actors import Device, Visitor
from tests.guide import FORM, REDIRECT_URI, SECRET, Guide
from tests.jwt_bearer.actors import USER_FUNCTION, allow, trusted

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CONNECTION_LIFETIME = timedelta(days=90)
CHALLENGED = {"code_challenge": pkce.challenge_of(VERIFIER), "code_challenge_method": "S256"}


@dataclass
class Case:
    """A valid token request; each fault changes it, or the rows that it depends on."""

    guide: Guide
    parameters: dict[str, str]
    used: str = ""
    """What it would present if it was a replay."""
    replaced: str = ""
    """What was replaced a moment ago, and may be presented once more."""
    repeated: list[str] = field(default_factory=list)

    def send(self) -> tuple[int, str, str]:
        """Return status, error and error_description of the response; "" for those of a success."""
        pairs = [*self.parameters.items(), *[(name, value) for name in self.repeated for value in ("a", "b")]]
        response = self.guide.server.post("/token/", urlencode(pairs), content_type=FORM)
        said = response.json()
        return response.status_code, said.get("error", ""), said.get("error_description", "")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """
    A single fault of a request.

    Attributes:
        answer: the response if the request has no other fault.
        ends: True if it ends the grant; otherwise it changes nothing.
        instead_of: names of faults that cannot occur together with this one.
    """

    name: str
    make: Callable[[Case], object]
    answer: tuple[int, str, str]
    ends: bool = False
    instead_of: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return self.name


def said(error: str, sentence: str, status: int = 400) -> tuple[int, str, str]:
    return status, error, sentence


def setting(name: str, value: str) -> Callable[[Case], object]:
    return lambda case: case.parameters.update({name: value})


def without(name: str) -> Callable[[Case], object]:
    return lambda case: case.parameters.pop(name)


def forged(name: str) -> Callable[[Case], object]:
    """Change the MAC of a token of any kind."""

    def make(case: Case) -> None:
        token = case.parameters[name]
        case.parameters[name] = token[:-6] + ("AAAAAA" if not token.endswith("AAAAAA") else "QQQQQQ")

    return make


def malformed(name: str) -> Callable[[Case], object]:
    return lambda case: case.parameters.update({name: "x" + case.parameters[name]})


def replayed(name: str) -> Callable[[Case], object]:
    return lambda case: case.parameters.update({name: case.used})


def retried_too_often(case: Case) -> None:
    """Present the previous token once more, after other recent generations were retried, too."""
    unverified = sealed.read(sealed.RefreshToken, case.used)
    for generation in range(1 - TOO_MANY_RETRIED, 0):
        retries.note(unverified.row_id, generation)
    case.parameters["refresh_token"] = case.replaced


def expire(_: Case) -> None:
    for rows in (AuthorizationCode.objects, DeviceCode.objects, Grant.objects):
        rows.update(expires_at=timezone.now())


def delete_rows(_: Case) -> None:
    for rows in (AuthorizationCode.objects, DeviceCode.objects, Grant.objects):
        rows.all().delete()


# Faults of every request to /token/, found before the grant type is called.
OF_ALL = (
    Fault(
        name="a parameter is repeated",
        make=lambda case: case.repeated.append("state"),
        answer=said("invalid_request", "a parameter was sent more than once"),
    ),
    Fault(
        name="no grant_type",
        make=without("grant_type"),
        answer=said("invalid_request", "grant_type is missing"),
    ),
    Fault(
        name="no client",
        make=lambda case: [case.parameters.pop(name) for name in ("client_id", "client_secret")],
        answer=said("invalid_client", "client authentication is missing", 401),
    ),
    Fault(
        name="a wrong secret",
        make=setting("client_secret", "wrong"),
        answer=said("invalid_client", "client authentication failed", 401),
    ),
    Fault(
        name="the client was deactivated",
        make=lambda _: Client.objects.update(is_active=False),
        answer=said("invalid_client", "client authentication failed", 401),
    ),
    Fault(
        name="an unknown grant_type",
        make=setting("grant_type", "password"),
        answer=said("unsupported_grant_type", "grant_type is not supported"),
    ),
    Fault(
        name="the client may not use it",
        make=lambda case: Client.objects.update(grant_types="nothing"),
        answer=said("unauthorized_client", "this client may not use this grant type"),
    ),
)

ANOTHERS = setting("client_id", "stranger")

# Faults of each grant type, in the order of the checks in its exchange(). A new grant type adds its own.
ORDERS: Mapping[str, tuple[Fault, ...]] = {
    "authorization_code": (
        Fault(name="no code", make=without("code"), answer=said("invalid_request", "code is missing")),
        Fault(name="no code at all", make=malformed("code"), answer=said("invalid_grant", "the token is not genuine")),
        Fault(name="an unknown code", make=delete_rows, answer=said("invalid_grant", "the code is not valid")),
        Fault(name="a forged code", make=forged("code"), answer=said("invalid_grant", "the token is not genuine")),
        Fault(name="another client's", make=ANOTHERS, answer=said("invalid_grant", "the code is not valid")),
        Fault(
            name="another redirect_uri",
            make=setting("redirect_uri", REDIRECT_URI + "/"),
            answer=said("invalid_grant", "redirect_uri is not the one of the authorization request"),
        ),
        Fault(
            name="another code_verifier",
            make=setting("code_verifier", VERIFIER[::-1]),
            answer=said("invalid_grant", "code_verifier does not match the code_challenge"),
        ),
        Fault(
            name="a replay",
            make=replayed("code"),
            answer=said("invalid_grant", "the code was already used"),
            ends=True,
        ),
        Fault(
            name="the user is inactive",
            make=lambda _: User.objects.update(is_active=False),
            answer=said("invalid_grant", "the code is not valid"),
        ),
        Fault(name="it has expired", make=expire, answer=said("invalid_grant", "the code is not valid")),
        Fault(
            name="nothing is left of its scope",
            make=lambda _: Client.objects.update(scope="calendar"),
            answer=said("invalid_grant", "the code is not valid"),
        ),
    ),
    device_code.GRANT_TYPE: (
        Fault(
            name="no device code", make=without("device_code"), answer=said("invalid_request", "device_code is missing")
        ),
        Fault(
            name="no device code at all",
            make=malformed("device_code"),
            answer=said("invalid_grant", "the token is not genuine"),
        ),
        Fault(
            name="an unknown device code",
            make=delete_rows,
            answer=said("invalid_grant", "the device code is not valid"),
        ),
        Fault(
            name="a forged device code",
            make=forged("device_code"),
            answer=said("invalid_grant", "the token is not genuine"),
        ),
        Fault(name="another client's", make=ANOTHERS, answer=said("invalid_grant", "the device code is not valid")),
        Fault(
            name="a replay",
            make=replayed("device_code"),
            answer=said("invalid_grant", "the device code was already used"),
            ends=True,
        ),
        Fault(
            name="it was denied",
            make=lambda _: DeviceCode.objects.update(denied_at=timezone.now(), consent=None),
            answer=said("access_denied", "the user did not allow it"),
        ),
        Fault(name="it has expired", make=expire, answer=said("expired_token", "the device code has expired")),
        Fault(
            name="nobody has decided, and it asks too often",
            make=lambda _: DeviceCode.objects.update(consent=None, interval=60, next_poll_at=F("purge_at")),
            answer=said("slow_down", "the device asks too often: wait five seconds longer"),
        ),
        Fault(
            name="the user is inactive",
            make=lambda _: User.objects.update(is_active=False),
            answer=said("invalid_grant", "the device code is not valid"),
        ),
        Fault(
            name="nothing is left of its scope",
            make=lambda _: Client.objects.update(scope="calendar"),
            answer=said("invalid_grant", "the device code is not valid"),
        ),
    ),
    "refresh_token": (
        Fault(
            name="no refresh token",
            make=without("refresh_token"),
            answer=said("invalid_request", "refresh_token is missing"),
        ),
        Fault(
            name="no refresh token at all",
            make=malformed("refresh_token"),
            answer=said("invalid_grant", "the token is not genuine"),
        ),
        Fault(
            name="an unknown grant", make=delete_rows, answer=said("invalid_grant", "the refresh token is not valid")
        ),
        Fault(
            name="a forged token",
            make=forged("refresh_token"),
            answer=said("invalid_grant", "the token is not genuine"),
        ),
        Fault(name="another client's", make=ANOTHERS, answer=said("invalid_grant", "the refresh token is not valid")),
        Fault(
            name="a replay",
            make=replayed("refresh_token"),
            answer=said("invalid_grant", "the refresh token was already used"),
            ends=True,
            instead_of=frozenset({"one retry too many", "never issued"}),
        ),
        Fault(
            name="one retry too many",
            make=retried_too_often,
            answer=said("invalid_grant", "the refresh token is used by more than one holder"),
            ends=True,
            instead_of=frozenset({"never issued"}),
        ),
        Fault(
            name="never issued",
            make=lambda _: Grant.objects.update(generation=0),
            answer=said("invalid_grant", "the refresh token is not valid"),
        ),
        Fault(
            name="the user is inactive",
            make=lambda _: User.objects.update(is_active=False),
            answer=said("invalid_grant", "the refresh token is not valid"),
        ),
        Fault(name="it has expired", make=expire, answer=said("invalid_grant", "the refresh token is not valid")),
        Fault(
            name="as old as a connection may be",
            make=lambda _: Grant.objects.update(created_at=timezone.now() - CONNECTION_LIFETIME),
            answer=said("invalid_grant", "the refresh token is not valid"),
        ),
        Fault(
            name="nothing is left of its scope",
            make=lambda _: Client.objects.update(scope="calendar"),
            answer=said("invalid_scope", "nothing is left of the scope"),
        ),
        Fault(
            name="too wide a scope",
            make=setting("scope", "user profile everything"),
            answer=said("invalid_scope", "the scope is unknown or wider than allowed"),
        ),
    ),
    jwt_bearer.GRANT_TYPE: (
        Fault(name="no assertion", make=without("assertion"), answer=said("invalid_request", "assertion is missing")),
        Fault(
            name="no assertion at all",
            make=malformed("assertion"),
            answer=said("invalid_grant", "the assertion is not valid"),
        ),
        Fault(
            name="the issuer is switched off",
            make=lambda _: TrustedIssuer.objects.update(is_active=False),
            answer=said("invalid_grant", "the assertion is not valid"),
        ),
        Fault(
            name="the client may not present it",
            make=lambda _: TrustedIssuer.objects.update(clients="stranger"),
            answer=said("invalid_grant", "the assertion is not valid"),
        ),
        Fault(
            name="a forged assertion",
            make=forged("assertion"),
            answer=said("invalid_grant", "the assertion is not valid"),
        ),
        Fault(
            name="the user is inactive",
            make=lambda _: User.objects.update(is_active=False),
            answer=said("invalid_grant", "the user of the assertion is not known here"),
        ),
        Fault(
            name="no consent",
            make=lambda _: Consent.objects.all()._raw_delete(Consent.objects.db),
            answer=said("invalid_grant", "the user has not allowed this client"),
        ),
        Fault(
            name="an unknown resource",
            make=setting("resource", "https://unknown.example"),
            answer=said("invalid_target", "resource is unknown, or this client may not ask for it"),
        ),
        Fault(
            name="too wide a scope",
            make=setting("scope", "user profile everything"),
            answer=said("invalid_scope", "the scope is unknown or wider than allowed"),
        ),
        Fault(
            name="a replay",
            make=replayed("assertion"),
            answer=said("invalid_grant", "the assertion was already used"),
        ),
    ),
    "client_credentials": (
        Fault(
            name="too wide a scope",
            make=setting("scope", "user profile everything"),
            answer=said("invalid_scope", "the scope is unknown or wider than allowed"),
        ),
    ),
    GRANT_TYPE: (
        Fault(
            name="no subject token",
            make=without("subject_token"),
            answer=said("invalid_request", "subject_token is missing"),
        ),
        Fault(
            name="another type of subject token",
            make=setting("subject_token_type", "urn:ietf:params:oauth:token-type:refresh_token"),
            answer=said("invalid_request", "subject_token_type is not supported"),
        ),
        Fault(
            name="another type is wanted",
            make=setting("requested_token_type", "urn:ietf:params:oauth:token-type:saml2"),
            answer=said("invalid_request", "requested_token_type is not supported: only access tokens are issued"),
        ),
        Fault(
            name="it may not act",
            make=lambda _: Client.objects.update(may_delegate=False),
            answer=said("unauthorized_client", "this client may not act for others: it may send no actor_token"),
        ),
        Fault(
            name="no access token at all",
            make=malformed("subject_token"),
            answer=said("invalid_request", "the subject token is not valid"),
        ),
        Fault(
            name="an unknown grant",
            make=delete_rows,
            answer=said("invalid_request", "the subject token is not valid"),
        ),
        Fault(
            name="a forged subject token",
            make=forged("subject_token"),
            answer=said("invalid_request", "the subject token is not valid"),
        ),
        Fault(
            name="the user is inactive",
            make=lambda _: User.objects.update(is_active=False),
            answer=said("invalid_request", "the subject token is not valid"),
        ),
        Fault(
            name="another client's",
            make=ANOTHERS,
            answer=said(
                "invalid_request",
                "the subject token is another client's, which does not let this one exchange it",
            ),
        ),
        Fault(
            name="a forged actor token",
            make=forged("actor_token"),
            answer=said("invalid_request", "the actor token is not valid"),
        ),
        Fault(
            name="another resource",
            make=setting("resource", "https://other.example/"),
            answer=said("invalid_target", "the subject token is not for that resource or audience"),
        ),
        Fault(
            name="too wide a scope",
            make=setting("scope", "user profile everything"),
            answer=said("invalid_scope", "the scope is unknown or wider than allowed"),
        ),
    ),
}


def case_of_device_code(guide: Guide) -> Case:
    Client.objects.filter(pk=guide.client.pk).update(grant_types=f"{device_code.GRANT_TYPE} refresh_token")
    Client.objects.filter(client_id="stranger").update(grant_types=device_code.GRANT_TYPE)
    device = Device(guide.client, credentials={"client_id": guide.client.client_id, "client_secret": SECRET})
    used, waiting = device.begun(), device.begun()
    visitor = Visitor(guide.alice)
    for each in (used, waiting):
        visitor.allow(each["user_code"])
    assert device.poll(used["device_code"]).status_code == 200
    return Case(guide, {"device_code": waiting["device_code"]}, used["device_code"])


def case_of_code(guide: Guide) -> Case:
    used, code = guide.code(**CHALLENGED), guide.code(**CHALLENGED)
    guide.exchange(used, code_verifier=VERIFIER)
    parameters = {"code": code, "redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER}
    return Case(guide, parameters, used)


def case_of_token_exchange(guide: Guide) -> Case:
    Client.objects.update(may_delegate=True, grant_types=" ".join(GRANT_TYPES))
    tokens = [guide.tokens()["access_token"] for _ in range(2)]
    types = {"subject_token_type": ACCESS_TOKEN, "actor_token_type": ACCESS_TOKEN}
    return Case(guide, {"subject_token": tokens[0], "actor_token": tokens[1], **types})


def case_of_refresh_token(guide: Guide) -> Case:
    used = guide.tokens()["refresh_token"]
    replaced = guide.refresh(used).json()["refresh_token"]
    current = guide.refresh(replaced).json()["refresh_token"]
    return Case(guide, {"refresh_token": current}, used, replaced)


def case_of_assertion(guide: Guide) -> Case:
    idp = trusted(guide.client)
    allow(guide.alice, guide.client)
    used = idp.jwt()
    assert idp.present(used).status_code == 200
    return Case(guide, {"assertion": idp.jwt()}, used)


CASES: Mapping[str, Callable[[Guide], Case]] = {
    "authorization_code": case_of_code,
    "refresh_token": case_of_refresh_token,
    "client_credentials": lambda guide: Case(guide, {}),
    device_code.GRANT_TYPE: case_of_device_code,
    GRANT_TYPE: case_of_token_exchange,
    jwt_bearer.GRANT_TYPE: case_of_assertion,
}


@pytest.fixture(autouse=True)
def everything_is_checked(settings: Settings) -> None:
    """Switch on the optional checks, too."""
    settings.OAUTH_SERVICE_DEVICE_AUTHORIZATION = True
    settings.OAUTH_SERVICE_JWT_BEARER_USER = USER_FUNCTION
    settings.OAUTH_SERVICE_END_SHARED_CONNECTIONS = True
    settings.OAUTH_SERVICE_CONNECTION_LIFETIME = CONNECTION_LIFETIME


@contextmanager
def undone() -> Iterator[None]:
    """Roll back the writes of a block, and forget its failures."""
    testing.forget_everything()
    with transaction.atomic(using=ALIAS):
        yield
        transaction.set_rollback(True, using=ALIAS)


def case_of(grant_type: str, guide: Guide) -> Case:
    stranger = Client(client_id="stranger", name="Stranger", redirect_uris=REDIRECT_URI, requires_pkce=False)
    stranger.choose_secret(SECRET)
    stranger.save()
    case = CASES[grant_type](guide)
    Client.objects.update(grant_types=" ".join(GRANT_TYPES))
    own = {"grant_type": grant_type, "client_id": guide.client.client_id, "client_secret": SECRET}
    return replace(case, parameters=own | case.parameters)


def rows() -> Any:
    return [list(model.objects.order_by("pk").values()) for model in (AuthorizationCode, DeviceCode, Grant, Once)]


def grants() -> set[Any]:
    return set(Grant.objects.values_list("pk", flat=True))


@pytest.mark.parametrize("grant_type", GRANT_TYPES)
def test_every_grant_type_states_its_order(grant_type: str) -> None:
    """A new grant type must be covered by these tests."""
    assert grant_type in ORDERS, f"say in ORDERS in which order {grant_type} checks a request"
    assert grant_type in CASES, f"make a request without a fault in CASES for {grant_type}"


@pytest.mark.parametrize("grant_type", GRANT_TYPES)
def test_a_request_without_a_fault_is_answered(guide: Guide, grant_type: str) -> None:
    """Otherwise the tests below could pass for another reason."""
    assert case_of(grant_type, guide).send() == (200, "", "")


@clause("RFC 6749", "5.2")
@pytest.mark.parametrize(
    ("grant_type", "earlier"),
    [(grant_type, each) for grant_type in GRANT_TYPES for each in (*OF_ALL, *ORDERS.get(grant_type, ()))],
    ids=str,
)
def test_the_earlier_of_two_faults_decides_the_response(guide: Guide, grant_type: str, earlier: Fault) -> None:
    """The earlier fault also decides the effect: a replay ends the grant unless an earlier check refuses the request."""
    order = (*OF_ALL, *ORDERS[grant_type])
    whole = case_of(grant_type, guide)
    for later in (None, *order[order.index(earlier) + 1 :]):
        if later and later.name in earlier.instead_of:
            continue
        with undone():
            case = replace(whole, parameters=dict(whole.parameters), repeated=[])
            if later:
                later.make(case)
            earlier.make(case)
            before, alive = rows(), grants()
            answer, after = case.send(), rows()
            assert (answer, f"with {later}") == (earlier.answer, f"with {later}")
            if earlier.ends:
                assert len(alive - grants()) == 1, f"with {later}"
            else:
                assert before == after, f"with {later}"
