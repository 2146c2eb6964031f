"""What /userinfo/ tells about a user, by scope (OpenID Connect Core section 5.4)."""

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser

from .protocol import claims_request


def claims_of(user: AbstractBaseUser, scope: frozenset[str]) -> dict[str, object]:
    """
    The claims of a user; a project with more to tell names a function of its own in OAUTH_SERVICE_CLAIMS.

    Args:
        scope: what the access token may see.

    Returns:
        sub always; for `user` username and email; for `profile` the names and updated_at, in seconds since the epoch:
        the user's own `updated_at` where the user model has one, else the day they joined. What is empty is left out.
    """
    claims: dict[str, object] = {"sub": str(user.pk)}
    if "user" in scope:
        claims |= {"username": user.get_username(), "email": getattr(user, user.get_email_field_name(), "")}
    if "profile" in scope:
        given_name, family_name = getattr(user, "first_name", ""), getattr(user, "last_name", "")
        claims |= {
            "name": f"{given_name} {family_name}".strip() or user.get_username(),
            "given_name": given_name,
            "family_name": family_name,
            "preferred_username": user.get_username(),
        }
        updated_at = getattr(user, "updated_at", None) or getattr(user, "date_joined", None)
        if isinstance(updated_at, datetime):
            claims["updated_at"] = int(updated_at.timestamp())
    wanted = [name for each, names in claims_request.CLAIMS_OF_SCOPE.items() if each in scope for name in names]
    for name in wanted:
        value = getattr(user, name, None)
        if name not in claims and name != "updated_at" and isinstance(value, (str, bool, dict)):
            claims[name] = value
    if "email" in scope:
        claims["email"] = getattr(user, user.get_email_field_name(), "")
    # One that nobody filled in "SHOULD NOT be present with a null or empty string value" (section 5.3.2).
    return {name: value for name, value in claims.items() if value != ""}
