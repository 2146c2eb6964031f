"""RFC 7523, JWT Profile for OAuth 2.0 Client Authentication and Authorization Grants; RFC 7521; OpenID Connect Core section 9."""

import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from joserfc.jwk import OctKey
from pytest_django import Settings

from oauth_service.models import Client, Once, TrustedIssuer
from oauth_service.protocol.jwt import ASYMMETRIC, MACS
from tests.assertions import ASSERTION_TYPE, ISSUER, Signer, key_for, signed
from tests.clauses import clause
from tests.guide import SECRET, Guide, basic
from tests.jwt_bearer.actors import USER_FUNCTION, IdentityProvider, allow, trusted
from tests.specs.answers import refusal_of
from tests.specs.signed import in_base64url

TOKEN_ENDPOINT = f"{ISSUER}/token/"
NO_SECRET: dict[str, Any] = {"client_id": "", "client_secret": ""}
NOW = timezone.now().timestamp
Exchange = Callable[..., Any]


def registered(guide: Guide, algorithm: str = "ES256", **columns: Any) -> Signer:
    """Register the guide's client for private_key_jwt."""
    signer = Signer(guide.client.client_id, algorithm)
    columns = {"token_endpoint_auth_method": "private_key_jwt", "jwks": signer.jwks} | columns
    Client.objects.filter(pk=guide.client.pk).update(**columns)
    return signer


@pytest.fixture
def signer(guide: Guide) -> Signer:
    """Return the guide's client, which signs."""
    return registered(guide)


@pytest.fixture(params=["private_key_jwt", "client_secret_jwt"])
def asserter(request: pytest.FixtureRequest, guide: Guide) -> Signer:
    """Return the guide's client, whose assertions have a signature or a MAC: the rules are the same."""
    return registered(guide) if request.param == "private_key_jwt" else Signer.by_secret(guide.client)


def exchange(guide: Guide, proof: dict[str, Any], **changes: str) -> Any:
    """Exchange a code as a client with this proof."""
    return guide.exchange(guide.code(), **{**NO_SECRET, **proof, **changes})


def revoke(guide: Guide, proof: dict[str, Any]) -> Any:
    """Revoke a token as a client with this proof."""
    return guide.revoke("AT_unknown", **{**NO_SECRET, **proof})


EVERYWHERE = pytest.mark.parametrize("send", [exchange, revoke], ids=lambda send: send.__name__)


@clause("RFC 7523", "2.2")
@clause("RFC 7521", "4.2")
@clause("OpenID Connect Core", "9")
@EVERYWHERE
@pytest.mark.parametrize("as_form", [True, False], ids=["form", "JSON"])
@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_a_client_authenticates_by_a_jwt_of_its_own(
    guide: Guide, algorithm: str, as_form: bool, send: Exchange
) -> None:
    """private_key_jwt: "Clients that have registered a public key sign a JWT using that key." """
    signer = registered(guide, algorithm)
    proof: dict[str, Any] = {**NO_SECRET, **signer.proof()}
    if send is exchange:
        assert guide.exchange(guide.code(), as_form=as_form, **proof).status_code == 200
    else:
        assert guide.revoke("AT_unknown", as_form=as_form, **proof).status_code == 200


@clause("RFC 7523", "2.2")
@clause("RFC 7521", "4.2")
@EVERYWHERE
def test_client_id_is_unnecessary_but_must_be_the_same(guide: Guide, asserter: Signer, send: Exchange) -> None:
    """ "If present, the value [...] MUST identify the same client as is identified by the client assertion." """
    assert send(guide, asserter.proof() | {"client_id": asserter.name}).status_code == 200
    assert refusal_of(send(guide, asserter.proof() | {"client_id": "another"})) == (400, "invalid_request")


@clause("RFC 7523", "2.2")
@clause("RFC 7521", "4.2")
@EVERYWHERE
@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        (
            {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
            (401, "invalid_client"),
        ),
        ({"client_assertion_type": ""}, (400, "invalid_request")),
        ({"client_assertion": ""}, (400, "invalid_request")),
        ({"client_secret": SECRET}, (400, "invalid_request")),
    ],
    ids=["another type", "no type", "no assertion", "a secret besides"],
)
def test_exactly_one_assertion_of_the_one_type(
    guide: Guide, asserter: Signer, send: Exchange, changes: dict[str, str], refusal: tuple[int, str]
) -> None:
    """client_assertion_type and client_assertion are both REQUIRED; RFC 6749 section 2.3: one method a request."""
    assert refusal_of(send(guide, asserter.proof() | changes)) == refusal


@clause("RFC 7523", "2.2")
@clause("RFC 7521", "4.2")
def test_no_header_beside_an_assertion(guide: Guide, asserter: Signer) -> None:
    """ "The client MUST NOT include more than one client authentication method" (section 4.2.1 reports it)."""
    authorization = basic(asserter.name, SECRET)
    response = guide.exchange(guide.code(), authorization=authorization, **NO_SECRET, **asserter.proof())
    assert refusal_of(response) == (400, "invalid_request")


def late(seconds: float) -> float:
    """Return a NumericDate."""
    return timezone.now().timestamp() + seconds


WRONG: dict[str, tuple[str, Callable[[], dict[str, Any]]]] = {
    "no iss": ("1", lambda: {"iss": None}),
    "another iss": ("1", lambda: {"iss": "another"}),
    "no sub": ("2", lambda: {"sub": None}),
    "an iss that is no text": ("1", lambda: {"iss": ["presc_man_123"]}),
    "no aud": ("3", lambda: {"aud": None}),
    "another aud": ("3", lambda: {"aud": "https://other.example"}),
    "the token endpoint": ("3", lambda: {"aud": TOKEN_ENDPOINT}),
    "an array": ("3", lambda: {"aud": [ISSUER]}),
    "several": ("3", lambda: {"aud": [ISSUER, "https://other.example"]}),
    "the issuer with a slash": ("3", lambda: {"aud": f"{ISSUER}/"}),
    "no exp": ("4", lambda: {"exp": None}),
    "expired": ("4", lambda: {"exp": late(-61), "iat": late(-120)}),
    "an exp that is a text": ("4", lambda: {"exp": str(int(late(60)))}),
    "an exp that is true": ("4", lambda: {"exp": True}),
    "an exp beyond time": ("4", lambda: {"exp": 1e300}),
    "an endless exp": ("4", lambda: {"exp": float("inf")}),
    "an exp that is no number": ("4", lambda: {"exp": float("nan")}),
    "a long life": ("4", lambda: {"iat": late(0), "exp": late(302)}),
    "a long life without iat": ("4", lambda: {"iat": None, "exp": late(400)}),
    "a long life dated back": ("4", lambda: {"iat": late(-400), "exp": late(10)}),
    "not before": ("5", lambda: {"nbf": late(90)}),
    "issued later": ("6", lambda: {"iat": late(90), "exp": late(120)}),
    "no jti": ("7", lambda: {"jti": None}),
    "an empty jti": ("7", lambda: {"jti": ""}),
    "a jti that is a number": ("7", lambda: {"jti": 7}),
    "a jti without end": ("7", lambda: {"jti": "j" * 1001}),
}


@clause("RFC 7523", "3")
@clause("RFC 7521", "5.2")
@EVERYWHERE
@pytest.mark.parametrize("case", WRONG)
def test_each_claim_is_held_against_what_it_must_be(guide: Guide, asserter: Signer, send: Exchange, case: str) -> None:
    """
    Rules 1 to 7: iss and sub are the client_id, aud is only this server, exp is present and near, nbf and iat are in the
    past.
    """
    assert refusal_of(send(guide, asserter.proof(**WRONG[case][1]()))) == (401, "invalid_client")
    assert Once.objects.count() == 0


@clause("RFC 7523", "3")
@EVERYWHERE
@pytest.mark.parametrize(
    "changes",
    [
        {"iat": None},
        {"exp": -30, "iat": -90},
        {"iat": 50, "nbf": 50, "exp": 100},
        {"iat": 0, "exp": 299},
        {"exp": 60.5},
        {"other": {"nested": ["claims", 1]}},
    ],
    ids=str,
)
def test_what_the_rules_let_pass(guide: Guide, asserter: Signer, send: Exchange, changes: dict[str, Any]) -> None:
    """ "[...] subject to allowable clock skew between systems"; rule 8: "may contain other claims"."""
    moments: dict[str, Any] = {
        name: late(value) if name in ("exp", "iat", "nbf") and value is not None else value
        for name, value in changes.items()
    }
    assert send(guide, asserter.proof(**moments)).status_code == 200


@clause("RFC 7523", "3")
@EVERYWHERE
@pytest.mark.parametrize("aud", [ISSUER, TOKEN_ENDPOINT, [TOKEN_ENDPOINT], [ISSUER, "https://other.example"]], ids=str)
def test_older_audiences_pass_where_the_setting_says_so(
    guide: Guide, asserter: Signer, settings: Settings, send: Exchange, aud: Any
) -> None:
    """Rule 3: "The token endpoint URL of the authorization server MAY be used as a value for an "aud" element"."""
    settings.OAUTH_SERVICE_ASSERTIONS_FOR_TOKEN_ENDPOINT = True
    assert send(guide, asserter.proof(aud=aud)).status_code == 200
    assert refusal_of(send(guide, asserter.proof(aud=["https://other.example", 7]))) == (401, "invalid_client")


@clause("RFC 7523", "3")
@clause("OpenID Connect Core", "9")
@EVERYWHERE
def test_an_assertion_is_good_once(guide: Guide, asserter: Signer, send: Exchange) -> None:
    """Rule 7, jti: "The authorization server MAY ensure that JWTs are not replayed". OpenID Connect: "MUST only be used once"."""
    proof = asserter.proof()
    assert send(guide, proof).status_code == 200
    assert refusal_of(send(guide, proof)) == (401, "invalid_client")
    assert refusal_of(revoke(guide, proof)) == (401, "invalid_client")


@clause("RFC 7523", "3")
def test_a_replay_is_refused_as_long_as_the_assertion_lives(guide: Guide, asserter: Signer) -> None:
    """The sweep keeps the jti until the assertion has expired, leeway included."""
    from oauth_service.models import purge

    start = timezone.now()
    with time_machine.travel(start, tick=False):
        proof = asserter.proof(exp=start.timestamp() + 60)
        assert revoke(guide, proof).status_code == 200
    for seconds in (0, 59, 61, 119, 121):
        with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
            purge.sweep(now=timezone.now())
            assert refusal_of(revoke(guide, proof)) == (401, "invalid_client")


@clause("RFC 7523", "3")
@EVERYWHERE
def test_a_forged_assertion_does_not_use_up_the_jti(guide: Guide, signer: Signer, send: Exchange) -> None:
    """If a stranger has guessed a jti, the client can still use it, and its code, too."""
    code = guide.code()
    forged = signer.proof(jti="next", key=key_for("RS384", 1), header={"alg": "RS256"})
    foreign = signer.proof(signed(Signer("x", key=_another()).key, signer.header(), signer.claims(jti="next")))
    for proof in (forged, foreign):
        assert refusal_of(send(guide, proof)) == (401, "invalid_client")
    assert guide.exchange(code, **NO_SECRET, **signer.proof(jti="next")).status_code == 200


def _another() -> Any:
    from joserfc.jwk import ECKey

    return ECKey.generate_key("P-256")


@clause("RFC 7523", "3")
@EVERYWHERE
@pytest.mark.parametrize(
    "header", [{"kid": None}, {"typ": None}, {"typ": "client-authentication+jwt"}, {"typ": "jwt"}], ids=str
)
def test_headers_that_pass(guide: Guide, asserter: Signer, send: Exchange, header: dict[str, Any]) -> None:
    """kid is only a hint; typ may be absent, as in older clients."""
    assert send(guide, asserter.proof(header=header)).status_code == 200


@clause("RFC 7523", "3")
@EVERYWHERE
@pytest.mark.parametrize(
    "header",
    [
        {"kid": "unknown"},
        {"typ": "at+jwt"},
        {"typ": "oauth-id-jag+jwt"},
        {"typ": 7},
        {"crit": ["exp"], "exp": 1},
        {"crit": ["b64"], "b64": False},
        {"jwk": key_for("ES256").as_dict(private=False), "kid": "unknown"},
        {"jku": "https://evil.example/jwks", "kid": "unknown"},
        {"alg": "ES384"},
    ],
    ids=lambda header: next(iter(header.items()))[0],
)
def test_headers_that_do_not(guide: Guide, signer: Signer, send: Exchange, header: dict[str, Any]) -> None:
    """
    Other kinds of JWTs (RFC 8725 section 3.11), extensions (RFC 7515 section 4.1.11) and keys in the JWT itself are refused.
    """
    key = key_for("ES384") if header.get("alg") == "ES384" else signer.key
    assert refusal_of(send(guide, signer.proof(header=header, key=key))) == (401, "invalid_client")


@clause("RFC 7523", "3")
@EVERYWHERE
def test_neither_none_nor_a_public_key_as_a_secret(guide: Guide, send: Exchange) -> None:
    """Rule 9; RFC 8725 sections 2.1 and 3.1: the registration decides on the algorithm, never the token."""
    signer = registered(guide, "RS256")
    public = signer.key.as_pem(private=False)
    unsigned = signed(None, signer.header(alg="none"), signer.claims())
    message = signed(None, signer.header(alg="HS256"), signer.claims(), signature=b"").rstrip(".")
    by_public_key = f"{message}.{in_base64url(hmac.digest(public, message.encode(), 'sha256'))}"
    with_signature = signed(signer.key, signer.header(), signer.claims())
    disguised = ".".join([in_base64url(signer.header(alg="nOnE")), *with_signature.split(".")[1:]])
    for token in (unsigned, by_public_key, disguised):
        assert refusal_of(send(guide, signer.proof(token))) == (401, "invalid_client")


@clause("RFC 7523", "3")
@EVERYWHERE
@pytest.mark.parametrize(
    "token",
    [
        "x",
        "a.b.c",
        "..",
        "e30.e30.",
        "W10.W10.x",
        "a" * 20_000,
        "e30.e30.e30.e30.e30",
        "{}",
        "eyJhIjox.e30.x",
        "Ã.e30.x",
    ],
    ids=lambda token: token[:12],
)
def test_what_is_no_jwt_is_refused(guide: Guide, signer: Signer, send: Exchange, token: str) -> None:
    """Encrypted JWTs, which have five parts, are refused, too."""
    assert refusal_of(send(guide, signer.proof(token))) == (401, "invalid_client")


@clause("RFC 7523", "3")
@EVERYWHERE
@pytest.mark.parametrize(
    "payload",
    [b"[]", b"{", b"\xff", b'{"sub":"presc_man_123","sub":"presc_man_123"}', b"[" * 15_000 + b"]" * 10],
    ids=["array", "broken", "not UTF-8", "a member twice", "deep"],
)
def test_a_payload_that_two_readers_may_read_differently(
    guide: Guide, signer: Signer, send: Exchange, payload: bytes
) -> None:
    """No claim of such an assertion is believed."""
    token = signed(signer.key, signer.header(), payload)
    if len(token) > 16_384:
        token = token[:16_000] + ".x"
    assert refusal_of(send(guide, signer.proof(token))) == (401, "invalid_client")


@clause("RFC 7523", "3")
@EVERYWHERE
@pytest.mark.parametrize("claim", ["iss", "sub", "aud", "exp", "jti"])
def test_no_claim_may_stand_there_twice(guide: Guide, signer: Signer, send: Exchange, claim: str) -> None:
    """ "The Claim Names within a JWT Claims Set MUST be unique" (RFC 7519 section 4), even if both have the same value."""
    claims = signer.claims()
    payload = f'{json.dumps(claims)[:-1]}, "{claim}": {json.dumps(claims[claim])}}}'.encode()
    token = signed(signer.key, signer.header(), payload)
    assert refusal_of(send(guide, signer.proof(token))) == (401, "invalid_client")


@clause("RFC 7523", "2.2")
@clause("OpenID Connect Core", "9")
@EVERYWHERE
@pytest.mark.parametrize(("registered_alg", "status"), [("ES256", 200), ("RS256", 401)])
def test_the_registered_algorithm_is_the_one(guide: Guide, send: Exchange, registered_alg: str, status: int) -> None:
    """token_endpoint_auth_signing_alg (Dynamic Client Registration section 2)."""
    signer = registered(guide, token_endpoint_auth_signing_alg=registered_alg)
    assert send(guide, signer.proof()).status_code == status


@clause("RFC 7523", "2.2")
@clause("RFC 7521", "4.2")
@EVERYWHERE
@pytest.mark.parametrize("method", ["", "client_secret_basic", "client_secret_post"])
def test_an_assertion_is_taken_only_from_who_registered_for_it(guide: Guide, send: Exchange, method: str) -> None:
    """Keys that were registered for another purpose do not authenticate the client."""
    signer = registered(guide, token_endpoint_auth_method=method)
    assert refusal_of(send(guide, signer.proof())) == (401, "invalid_client")


@clause("RFC 7523", "2.2")
@clause("RFC 7521", "4.2")
@EVERYWHERE
@pytest.mark.parametrize("way", ["body", "Basic", "nothing"])
def test_no_other_way_is_taken_from_who_registered_for_it(
    guide: Guide, asserter: Signer, send: Exchange, way: str
) -> None:
    """A secret that the client had before no longer authenticates it (RFC 9700 section 2.5)."""
    proof = {"client_id": asserter.name} | ({"client_secret": SECRET} if way == "body" else {})
    if way == "Basic":
        response = guide.exchange(guide.code(), authorization=basic(asserter.name, SECRET), **NO_SECRET)
    else:
        response = send(guide, proof)
    assert refusal_of(response) == (401, "invalid_client")


@clause("RFC 7523", "2.2")
@clause("RFC 7521", "4.2.1")
@EVERYWHERE
def test_whatever_is_wrong_the_client_hears_one_sentence(guide: Guide, asserter: Signer, send: Exchange) -> None:
    """ "error [...] MUST be "invalid_client""; the sentence must not reveal whether a client exists."""
    stranger = OctKey.generate_key(512) if asserter.algorithm == "HS256" else _another()
    wrong = [asserter.proof(aud="x"), asserter.proof(key=stranger), Signer("nobody").proof()]
    said = {send(guide, proof).json()["error_description"] for proof in wrong}
    assert said == {"client authentication failed"}


@clause("RFC 7523", "2.2")
@clause("RFC 7521", "4.2")
@EVERYWHERE
def test_a_deactivated_and_a_public_client_do_not_get_in(guide: Guide, asserter: Signer, send: Exchange) -> None:
    """Assertions do not help such clients, and nothing is used up."""
    code = guide.code()
    Client.objects.update(client_type="public")
    assert refusal_of(revoke(guide, asserter.proof())) == (401, "invalid_client")
    Client.objects.update(client_type="confidential", is_active=False)
    assert refusal_of(guide.exchange(code, **NO_SECRET, **asserter.proof())) == (401, "invalid_client")
    assert Once.objects.count() == 0


@clause("RFC 7523", "2.2")
@clause("RFC 8414", "2")
@pytest.mark.parametrize("endpoint", ["token", "revocation"])
def test_the_metadata_names_method_and_algorithms(guide: Guide, endpoint: str) -> None:
    """ "REQUIRED if [...] private_key_jwt"; "The value none MUST NOT be used." """
    document = guide.server.get("/.well-known/oauth-authorization-server").json()
    assert {"private_key_jwt", "client_secret_jwt"} <= set(document[f"{endpoint}_endpoint_auth_methods_supported"])
    assert document[f"{endpoint}_endpoint_auth_signing_alg_values_supported"] == [*ASYMMETRIC, *MACS]
    assert ASSERTION_TYPE.endswith("jwt-bearer")


@pytest.fixture
def idp(guide: Guide, settings: Settings) -> IdentityProvider:
    """Return a trusted issuer and a client that Alice has allowed."""
    settings.OAUTH_SERVICE_JWT_BEARER_USER = USER_FUNCTION
    allow(guide.alice, guide.client)
    return trusted(guide.client)


@clause("RFC 7523", "2.1")
@clause("RFC 7521", "4.1")
@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_a_jwt_is_an_authorization_grant(idp: IdentityProvider, algorithm: str) -> None:
    """The value of the assertion parameter is a single JWT. The response is that of RFC 6749 section 5.1."""
    signer = IdentityProvider(idp.name, algorithm, client=idp.client)
    TrustedIssuer.objects.update(algorithms=algorithm, jwks=signer.jwks)
    tokens = signer.tokens()
    assert (tokens["token_type"], tokens["scope"]) == ("Bearer", "user profile")
    assert signer.userinfo(tokens["access_token"]) == 200


@clause("RFC 7521", "4.1")
@clause("RFC 7523", "2.1")
def test_the_assertion_is_required(idp: IdentityProvider) -> None:
    """ "assertion REQUIRED" """
    assert refusal_of(idp.present("")) == (400, "invalid_request")
    assert refusal_of(idp.present(f"{idp.jwt()} {idp.jwt()}")) == (400, "invalid_grant")
    assert refusal_of(idp.present([idp.jwt(), idp.jwt()])) == (400, "invalid_request")  # type: ignore[arg-type]


@clause("RFC 7521", "4.1")
@clause("RFC 7523", "2.1")
def test_the_scope_asked_for_is_within_the_assertions(idp: IdentityProvider) -> None:
    """The requested scope must not exceed the granted one, and neither must the issued scope."""
    assert idp.present(idp.jwt(scope="user profile"), scope="profile").json()["scope"] == "profile"
    assert idp.present(idp.jwt(scope="profile")).json()["scope"] == "profile"
    assert refusal_of(idp.present(idp.jwt(scope="profile"), scope="user")) == (400, "invalid_scope")


@clause("RFC 7521", "4.1")
@clause("RFC 7523", "2.1")
def test_a_client_that_authenticates_does_so_besides(idp: IdentityProvider) -> None:
    """Client authentication is separate from the grant (RFC 7523 section 3.1); this server always requires it."""
    assert refusal_of(idp.present(idp.jwt(), client_secret="wrong")) == (401, "invalid_client")
    assert refusal_of(idp.present(idp.jwt(), client_id="", client_secret="")) == (401, "invalid_client")


@clause("RFC 7521", "4.1")
@clause("RFC 7523", "2.1")
def test_no_refresh_token_comes_of_an_assertion(idp: IdentityProvider) -> None:
    """ "In practice, that will usually mean that refresh tokens are not issued in response to assertion grant requests"."""
    assert "refresh_token" not in idp.tokens()


GRANT_WRONG: dict[str, Callable[[], dict[str, Any]]] = {
    "1: no iss": lambda: {"iss": None},
    "1: another iss": lambda: {"iss": "https://other.example"},
    "2: no sub": lambda: {"sub": None},
    "3: no aud": lambda: {"aud": None},
    "3: another aud": lambda: {"aud": "https://other.example"},
    "3: the token endpoint": lambda: {"aud": TOKEN_ENDPOINT},
    "3: several": lambda: {"aud": [ISSUER, "https://other.example"]},
    "4: no exp": lambda: {"exp": None},
    "4: expired": lambda: {"exp": late(-61), "iat": late(-120)},
    "4: a long life": lambda: {"exp": late(3700)},
    "5: not before": lambda: {"nbf": late(90)},
    "6: issued later": lambda: {"iat": late(90), "exp": late(120)},
    "7: no jti": lambda: {"jti": None},
    "9: none": lambda: {"header": {"alg": "none"}},
    "9: a key of its own": lambda: {"header": {"jwk": key_for("ES256").as_dict(private=False)}, "key": _another()},
}


@clause("RFC 7523", "3")
@clause("RFC 7523", "3.1")
@clause("RFC 7521", "4.1.1")
@pytest.mark.parametrize("case", GRANT_WRONG)
def test_each_claim_of_a_grant_is_held_against_what_it_must_be(idp: IdentityProvider, case: str) -> None:
    """Rules 1 to 9; "the value of the "error" parameter MUST be the "invalid_grant" error code"."""
    response = idp.present(idp.jwt(**GRANT_WRONG[case]()))
    assert refusal_of(response) == (400, "invalid_grant")
    assert response.json()["error_description"] == "the assertion is not valid"
    assert Once.objects.count() == 0


@clause("RFC 7523", "3")
def test_a_grant_is_good_once(idp: IdentityProvider) -> None:
    """Rule 7: "The authorization server MAY ensure that JWTs are not replayed", as long as they live."""
    start = timezone.now()
    with time_machine.travel(start, tick=False):
        assertion = idp.jwt(exp=start.timestamp() + 60)
        assert idp.present(assertion).status_code == 200
        assert idp.present(idp.jwt()).status_code == 200
    for seconds in (0, 59, 119, 121):
        with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
            assert refusal_of(idp.present(assertion)) == (400, "invalid_grant")


@clause("RFC 7523", "3")
def test_one_jti_of_two_issuers_is_two(idp: IdentityProvider) -> None:
    """ "jti" is unique among the JWTs of its issuer."""
    other = IdentityProvider("https://other.example", client=idp.client)
    columns = {"purposes": "jwt-bearer", "algorithms": "ES256", "clients": idp.client.client_id, "jwks": other.jwks}
    TrustedIssuer.objects.create(issuer=other.name, **columns)
    assert [each.present(each.jwt(jti="one")).status_code for each in (idp, other, idp)] == [200, 200, 400]


@clause("RFC 7523", "2.1")
@clause("RFC 8414", "2")
def test_the_metadata_names_the_grant_type(idp: IdentityProvider) -> None:
    """grant_types_supported."""
    document = idp.server.get("/.well-known/oauth-authorization-server").json()
    assert "urn:ietf:params:oauth:grant-type:jwt-bearer" in document["grant_types_supported"]
