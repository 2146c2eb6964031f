"""Scope: never more than allowed, in the requested order."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_service.protocol import scope
from oauth_service.protocol.errors import InvalidScope
from tests.clauses import clause

tokens = st.text(st.sampled_from(string.ascii_lowercase[:4]), min_size=1, max_size=2)
scopes = st.lists(tokens, max_size=6).map(" ".join)


@clause("RFC 6749", "3.3")
@pytest.mark.parametrize("character", [chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"\\'])
def test_every_character_of_the_grammar_is_allowed(character: str) -> None:
    """scope-token = 1*( %x21 / %x23-5B / %x5D-7E )."""
    assert scope.parse(character) == (character,)


@clause("RFC 6749", "3.3")
@pytest.mark.parametrize("character", ['"', "\\", "\t", "\n", "\r", "\x00", "\x1f", "\x7f", "\xa0", "é", "\u2003"])
def test_any_other_character_is_an_invalid_scope(character: str) -> None:
    """Other white space is refused, too: a separator for one parser must not be part of a name for another."""
    with pytest.raises(InvalidScope) as refusal:
        scope.parse(f"user{character}profile")
    assert refusal.value.description == "the scope contains a character that is not allowed"


@pytest.mark.parametrize(
    ("text", "parsed"),
    [("", ()), ("  ", ()), ("b a", ("b", "a")), (" a  b ", ("a", "b")), ("a b a", ("a", "b")), ("A a", ("A", "a"))],
)
def test_a_scope_is_a_list_without_repeats(text: str, parsed: tuple[str, ...]) -> None:
    """Scopes are case-sensitive and keep the order sent, although "their order does not matter"."""
    assert scope.parse(text) == parsed


def test_no_scope_asked_for_is_all_that_is_allowed() -> None:
    """ "[...] the authorization server MUST either process the request using a pre-defined default value" (section 3.3)."""
    assert scope.requested("", allowed="user profile") == "user profile"


def test_a_client_without_any_scope_gets_none() -> None:
    """ "… or fail the request indicating an invalid scope" (section 3.3)."""
    with pytest.raises(InvalidScope) as refusal:
        scope.requested("", allowed="")
    assert refusal.value.description == "no scope was asked for and the client has none by default"


@pytest.mark.parametrize("asked", ["admin", "user admin", "user profile User", "userprofile", "user,profile"])
def test_more_than_allowed_is_refused_not_trimmed(asked: str) -> None:
    """A client that silently gets less than it requested fails later, and the reason is hard to find."""
    with pytest.raises(InvalidScope) as refusal:
        scope.requested(asked, allowed="user profile")
    assert refusal.value.description == "the scope is unknown or wider than allowed"


def test_the_log_names_what_was_too_much() -> None:
    """The log quotes at most 200 characters."""
    with pytest.raises(InvalidScope) as refusal:
        scope.narrowed("user admin " + "x" * 300, within="user")
    assert refusal.value.detail == f"not allowed: 'admin {'x' * 194}'"


@given(asked=scopes, allowed=scopes)
def test_what_is_given_was_asked_for_and_allowed(asked: str, allowed: str) -> None:
    """The invariant is issued ⊆ requested ⊆ allowed; everything else is refused."""
    wanted, limit = set(asked.split()), set(allowed.split())
    try:
        given_scope = scope.narrowed(asked, within=allowed)
    except InvalidScope:
        assert not wanted <= limit
    else:
        assert set(given_scope.split()) == (wanted & limit if wanted else limit)


@given(first=scopes, second=scopes)
def test_both_and_union_are_those_of_sets(first: str, second: str) -> None:
    """The results have no repeats, and are valid scopes."""
    one, two = set(first.split()), set(second.split())
    union = scope.union(first, second).split()
    assert set(scope.intersection(first, second).split()) == one & two
    assert (set(union), len(union)) == (one | two, len(one | two))


@given(granted=scopes, wanted=scopes)
def test_a_scope_covers_its_subsets_and_nothing_else(granted: str, wanted: str) -> None:
    """Names are compared as a whole: `user` does not cover `user.email`."""
    assert scope.covers(granted, wanted) == (set(wanted.split()) <= set(granted.split()))


def test_what_was_granted_first_stays_first() -> None:
    """The guide's "user profile" does not become "profile user" after a second consent."""
    assert (scope.union("user profile", "email user"), scope.intersection("user profile", "profile user")) == (
        "user profile email",
        "user profile",
    )


# -- scopes that imply others ------------------------------------------------------------------------------------------

DECLARED = {"a": "b c", "b": "d", "all": "a e"}
IMPLIES = scope.closure(DECLARED)
of_declared = st.lists(st.sampled_from(["a", "b", "c", "d", "e", "all", "other"]), max_size=5, unique=True).map(
    " ".join
)


def everything(text: str) -> set[str]:
    """Return all names that a scope has or implies."""
    return set(scope.expanded(text, IMPLIES).split())


def test_a_scope_implies_what_its_own_imply() -> None:
    """Scopes are implied over any number of steps; the scope's own names come first."""
    assert scope.expanded("other all", IMPLIES) == "other all a e b c d"
    assert scope.expanded("other all") == "other all"


@pytest.mark.parametrize(
    ("declared", "circle"),
    [
        (DECLARED, ()),
        ({"a": "a"}, ("a",)),
        ({"a": "b", "b": "a"}, ("a", "b")),
        ({"a": "b", "b": "c", "c": "a d", "x": "a"}, ("a", "b", "c")),
    ],
)
def test_a_circle_is_seen(declared: dict[str, str], circle: tuple[str, ...]) -> None:
    """Without a circle none is reported; a scope that leads into a circle is not part of it."""
    assert scope.circular(declared) == circle


@given(of_declared, of_declared)
def test_what_is_left_is_in_both_and_all_of_it(first: str, second: str) -> None:
    """The result has no more than either scope, and no less than both have in common."""
    left = scope.intersection(first, second, implies=IMPLIES)
    assert everything(left) == everything(first) & everything(second)


@given(of_declared, of_declared)
def test_nothing_changes_for_who_declares_nothing(first: str, second: str) -> None:
    """The result is the same as before implied scopes existed."""
    kept = [token for token in first.split() if token in second.split()]
    assert scope.intersection(first, second) == " ".join(kept)


@given(of_declared, of_declared)
def test_to_narrow_is_to_stay_within(wanted: str, granted: str) -> None:
    """A client may request an implied scope by its own name."""
    if scope.covers(granted, wanted, implies=IMPLIES):
        assert scope.narrowed(wanted, within=granted, implies=IMPLIES) == (wanted or granted)
    else:
        with pytest.raises(InvalidScope):
            scope.narrowed(wanted, within=granted, implies=IMPLIES)
    assert scope.covers(granted, wanted, implies=IMPLIES) == (everything(wanted) <= everything(granted))
