"""Requesting claims (OpenID Connect Core 1.0 section 5.5)."""

import json
from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any, Self

from ..values import value_class
from .errors import InvalidRequest

# Section 5.4: the claims that each scope requests.
CLAIMS_OF_SCOPE: Mapping[str, tuple[str, ...]] = {
    "profile": (
        "name",
        "family_name",
        "given_name",
        "middle_name",
        "nickname",
        "preferred_username",
        "profile",
        "picture",
        "website",
        "gender",
        "birthdate",
        "zoneinfo",
        "locale",
        "updated_at",
    ),
    "email": ("email", "email_verified"),
    "address": ("address",),
    "phone": ("phone_number", "phone_number_verified"),
}
SCOPE_OF_CLAIM: Mapping[str, str] = {claim: scope for scope, claims in CLAIMS_OF_SCOPE.items() for claim in claims}
_MAX_LENGTH = 4096


@value_class(kw_only=True)
class ClaimsRequest:
    """
    Individual claims that a client requests.

    userinfo and id_token map each claim to the values that the client accepts; () accepts any. acr_values are the values
    requested for the acr claim of the ID token, and acr_is_essential requires one of them. sub is the user that the client
    expects; "" accepts anyone.
    """

    userinfo: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    id_token: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    acr_values: tuple[str, ...] = ()
    acr_is_essential: bool = False
    sub: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Read a claims parameter; "" if none was sent.

        Unknown members are ignored (section 5.5).

        Raises:
            InvalidRequest: not a JSON object, or not of the form of section 5.5.
        """
        if not text:
            return cls()
        if len(text) > _MAX_LENGTH:
            raise InvalidRequest(f"claims is longer than {_MAX_LENGTH} characters")
        try:
            members = json.loads(text)
        except (ValueError, RecursionError) as cause:
            raise InvalidRequest("claims is not valid JSON") from cause
        if not isinstance(members, dict):
            raise InvalidRequest("claims is not a JSON object")
        userinfo, id_token = _object(members.get("userinfo")), _object(members.get("id_token"))
        acr = _object(id_token.get("acr"))
        subs = [value for each in (userinfo, id_token) for value in _values(_object(each.get("sub")))]
        if not all(isinstance(each, str) for each in subs):
            raise InvalidRequest("claims is not of the form of OpenID Connect Core section 5.5")
        if len(subs := list(dict.fromkeys(subs))) > 1:
            raise InvalidRequest("claims names more than one sub")
        return cls(
            userinfo=_wanted(userinfo),
            id_token=_wanted(id_token),
            acr_values=tuple(value for value in _values(acr) if isinstance(value, str)),
            acr_is_essential=acr.get("essential") is True,
            sub=subs[0] if subs else "",
        )

    @property
    def scope(self) -> str:
        """Scopes whose claims are requested, space-delimited: the user must see and allow them."""
        return " ".join(dict.fromkeys(SCOPE_OF_CLAIM[name] for name in (*self.userinfo, *self.id_token)))

    def within(self, scope: str) -> "ClaimsRequest":
        """Return the request without the claims of other scopes than these, space-delimited."""
        allowed = set(scope.split())

        def kept(claims: Mapping[str, tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
            return {name: values for name, values in claims.items() if SCOPE_OF_CLAIM[name] in allowed}

        return replace(self, userinfo=kept(self.userinfo), id_token=kept(self.id_token))


def answer(wanted: Mapping[str, tuple[Any, ...]], known: Mapping[str, object], *, allowed: str) -> dict[str, object]:
    """
    Return the individually requested claims that are known; a claim without an acceptable value is left out.

    Args:
        wanted: the acceptable values of each claim; () for any.
        allowed: scope that the client has now, space-delimited; claims of other scopes are left out.
    """
    scopes = set(allowed.split())
    return {
        name: known[name]
        for name, values in wanted.items()
        if name in known and SCOPE_OF_CLAIM.get(name) in scopes and (not values or known[name] in values)
    }


def _wanted(claims: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    return {name: tuple(_values(_object(each))) for name, each in claims.items() if name in SCOPE_OF_CLAIM}


def _object(value: Any) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidRequest("claims is not of the form of OpenID Connect Core section 5.5")
    return value


def _values(member: Mapping[str, Any]) -> list[Any]:
    values = member.get("values", [])
    if not isinstance(values, list):
        raise InvalidRequest("claims is not of the form of OpenID Connect Core section 5.5")
    return [*([member["value"]] if "value" in member else []), *values]
