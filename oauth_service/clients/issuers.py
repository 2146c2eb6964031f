"""Verification of other issuers' JWTs, in this one place (RFC 7521 section 5.2, RFC 7523 section 3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..models import ClientRow, Once, TrustedIssuer
from ..protocol import issuer_jwt, jwt
from ..protocol.jwt import InvalidJWT
from . import key_sets


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class VerifiedJWT:
    """
    A verified JWT of a trusted issuer.

    Attributes:
        claims: all of them. sub is a text; so is jti if the JWT may be used only once.
        remember_until: when the JWT would be refused for its age.
    """

    issuer: TrustedIssuer
    claims: Mapping[str, Any]
    remember_until: datetime

    @property
    def subject(self) -> str:
        """The issuer's identifier of its user (sub)."""
        return str(self.claims["sub"])

    def use(self) -> bool:
        """
        Use the JWT up; True for exactly one of all callers that try. One statement. Call it after every other check.
        """
        return Once.objects.use("issuer's JWT", self.issuer.issuer, str(self.claims["jti"]), until=self.remember_until)


def verify_issuer_jwt(text: str, *, purpose: str, client: ClientRow, audience: str, now: datetime) -> VerifiedJWT:
    """
    Verify a JWT that a client presents. This does not use it up.

    Args:
        text: the compact form.
        purpose: "jwt-bearer", "id-jag" or "token-exchange".
        client: authenticated. A JWT that names a client must name this one.
        audience: the issuer identifier of this server, as from conf.issuer_of().

    Raises:
        InvalidJWT: it is not valid; the detail is for the log.
    """
    if not key_sets.is_available():
        raise InvalidJWT("JWTs of others need the extra oidc, which is not installed")
    assertion = jwt.read(text)
    named = assertion.text_of("iss")
    issuer = TrustedIssuer.objects.believed(named) if named else None
    if issuer is None:
        raise InvalidJWT(f"no active issuer {named[:200]!r} is trusted")
    if not issuer.serves(client.client_id):
        raise InvalidJWT(f"client {client.client_id} may not present JWTs of {issuer.issuer}")
    until = issuer_jwt.check(assertion, issuer, purpose=purpose, audience=audience, now=now)
    if purpose == "id-jag" and assertion.text_of("client_id") != client.client_id:
        raise InvalidJWT("the client_id of the identity assertion is not the client that presents it")
    key_sets.verify_signature(assertion, issuer)
    return VerifiedJWT(issuer=issuer, claims=assertion.claims, remember_until=until)
