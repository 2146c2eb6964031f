"""Claims about a user at /userinfo/, by scope (OpenID Connect Core section 5.4)."""

from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AbstractUser

from .protocol import claims_request

_COMPUTED = frozenset({"name", "given_name", "family_name", "preferred_username", "updated_at"})
# The other claims of each scope, which are attributes of the user if the project's user model has them.
_ATTRIBUTES = {
    scope: tuple(name for name in names if name not in _COMPUTED)
    for scope, names in claims_request.CLAIMS_OF_SCOPE.items()
}


def claims_of(user: AbstractBaseUser, scope: frozenset[str]) -> dict[str, object]:
    """
    Return the claims about a user. A project can name a function of its own in OAUTH_SERVICE_CLAIMS.

    Args:
        scope: scope of the access token.

    Returns:
        `sub` always; for `user` username and email; for `profile` the names and `updated_at`, in seconds since the
        epoch:
        the user's own `updated_at` if the user model has one, else the day they joined. All others are text, whatever
        the type of their columns. Empty claims are left out.
    """
    claims: dict[str, object] = {"sub": str(user.pk)}
    username = _text(user.get_username())
    if "user" in scope:
        claims |= {"username": username, "email": _text(getattr(user, user.get_email_field_name(), None))}
    if "profile" in scope:
        given_name, family_name = _text(getattr(user, "first_name", None)), _text(getattr(user, "last_name", None))
        claims |= {
            "name": _full_name(user, given_name, family_name) or username,
            "given_name": given_name,
            "family_name": family_name,
            "preferred_username": username,
        }
        updated_at = getattr(user, "updated_at", None) or getattr(user, "date_joined", None)
        if isinstance(updated_at, datetime):
            claims["updated_at"] = int(updated_at.timestamp())
    for name in [name for each, names in _ATTRIBUTES.items() if each in scope for name in names]:
        value = getattr(user, name, None)
        if isinstance(value, (str, bool, dict)):
            claims[name] = value
    if "email" in scope:
        claims["email"] = getattr(user, user.get_email_field_name(), "")
    # A claim without a value "SHOULD NOT be present with a null or empty string value" (section 5.3.2).
    return {name: value for name, value in claims.items() if value != ""}


def _full_name(user: Any, given_name: str, family_name: str) -> str:
    """The user's full name: from the model's own get_full_name(), from the two names, or from full_name."""
    own = getattr(type(user), "get_full_name", AbstractUser.get_full_name)
    if own is not AbstractUser.get_full_name:
        return _text(user.get_full_name())
    # Django's get_full_name() makes “None None” of a user without a name if the columns may be NULL.
    if given_name and family_name:
        return f"{given_name} {family_name}"
    return given_name or family_name or _text(getattr(user, "full_name", None))


def _text(value: Any) -> str:
    """A value, or what a method returns, as text; "" if it is None or blank."""
    if type(value) is not str:
        value = value() if callable(value) else value
        value = "" if value is None else str(value)
    return value if value.strip() else ""
