"""Scopes that a user may untick, and the result of doing so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_service.protocol import scope, scope_choice
from oauth_service.protocol.parameters import Parameters
from oauth_service.protocol.scope_choice import Offered

NAMES = st.sampled_from(["openid", "offline_access", "user", "profile", "notes", "notes:read", "admin"])
SCOPES = st.lists(NAMES, unique=True).map(" ".join)
IMPLIES = scope.closure({"notes": "notes:read"})


@given(shown=SCOPES, ticked=st.none() | st.frozensets(NAMES), required=st.frozensets(NAMES))
def test_what_is_allowed_was_shown(shown: str, ticked: frozenset[str] | None, required: frozenset[str]) -> None:
    """A form may name other scopes as ticked; the result has the order of the request."""
    granted = scope_choice.granted(shown, ticked, required=required).split()
    assert granted == [name for name in shown.split() if name in granted]
    if ticked is None:
        assert granted == shown.split()
    else:
        needed = {"openid", *required}
        assert set(granted) - needed <= ticked
        assert set(granted) >= set(shown.split()) & needed


@given(shown=SCOPES, required=st.frozensets(NAMES), before=SCOPES)
def test_what_has_no_box_is_given_and_what_has_one_is_not_unless_ticked(
    shown: str, required: frozenset[str], before: str
) -> None:
    """The page sends all scopes without a checkbox; if nothing is ticked, only they remain."""
    optional = scope_choice.optional(shown, required=required, before=before, implies=IMPLIES)
    settled = [name for name in shown.split() if name not in optional]
    assert scope_choice.granted(shown, settled, required=required).split() == settled
    assert not {"openid", *required} & set(optional)
    assert not set(scope.expanded(before, IMPLIES).split()) & set(optional)


def test_the_narrow_scope_stays_when_the_broad_one_is_unticked() -> None:
    """The narrow scope was requested on its own. A scope implied by an earlier consent is not asked about again."""
    assert scope_choice.granted("notes notes:read", {"notes:read"}, required=()) == "notes:read"
    assert scope_choice.optional("notes notes:read", required=(), before="notes", implies=IMPLIES) == ()
    assert scope_choice.optional("notes notes:read", required=(), before="notes:read", implies=IMPLIES) == ("notes",)


@pytest.mark.parametrize(
    ("pairs", "ticked"),
    [
        ([], None),
        ([("allow_scope", "user")], None),
        ([("scopes_chosen", "1")], ()),
        ([("scopes_chosen", "1"), ("allow_scope", "")], ()),
        (
            [("scopes_chosen", "1"), ("allow_scope", "openid user"), ("allow_scope", "notes")],
            ("openid", "user", "notes"),
        ),
    ],
    ids=str,
)
def test_a_form_without_boxes_is_told_from_one_in_which_none_is_ticked(
    pairs: list[tuple[str, str]], ticked: tuple[str, ...] | None
) -> None:
    """The first kind of form allows everything shown, the second nothing."""
    assert scope_choice.ticked_scopes(Parameters(pairs)) == (None if ticked is None else set(ticked))


def test_for_whom_there_are_boxes() -> None:
    """The setting decides, and whether the operator vouches for the client."""
    table = {
        (when, is_vouched_for): scope_choice.is_offered(when, is_vouched_for=is_vouched_for)
        for when in Offered
        for is_vouched_for in (True, False)
    }
    assert {key for key, is_offered in table.items() if is_offered} == {
        (Offered.UNCHECKED, False),
        (Offered.ALWAYS, True),
        (Offered.ALWAYS, False),
    }
