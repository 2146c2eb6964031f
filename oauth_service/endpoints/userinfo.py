"""GET, POST /userinfo/ -- who the user is (OpenID Connect Core section 5.3)."""

from django.utils import timezone

from .. import conf
from ..http import Answer, Call, answers_calls
from ..protect import bearer_of
from ..protocol.errors import InsufficientScope

SCOPES = frozenset({"user", "profile"})


@answers_calls("GET", "POST")
def userinfo(call: Call) -> Answer:
    """Tell about the user what the token's scope covers: `user`, `profile`, or both."""
    bearer = bearer_of(call, now=timezone.now())
    if not bearer.scope & SCOPES:
        raise InsufficientScope(
            "the access token does not cover this", scope="user", detail=f"grant {bearer.grant_id}: neither scope"
        )
    return Answer.of(conf.claims_function()(bearer.user, bearer.scope))
