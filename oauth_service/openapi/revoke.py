"""/oauth/revoke/ as OpenAPI describes it."""

from . import answers
from .path_item import Operation, PathItem, body
from .server import Server


def path_item(_: Server) -> PathItem:
    """Token revocation (RFC 7009)."""
    return PathItem.for_programs(
        post=Operation(
            id="revoke",
            summary="End an access token alone, or with a refresh token all of its connection.",
            body=body("RevocationRequest"),
            responses={
                "200": answers.empty("It is not valid any more, if it ever was (RFC 7009 section 2.2)."),
                "400": answers.refusal("Refused.", "invalid_request"),
                "401": answers.refusal("The client is not authenticated.", "invalid_client", challenge="Basic"),
                **answers.TOO_LONG,
                **answers.TOO_MANY_FAILURES,
                **answers.FAILURE,
            },
            security=({"client_secret_basic": []}, {}),
        )
    )
