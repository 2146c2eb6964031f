"""JWTs of other issuers are accepted only for their registered purposes and from the named clients."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from django.utils import timezone
from pytest_django import Settings

from oauth_service import conf
from oauth_service.clients import key_sets
from oauth_service.clients.issuers import VerifiedJWT, verify_issuer_jwt
from oauth_service.models import AuditEvent, Client, TrustedIssuer
from oauth_service.protocol.issuer_jwt import TYPES
from oauth_service.protocol.jwt import InvalidJWT
from oauth_service.web.requests import ProgramRequest
from tests.architecture.test_query_budgets import at_most
from tests.assertions import ISSUER, Signer, key_for

pytestmark = pytest.mark.django_db
HERE = ProgramRequest(method="POST", path="/token/", scheme="http", get_host=lambda: "localhost:8000")
IDP = "https://idp.example"
ADD = "/admin/oauth_service/trustedissuer/add/"
# Software statements come with a registration and follow rules of their own: tests/specs/test_rfc7591.py.
PRESENTED = [each for each in TYPES if each != "software-statement"]


@dataclass
class Issuer(Signer):
    """A trusted identity provider, and the client that presents its JWTs."""

    client: Client = field(default_factory=Client)

    def jwt(self, purpose: str = "jwt-bearer", *, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """Return a JWT for a purpose."""
        typ = {"typ": TYPES[purpose][0]} | (header or {})
        return self.assertion(header=typ, **({"sub": "alice", "client_id": self.client.client_id} | changes))

    def verify(self, text: str, purpose: str = "jwt-bearer", *, client: Client | None = None) -> VerifiedJWT:
        """Verify a JWT that a client presents."""
        row = Client.objects.row((client or self.client).client_id)
        assert row
        return verify_issuer_jwt(text, purpose=purpose, client=row, audience=conf.issuer_of(HERE), now=timezone.now())


@pytest.fixture
def idp(presc_man: Client) -> Issuer:
    """An issuer that is trusted for every purpose."""
    signer = Issuer(IDP, client=presc_man)
    columns = {"purposes": " ".join(TYPES), "algorithms": signer.algorithm, "clients": presc_man.client_id}
    TrustedIssuer.objects.create(issuer=IDP, jwks=signer.jwks, **columns)
    return signer


@pytest.mark.parametrize("purpose", TYPES)
def test_a_valid_jwt_is_accepted(idp: Issuer, purpose: str) -> None:
    """The subject is returned as the issuer names it, and the check takes one statement."""
    text = idp.jwt(purpose)
    row = Client.objects.row(idp.client.client_id)
    assert row
    with at_most(1):
        verified = verify_issuer_jwt(
            text, purpose=purpose, client=row, audience=conf.issuer_of(HERE), now=timezone.now()
        )
    assert (verified.subject, verified.issuer.issuer) == ("alice", IDP)


def late(seconds: float) -> float:
    """Return a timestamp for a claim, this many seconds from now."""
    return timezone.now().timestamp() + seconds


REFUSED: dict[str, tuple[Callable[[], dict[str, Any]], str]] = {
    "no iss": (lambda: {"iss": None}, "no active issuer"),
    "another issuer": (lambda: {"iss": "https://other.example"}, "no active issuer"),
    "an issuer with a slash": (lambda: {"iss": f"{IDP}/"}, "no active issuer"),
    "no sub": (lambda: {"sub": None}, "no sub"),
    "a sub that is a number": (lambda: {"sub": 7}, "no sub"),
    "no aud": (lambda: {"aud": None}, "one audience"),
    "another aud": (lambda: {"aud": "https://other.example"}, "not for"),
    "several": (lambda: {"aud": [ISSUER, "https://other.example"]}, "one audience"),
    "the token endpoint": (lambda: {"aud": f"{ISSUER}/token/"}, "not for"),
    "no exp": (lambda: {"exp": None}, "no exp"),
    "expired": (lambda: {"exp": late(-61), "iat": late(-90)}, "expired"),
    "a life of days": (lambda: {"exp": late(25 * 3600)}, "lives"),
    "not before": (lambda: {"nbf": late(90)}, "not valid yet"),
    "bound to a key": (lambda: {"cnf": {"jkt": "x"}}, "cnf"),
    "authorization_details": (lambda: {"authorization_details": []}, "authorization_details"),
    "crit": (lambda: {"header": {"crit": ["exp"]}}, "crit"),
    "an access token of another kind": (lambda: {"header": {"typ": "dpop+jwt"}}, "dpop"),
    "another algorithm": (lambda: {"header": {"alg": "ES384"}, "key": key_for("ES384")}, "ES384"),
    "an unknown key": (lambda: {"header": {"kid": "x"}}, "no key"),
    "a foreign key": (lambda: {"key": _foreign()}, "signature"),
}


def _foreign() -> Any:
    from joserfc.jwk import ECKey

    return ECKey.generate_key("P-256")


@pytest.mark.parametrize("purpose", PRESENTED)
@pytest.mark.parametrize("case", REFUSED)
def test_whatever_is_wrong_is_refused_with_its_reason(idp: Issuer, purpose: str, case: str) -> None:
    """A faulty JWT is refused for every purpose, and the log has the reason."""
    changes, reason = REFUSED[case]
    with pytest.raises(InvalidJWT, match=reason):
        idp.verify(idp.jwt(purpose, **changes()), purpose)


@pytest.mark.parametrize("purpose", TYPES)
def test_no_other_algorithm_is_believed_than_those_registered(idp: Issuer, purpose: str) -> None:
    """Another algorithm is refused even if the issuer publishes a key for it."""
    other = key_for("ES384")
    TrustedIssuer.objects.update(jwks=json.dumps({"keys": [each.as_dict(private=False) for each in (idp.key, other)]}))
    assert idp.verify(idp.jwt(purpose), purpose).subject == "alice"
    with pytest.raises(InvalidJWT, match="is signed with 'ES384', not ES256"):
        idp.verify(idp.jwt(purpose, header={"alg": "ES384", "kid": other.kid}, key=other), purpose)


@pytest.mark.parametrize("purpose", ["jwt-bearer", "id-jag"])
def test_a_grant_needs_a_jti_and_is_used_once(idp: Issuer, purpose: str) -> None:
    """Verifying does not use the JWT up, because the request may still be refused for another reason."""
    with pytest.raises(InvalidJWT, match="jti"):
        idp.verify(idp.jwt(purpose, jti=None), purpose)
    text = idp.jwt(purpose)
    assert [idp.verify(text, purpose).use() for _ in range(2)] == [True, False]


@pytest.mark.parametrize(
    ("purpose", "typ"),
    [
        ("id-jag", None),
        ("id-jag", "JWT"),
        ("jwt-bearer", "oauth-id-jag+jwt"),
        ("jwt-bearer", "at+jwt"),
        ("token-exchange", "oauth-id-jag+jwt"),
    ],
)
def test_one_kind_of_jwt_is_not_taken_for_another(idp: Issuer, purpose: str, typ: str | None) -> None:
    """Every client of the issuer has an ID token, which must not pass as an identity assertion."""
    with pytest.raises(InvalidJWT, match="the JWT is"):
        idp.verify(idp.jwt(purpose, header={"typ": typ}), purpose)


def test_an_identity_assertion_is_for_the_client_that_presents_it(idp: Issuer, public_app: Client) -> None:
    """A leaked assertion must be worthless to other clients."""
    TrustedIssuer.objects.update(clients=f"{idp.client.client_id}\n{public_app.client_id}")
    for named in (public_app.client_id, None, [idp.client.client_id]):
        with pytest.raises(InvalidJWT, match="client_id"):
            idp.verify(idp.jwt("id-jag", client_id=named), "id-jag")


@pytest.mark.parametrize("purpose", TYPES)
def test_a_purpose_that_is_not_registered_is_refused(idp: Issuer, purpose: str) -> None:
    """An issuer trusted for one purpose is not trusted for the others."""
    TrustedIssuer.objects.update(purposes=" ".join(set(TYPES) - {purpose}))
    with pytest.raises(InvalidJWT, match="not trusted for"):
        idp.verify(idp.jwt(purpose), purpose)


@pytest.mark.parametrize("purpose", TYPES)
def test_a_client_that_is_not_named_presents_nothing(idp: Issuer, public_app: Client, purpose: str) -> None:
    """No client may present the JWTs of an issuer unless it is named."""
    with pytest.raises(InvalidJWT, match="may not present"):
        idp.verify(idp.jwt(purpose, client_id=public_app.client_id), purpose, client=public_app)


@pytest.mark.parametrize("purpose", TYPES)
def test_an_issuer_that_is_switched_off_is_not_believed(idp: Issuer, purpose: str) -> None:
    """The change takes effect at once."""
    TrustedIssuer.objects.update(is_active=False)
    with pytest.raises(InvalidJWT, match="no active issuer"):
        idp.verify(idp.jwt(purpose), purpose)


@pytest.mark.parametrize("by", ["instance", "queryset", "admin"])
def test_a_later_client_of_the_same_name_inherits_no_trust(
    idp: Issuer, public_app: Client, staff: Browser, by: str
) -> None:
    """The client_id of a deleted client may be given to another one."""
    TrustedIssuer.objects.update(clients=f"{public_app.client_id}\n{idp.client.client_id}\npublic_app_2")
    if by == "instance":
        public_app.delete()
    elif by == "queryset":
        Client.objects.filter(pk=public_app.pk).delete()
    else:
        staff.post(f"/admin/oauth_service/client/{public_app.pk}/delete/", {"post": "yes"})
    assert not Client.objects.filter(client_id="public_app").exists()
    assert TrustedIssuer.objects.get().clients == f"{idp.client.client_id}\npublic_app_2"


def test_no_row_but_an_event_keeps_the_name_of_a_deleted_client(idp: Issuer, presc_man: Client) -> None:
    """Everything registered for a client is deleted with it, in every present and future table."""
    presc_man.delete()
    kept = [
        f"{model.__name__}.{name}"
        for model in apps.get_app_config("oauth_service").get_models()
        if model is not AuditEvent
        for row in model._default_manager.all().values()
        for name, value in row.items()
        if "presc_man_123" in str(value)
    ]
    assert kept == []


def test_another_audience_is_for_token_exchange_alone(idp: Issuer) -> None:
    """A subject token may be meant for an API, while a grant must name the authorization server."""
    TrustedIssuer.objects.update(audience="https://api.example")
    assert idp.verify(idp.jwt("token-exchange", aud="https://api.example"), "token-exchange").subject == "alice"
    for purpose in ("jwt-bearer", "id-jag"):
        with pytest.raises(InvalidJWT, match="not for"):
            idp.verify(idp.jwt(purpose, aud="https://api.example"), purpose)


def test_the_issuer_of_the_settings_is_the_audience(idp: Issuer, settings: Settings) -> None:
    """The Host header of the request does not matter."""
    settings.OAUTH_SERVICE_ISSUER = "https://id.example"
    with pytest.raises(InvalidJWT, match="not for"):
        idp.verify(idp.jwt())
    assert idp.verify(idp.jwt(aud=["https://id.example"])).subject == "alice"


def test_keys_of_an_issuer_are_fetched_and_rotate(idp: Issuer, site: Any) -> None:
    """Issuers' keys are fetched like those of clients."""
    site.body = idp.jwks.encode()
    TrustedIssuer.objects.update(jwks="", jwks_uri=site.url)
    assert [idp.verify(idp.jwt()).subject for _ in range(2)] == ["alice"] * 2
    new = Issuer(IDP, key=_with_kid(), client=idp.client)
    site.body = new.jwks.encode()
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        assert (new.verify(new.jwt()).subject, len(site.asked)) == ("alice", 2)


def _with_kid() -> Any:
    from joserfc.jwk import ECKey

    return ECKey.generate_key("P-256", auto_kid=True)


def test_without_the_extra_no_issuer_is_believed(idp: Issuer, staff: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """The admin has no page for issuers then."""
    assert "trustedissuer" in staff.get("/admin/").content.decode()
    monkeypatch.setattr(key_sets, "_is_available", False)
    with pytest.raises(InvalidJWT, match="extra oidc"):
        idp.verify(idp.jwt())
    assert "trustedissuer" not in staff.get("/admin/").content.decode()


FORM = {
    "issuer": IDP,
    "is_active": "on",
    "purposes": ["id-jag"],
    "algorithms": ["ES256"],
    "jwks": Signer(IDP).jwks,
    "jwks_uri": "",
    "audience": "",
}


def test_staff_register_an_issuer(staff: Browser, presc_man: Client) -> None:
    """The form includes the clients that may present the JWTs. tests/admin/test_events.py covers the event."""
    assert staff.post(ADD, {**FORM, "clients": presc_man.client_id}).status_code == 302
    issuer = TrustedIssuer.objects.get()
    assert (issuer.purpose_list, issuer.clients) == (("id-jag",), "presc_man_123")


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"issuer": "idp"}, "issuer"),
        ({"purposes": []}, "purposes"),
        ({"purposes": ["everything"]}, "purposes"),
        ({"algorithms": ["HS256"]}, "algorithms"),
        ({"algorithms": ["RS256"]}, "jwks"),
        ({"jwks": ""}, "jwks_uri"),
        ({"jwks_uri": "https://idp.example/jwks"}, "jwks_uri"),
        ({"jwks": "", "jwks_uri": "http://idp.example/jwks"}, "jwks_uri"),
        ({"jwks": json.dumps({"keys": [key_for("ES256").as_dict(private=True)]})}, "jwks"),
        ({"audience": "https://api.example"}, "audience"),
        ({"clients": "nobody"}, "clients"),
    ],
)
def test_what_cannot_be_trusted_is_not_registered(staff: Browser, changes: dict[str, Any], column: str) -> None:
    """The error is shown at its field."""
    response = staff.post(ADD, {**FORM, **changes})
    assert response.status_code == 200
    assert column in response.context["adminform"].form.errors


def trust_issuer(*arguments: str) -> str:
    """Run manage.py trust_issuer and return its output."""
    said = StringIO()
    call_command("trust_issuer", *arguments, stdout=said)
    return said.getvalue()


def test_the_command_registers_and_lists(presc_man: Client) -> None:
    """Operators without the admin need the command."""
    options = ("--purpose", "jwt-bearer", "--client", "presc_man_123", "--algorithm", "ES256", "--jwks", FORM["jwks"])
    assert trust_issuer(IDP, *map(str, options)) == f"JWTs of {IDP} are believed.\n"
    assert [word in trust_issuer() for word in (IDP, "jwt-bearer", "presc_man_123", "yes")] == [True] * 4
    with pytest.raises(CommandError, match="--issuer"):
        trust_issuer(IDP, *map(str, options))
    with pytest.raises(CommandError, match="There is no client"):
        trust_issuer("https://other.example", "--client", "nobody")
    with pytest.raises(CommandError, match="--purposes"):
        trust_issuer("https://other.example", "--jwks", str(FORM["jwks"]))
