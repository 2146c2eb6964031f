"""The claims parameter, for any JSON that a client may send."""

import itertools
import json
from typing import Any

import pytest

from oauth_service.protocol import claims_request
from oauth_service.protocol.claims_request import ClaimsRequest
from oauth_service.protocol.errors import InvalidRequest
from oauth_service.protocol.openid import AuthenticationEvent, Context
from tests.clauses import clause

VALUES: tuple[Any, ...] = (None, True, 0, -1.5, 10**30, "", "x", "\ud800", "\0", [], {}, [[]], [{}], [None], {"x": {}})
PLACES = ("userinfo", "id_token", "another")
NAMES = ("sub", "acr", "email", "another")
MEMBERS = ("value", "values", "essential", "another")


def requests() -> list[Any]:
    """Put every kind of JSON value at every place that has a meaning."""
    return [
        *VALUES,
        *({place: value} for place in PLACES for value in VALUES),
        *({place: {name: value}} for place in PLACES for name in NAMES for value in VALUES),
        *(
            {place: {name: {member: value}}}
            for place, name, member, value in itertools.product(PLACES, NAMES, MEMBERS, VALUES)
        ),
    ]


@clause("OpenID Connect Core 1.0", "5.5")
def test_whatever_is_asked_for_is_understood_or_refused() -> None:
    """No value makes the server fail, and every request that is understood can be stored with the code and read again."""
    understood = 0
    for members in requests():
        try:
            asked = ClaimsRequest.parse(json.dumps(members))
        except InvalidRequest:
            continue
        understood += 1
        event = AuthenticationEvent(auth_time=0)
        kept = Context(event=event, userinfo=asked.userinfo, id_token=asked.id_token)
        assert Context.load(kept.dump()) == kept, members
        assert isinstance(asked.sub, str), members
        assert claims_request.answer(asked.id_token, {"email": "a@example.com"}, allowed="email").keys() <= {"email"}
    assert understood > 100


@clause("OpenID Connect Core 1.0", "5.5.1")
@pytest.mark.parametrize("value", [each for each in VALUES if not isinstance(each, str)], ids=repr)
@pytest.mark.parametrize("place", ["userinfo", "id_token"])
def test_a_sub_is_a_string(place: str, value: Any) -> None:
    """No user has a sub of another type: 1 is not "1"."""
    with pytest.raises(InvalidRequest):
        ClaimsRequest.parse(json.dumps({place: {"sub": {"value": value}}}))
