"""Access tokens that are JWTs: what stands in them, and what of it is believed again (RFC 9068)."""

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
    The claims of a token (section 2.2). What is not known of the sign-in is left out.

    Args:
        subject: of the user by the client's subject type; the client_id if there is no user (section 2.2).
        audience: the identifier of its one resource (section 3).
        issued_at, expires_at, auth_time: seconds since the epoch.
        act: who acts for the subject (RFC 8693 section 4.1); empty for nobody.
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
    Why claims with a good signature are no access token of this server; "" if they are.

    Args:
        issuer: that must stand in it (section 4); "" if it is not known.
    """
    texts = ("iss", "sub", "aud", "client_id", "jti", "scope")
    if wrong := [name for name in texts if not isinstance(claims.get(name), str)]:
        return f"{', '.join(wrong)} is no text"
    if type(claims.get("exp")) is not int:
        return "exp is no number"
    if issuer and claims["iss"] != issuer:
        return "it has another issuer"
    return ""
