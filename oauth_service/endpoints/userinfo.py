"""GET, POST /userinfo/ -- who the user is (OpenID Connect Core section 5.3)."""

from django.utils import timezone

from .. import conf
from ..protocol.errors import InsufficientScope
from ..resources.protect import bearer_of
from ..web.programs import ProgramResponse, program_endpoint
from ..web.requests import ProgramRequest

SCOPES = frozenset({"user", "profile"})


@program_endpoint("GET", "POST")
def userinfo(request: ProgramRequest) -> ProgramResponse:
    """Tell about the user what the token's scope covers: `user`, `profile`, or both."""
    bearer = bearer_of(request, now=timezone.now())
    if not bearer.scope & SCOPES:
        raise InsufficientScope(
            "the access token does not cover this", scope="user", detail=f"grant {bearer.grant_id}: neither scope"
        )
    return ProgramResponse.of(conf.claims_function()(bearer.user, bearer.scope))
