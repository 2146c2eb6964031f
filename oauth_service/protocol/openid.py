"""What an OpenID Connect request was about: kept with its code and its grant (OpenID Connect Core 1.0 section 2)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationEvent:
    """
    When and how a person proved who they are.

    Attributes:
        auth_time: seconds since the epoch.
        acr: Authentication Context Class Reference, "" if nothing is known.
        amr: Authentication Methods References (RFC 8176), such as pwd, otp, hwk.
        sid: of the sign-in, a UUID in hexadecimal.
        id: tells this event from another one in the same session; it is not stored with codes and grants.
    """

    auth_time: int
    acr: str = ""
    amr: tuple[str, ...] = ()
    sid: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """
    What the ID token of a code or a grant says besides whom it is for, and which claims were asked for one by one.

    userinfo and id_token map a claim to the values that the client accepts, () for any.
    """

    event: AuthenticationEvent
    nonce: str = ""
    userinfo: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    id_token: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def dump(self) -> str:
        """The context as text, for a column."""
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
        """The context of a column; None for "", a request without OpenID Connect."""
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
