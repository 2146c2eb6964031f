"""The claims about a user, for any user model of a host project."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy

from oauth_service.claims import claims_of

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass
class Person:
    """A minimal user model: a host project's may have no names, no e-mail address or other fields."""

    pk: object = 7
    more: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.more[name]
        except KeyError:
            raise AttributeError(name) from None

    def get_username(self) -> str:
        return "alice"

    @classmethod
    def get_email_field_name(cls) -> str:
        return "mail"


def claims_for(scope: str, **more: Any) -> dict[str, object]:
    """Return the claims of a scope for a user with these additional fields."""
    return claims_of(Person(more=more), frozenset(scope.split()))  # type: ignore[arg-type]


def test_sub_is_told_always_and_is_text() -> None:
    """ "A locally unique and never reassigned identifier" (OpenID Connect Core section 2); UUID keys too."""
    assert claims_for("") == {"sub": "7"}


def test_the_email_field_is_the_models_own() -> None:
    """Django lets a user model name its e-mail field."""
    assert claims_for("user", mail="alice@example.com", email="wrong@example.com")["email"] == "alice@example.com"


@pytest.mark.parametrize("more", [{}, {"mail": ""}], ids=["no such field", "not filled in"])
def test_a_user_without_email_has_no_such_claim(more: dict[str, str]) -> None:
    """An empty claim would be wrong, too (OpenID Connect Core section 5.3.2)."""
    assert claims_for("user", **more) == {"sub": "7", "username": "alice"}


@pytest.mark.parametrize(
    ("names", "name"),
    [
        ({"first_name": "Alice", "last_name": "Liddell"}, "Alice Liddell"),
        ({"first_name": "Alice", "last_name": ""}, "Alice"),
        ({"first_name": "", "last_name": "Liddell"}, "Liddell"),
        ({"first_name": "", "last_name": ""}, "alice"),
        ({}, "alice"),
    ],
)
def test_everybody_has_a_name(names: dict[str, str], name: str) -> None:
    """Clients greet users by name. The username stands in for a missing name."""
    assert claims_for("profile", **names)["name"] == name


class Named(Person):
    """A user model with a full name of its own."""

    def get_full_name(self) -> str:
        return "Dr. Alice Liddell"


def test_the_name_is_the_models_own() -> None:
    """Django calls the full name get_full_name()."""
    person = Named(more={"first_name": "Alice", "last_name": "Liddell"})
    assert claims_of(person, frozenset({"profile"}))["name"] == "Dr. Alice Liddell"  # type: ignore[arg-type]


def test_a_full_name_is_a_name() -> None:
    """Many user models have this one field instead of two."""
    assert claims_for("profile", full_name="Alice Liddell")["name"] == "Alice Liddell"
    assert claims_for("profile", full_name=lambda: "Alice Liddell")["name"] == "Alice Liddell"


def test_the_name_claim_is_never_none() -> None:
    """Django's get_full_name() returns “None None” if both columns are NULL."""
    nobody = User(pk=7, username="alice", first_name=None, last_name=None)  # type: ignore[misc]
    assert (nobody.get_full_name(), claims_of(nobody, frozenset({"profile"}))["name"]) == ("None None", "alice")


VALUES: list[object] = [None, "", "  ", 0, 12345, 1.5, True, gettext_lazy("Alice"), UUID(int=1), "Alice"]


@pytest.mark.parametrize("value", VALUES, ids=repr)
@pytest.mark.parametrize("name", ["mail", "first_name", "last_name", "full_name"])
def test_every_claim_is_text_or_absent(name: str, value: object) -> None:
    """Clients in typed languages fail on a number, and others would greet “None”."""
    claims = claims_for("user profile", **{name: value})
    assert {type(claim) for claim in claims.values()} == {str}
    assert not [claim for claim in claims.values() if not str(claim).strip() or "None" in str(claim)]


@pytest.mark.parametrize("username", [12345, None])
def test_a_username_is_text(username: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user model may use numbers as usernames."""
    monkeypatch.setattr(Person, "get_username", lambda self: username)
    told = {"12345"} if username else {None}
    claims = claims_for("user profile")
    assert {claims.get(name) for name in ("username", "preferred_username", "name")} == told


@pytest.mark.parametrize(
    ("moments", "updated_at"),
    [
        ({"updated_at": MOMENT, "date_joined": datetime(2020, 1, 1, tzinfo=UTC)}, 1767323045),
        ({"date_joined": MOMENT}, 1767323045),
        ({"updated_at": None, "date_joined": MOMENT}, 1767323045),
        ({"updated_at": "yesterday"}, None),
        ({}, None),
    ],
)
def test_updated_at_is_in_seconds_or_not_there(moments: dict[str, object], updated_at: int | None) -> None:
    """ "Its value is a JSON number" (OpenID Connect Core section 5.1)."""
    assert claims_for("profile", **moments).get("updated_at") == updated_at
