"""GET, POST /userinfo/ -- who the user is (OpenID Connect Core section 5.3)."""

from collections.abc import Callable
from typing import cast

from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.module_loading import import_string

from .. import conf
from ..http import answers_in_json
from ..protect import ProtectedRequest, protect
from ..protocol.errors import InsufficientScope

SCOPES = frozenset({"user", "profile"})


@answers_in_json("GET", "POST")
@protect()
def userinfo(request: HttpRequest) -> HttpResponse:
    """Tell about the user what the token's scope covers: `user`, `profile`, or both."""
    bearer = cast("ProtectedRequest", request).bearer
    if not bearer.scope & SCOPES:
        raise InsufficientScope(
            "the access token does not cover this", scope="user", detail=f"grant {bearer.grant_id}: neither scope"
        )
    claims_of = cast("Callable[[AbstractBaseUser, frozenset[str]], dict[str, object]]", import_string(conf.CLAIMS()))
    return JsonResponse(claims_of(bearer.user, bearer.scope))
