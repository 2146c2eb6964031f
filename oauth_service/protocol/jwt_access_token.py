"""JWT access tokens: their claims, and the checks on presenting one (RFC 9068)."""

from collections.abc import Mapping

TYP = "at+jwt"


def claims(
    *,
    issuer: str,
    subject: str,
    client_id: str,
    audience: str,
    scope: str,
    jti: str,
    issued_at: int,
    expires_at: int,
    auth_time: int = 0,
    acr: str = "",
    amr: tuple[str, ...] = (),
    act: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """
    Return the claims of a token (section 2.2). Unknown facts about the sign-in are left out.

    Args:
        subject: sub of the user in the client's subject type; the client_id if there is no user (section 2.2).
        audience: the identifier of its only resource (section 3).
        issued_at, expires_at, auth_time: seconds since the epoch.
        act: the party that acts for the subject (RFC 8693 section 4.1); empty for none.
    """
    members: dict[str, object] = {
        "iss": issuer,
        "sub": subject,
        "aud": audience,
        "client_id": client_id,
        "iat": issued_at,
        "exp": expires_at,
        "jti": jti,
        "scope": scope,
    }
    optional = {"auth_time": auth_time, "acr": acr, "amr": list(amr), "act": dict(act or {})}
    return members | {name: value for name, value in optional.items() if value}


def fault_of(claims: Mapping[str, object], *, issuer: str) -> str:
    """
    Say why claims with a valid signature are not an access token of this server; return "" if they are.

    Args:
        issuer: the required iss (section 4); "" if it is not known.
    """
    texts = ("iss", "sub", "aud", "client_id", "jti", "scope")
    if wrong := [name for name in texts if not isinstance(claims.get(name), str)]:
        return f"{', '.join(wrong)} is not a string"
    if type(claims.get("exp")) is not int:
        return "exp is not a number"
    if issuer and claims["iss"] != issuer:
        return "it has another issuer"
    return ""
