"""Software statements: claims of a trusted issuer about a client that registers itself (RFC 7591 section 2.3)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..models import TrustedIssuer
from ..protocol import issuer_jwt, jwt, registration
from ..protocol.errors import InvalidSoftwareStatement, UnapprovedSoftwareStatement
from ..protocol.jwt import InvalidJWT
from . import key_sets


def verified_metadata(text: Any, *, audience: str, now: datetime) -> Mapping[str, Any]:
    """
    Return the client metadata in a software statement.

    Args:
        text: the JWT in the compact form, as it was sent.
        audience: the issuer identifier of this server.

    Raises:
        InvalidSoftwareStatement: it is not a JWT, not genuine, for another server, or expired.
        UnapprovedSoftwareStatement: its issuer is not trusted for software statements.
    """
    try:
        if not isinstance(text, str):
            raise InvalidJWT("the software statement is not a string")
        statement = jwt.read(text)
        named = statement.text_of("iss")
        issuer = TrustedIssuer.objects.believed(named) if named and key_sets.is_available() else None
        if issuer is None or TrustedIssuer.Purpose.SOFTWARE_STATEMENT not in issuer.purpose_list:
            raise UnapprovedSoftwareStatement(
                "the issuer of the software statement is not trusted here",
                detail=f"no active issuer {named[:200]!r} is trusted for software statements",
            )
        members = issuer_jwt.check_software_statement(statement, issuer, audience=audience, now=now)
        key_sets.verify_signature(statement, issuer)
    except InvalidJWT as fault:
        raise InvalidSoftwareStatement("the software statement is not valid", detail=fault.detail) from None
    if not registration.is_text_throughout(members):
        raise InvalidSoftwareStatement("the software statement is not valid", detail="a claim cannot be stored as text")
    return {name: value for name, value in members.items() if value is not None and value != ""}
