"""OpenID Connect data of a request, stored with its code and its grant (OpenID Connect Core 1.0 section 2)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationEvent:
    """
    The time and the method of a user's sign-in.

    Attributes:
        auth_time: seconds since the epoch.
        acr: Authentication Context Class Reference, "" if nothing is known.
        amr: Authentication Methods References (RFC 8176), such as pwd, otp, hwk.
        sid: identifier of the sign-in, a UUID in hexadecimal.
        id: differs between two events of one session; it is not stored with codes and grants.
    """

    auth_time: int
    acr: str = ""
    amr: tuple[str, ...] = ()
    sid: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """
    The content of a code's or grant's ID tokens, and the individually requested claims.

    userinfo and id_token map each claim to the values that the client accepts; () accepts any.
    """

    event: AuthenticationEvent
    nonce: str = ""
    userinfo: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    id_token: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def dump(self) -> str:
        """Return the context as text, for a column."""
        members: dict[str, Any] = {"t": self.event.auth_time, "s": self.event.sid}
        optional = {
            "a": self.event.acr,
            "m": self.event.amr,
            "n": self.nonce,
            "u": self.userinfo,
            "i": self.id_token,
        }
        return json.dumps(members | {name: value for name, value in optional.items() if value}, separators=(",", ":"))

    @classmethod
    def load(cls, text: str) -> Self | None:
        """Read the context from a column; None for "", which means a request without OpenID Connect."""
        if not text:
            return None
        members = json.loads(text)
        return cls(
            event=AuthenticationEvent(
                auth_time=members["t"],
                acr=members.get("a", ""),
                amr=tuple(members.get("m", ())),
                sid=members["s"],
            ),
            nonce=members.get("n", ""),
            userinfo={name: tuple(values) for name, values in members.get("u", {}).items()},
            id_token={name: tuple(values) for name, values in members.get("i", {}).items()},
        )
