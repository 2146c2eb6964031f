"""id_token_hint: both endpoints believe only hints that this server made, for this client."""

import base64
import hmac
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jws
from joserfc.jwk import RSAKey, import_key
from pytest_django import Settings

from oauth_service.models import Client
from oauth_service.outbound import deliveries
from tests.clauses import clause
from tests.openid.conftest import CALLBACK, SECRET, RelyingParty, answer_of

AFTER = "https://rp.example/signed-out"


@pytest.fixture(autouse=True)
def no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send nothing."""
    monkeypatch.setattr(deliveries, "wake", lambda: None)


def encoded(data: bytes) -> str:
    """Encode in base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def is_believed(rp: RelyingParty, hint: str) -> list[bool]:
    """Return whether a hint is taken for an ID token: at the authorization endpoint, and at the sign-out endpoint."""
    answer = answer_of(rp.ask(prompt="none", id_token_hint=hint))
    assert answer.get("error", "invalid_request") == "invalid_request"
    page = rp.browser.get("/oauth/logout/", {"id_token_hint": hint})
    assert page.status_code == (200 if "code" in answer else 400)
    is_signed_in = rp.browser.get("/manage-apps/").status_code == 200
    return ["code" in answer, not is_signed_in]


def forgeries(genuine: str, jwk: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield forgeries of an ID token by somebody who knows its public key; everything else about them is right."""
    header, payload, signature = genuine.split(".")
    said = json.loads(base64.urlsafe_b64decode(header + "=="))

    def token(changes: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
        signed = f"{encoded(json.dumps(said | changes).encode())}.{payload}"
        return f"{signed}.{encoded(sign(signed.encode()))}"

    for name in ("none", "None", "NONE", "nOnE", "", None):
        yield f"alg {name!r} without a signature", token({"alg": name}, lambda _: b"")
        yield f"alg {name!r} with its signature", f"{token({'alg': name}, lambda _: b'')}{signature}"
    public = import_key(dict(jwk))
    raw: Any = public.raw_value
    pem = raw.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    der = raw.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    secrets = {"PEM": pem, "PEM cut": pem.strip(), "DER": der, "JWK": json.dumps(jwk).encode(), "n": jwk["n"].encode()}
    for digest in ("sha256", "sha384", "sha512"):
        for kind, secret in {**secrets, "nothing": b""}.items():
            alg = f"HS{digest[3:]}"
            yield f"{alg} with the {kind}", token({"alg": alg}, lambda each: hmac.digest(secret, each, digest))  # noqa: B023
    own = RSAKey.generate_key(2048)
    claims = base64.urlsafe_b64decode(payload + "==")
    for changes in ({}, {"jwk": own.as_dict(private=False)}, {"jku": "https://evil.example/jwks"}, {"kid": "own"}):
        yield f"a key of one's own {changes}", jws.serialize_compact(said | changes, claims, own, algorithms=["RS256"])
    yield "no signature", f"{header}.{payload}."
    yield "two parts", f"{header}.{payload}"
    yield "another's payload", f"{header}.{encoded(claims.replace(b'rp', b'xx'))}.{signature}"


@clause("RFC 8725", "2.1")
def test_an_id_token_hint_cannot_be_forged_with_the_public_key(rp: RelyingParty) -> None:
    """Forgeries with alg none, with the public key as the secret of HS256, and with a key of their own are refused."""
    genuine = rp.tokens()["id_token"]
    [jwk] = [each for each in rp.server.get("/jwks/").json()["keys"] if each["alg"] == "RS256"]
    tried = 0
    for what, hint in forgeries(genuine, jwk):
        assert is_believed(rp, hint) == [False, False], what
        tried += 1
    assert (tried > 30, is_believed(rp, genuine)) == (True, [True, True])


@clause("OpenID Connect Core 1.0", "3.1.2.1")
def test_a_hint_of_another_issuer_is_refused(rp: RelyingParty, provider: Settings) -> None:
    """The other issuer may have the same keys, as a test copy of this server does."""
    hint = rp.tokens()["id_token"]
    provider.OAUTH_SERVICE_ISSUER = "https://another.example"
    assert is_believed(rp, hint) == [False, False]


@clause("OpenID Connect RP-Initiated Logout 1.0", "2")
def test_a_hint_is_for_the_client_that_it_was_issued_to(rp: RelyingParty) -> None:
    """Another client that obtained the hint learns nothing, and can neither sign anybody out nor redirect them."""
    other = Client(client_id="other", name="Other", redirect_uris=CALLBACK, scope="openid", requires_pkce=False)
    other.post_logout_redirect_uris = AFTER
    other.choose_secret(SECRET)
    other.save()
    hint = rp.tokens()["id_token"]
    others = RelyingParty(other, rp.user, rp.browser, rp.server)
    others.connect()
    assert answer_of(others.ask(prompt="none", id_token_hint=hint))["error"] == "invalid_request"
    for parameters in ({"client_id": "other"}, {"client_id": "other", "post_logout_redirect_uri": AFTER}):
        assert rp.browser.get("/oauth/logout/", {"id_token_hint": hint, **parameters}).status_code == 400
    assert (
        rp.browser.get("/oauth/logout/", {"id_token_hint": hint, "post_logout_redirect_uri": AFTER}).status_code == 400
    )
    assert rp.browser.get("/manage-apps/").status_code == 200


@clause("OpenID Connect RP-Initiated Logout 1.0", "2")
def test_an_expired_hint_names_a_user_and_proves_no_session(rp: RelyingParty) -> None:
    """The hint must be accepted. But an attacker who found it in a log must not be able to end another session with it."""
    expired = rp.tokens()["id_token"]
    rp.browser.post("/logout/")
    rp.connect()
    assert rp.claims(expired)["sub"] == str(rp.user.pk)
    page = rp.browser.get("/oauth/logout/", {"id_token_hint": expired})
    assert (page.status_code, rp.browser.get("/manage-apps/").status_code) == (200, 200)
