"""/token/ as OpenAPI describes it."""

from . import answers
from .path_item import Operation, PathItem, body
from .server import Server


def path_item(_: Server) -> PathItem:
    """The token endpoint (RFC 6749 section 3.2)."""
    return PathItem.for_programs(
        post=Operation(
            id="token",
            summary="Exchange a code, or refresh (RFC 6749 sections 4.1.3 and 6).",
            body=body("TokenRequest"),
            responses={
                "200": answers.in_json("Tokens.", "Tokens"),
                "400": answers.refusal(
                    "Refused (RFC 6749 section 5.2).",
                    "invalid_request",
                    "invalid_grant",
                    "invalid_scope",
                    "unauthorized_client",
                    "unsupported_grant_type",
                ),
                "401": answers.refusal("The client is not authenticated.", "invalid_client", challenge="Basic"),
                **answers.TOO_LONG,
                **answers.TOO_MANY_FAILURES,
                **answers.FAILURE,
            },
            security=({"client_secret_basic": []}, {}),
        )
    )
