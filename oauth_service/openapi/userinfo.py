"""/userinfo/ as OpenAPI describes it."""

from . import answers
from .path_item import Operation, PathItem
from .server import Server

# Without a token there is no error code either (RFC 6750 section 3.1).
REFUSALS = {
    "400": answers.refusal("The token came in a way that cannot be read.", "invalid_request", challenge="Bearer"),
    "401": answers.refusal("No access token, or none that is alive.", "invalid_token", challenge="Bearer"),
    "403": answers.refusal("The token covers neither scope.", "insufficient_scope", challenge="Bearer"),
}


def path_item(_: Server) -> PathItem:
    """Who the user is (OpenID Connect Core section 5.3)."""
    claims = Operation(
        summary="What the access token may know about its user.",
        responses={"200": answers.in_json("The claims.", "Claims"), **REFUSALS, **answers.FAILURE},
        security=({"oauth2": []},),
    )
    return PathItem.for_programs(get=claims.named("userinfo"), post=claims.named("userinfo_by_post"))
