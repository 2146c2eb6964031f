"""/authorise/ as OpenAPI describes it."""

from . import answers, schemas
from .path_item import Operation, PathItem, body, parameter
from .server import JsonObject, Server

ANSWERS: dict[str, JsonObject] = {
    "200": answers.page("The consent page."),
    "302": answers.redirect(
        "To the login page; or to the client, with `code` or `error`, `state` and `iss` (RFC 6749 section 4.1.2, RFC 9207)."
    ),
}


def path_item(server: Server) -> PathItem:
    """The authorization endpoint (RFC 6749 section 3.1)."""
    asked = schemas.authorization_parameters(server)
    return PathItem.for_people(
        get=Operation(
            id="authorise",
            summary="An authorization request (RFC 6749 section 4.1.1).",
            parameters=tuple(
                parameter(name, schema, str(schema.get("description", "")), required=name in REQUIRED)
                for name, schema in asked.items()
            ),
            responses={**ANSWERS, **answers.UNREADABLE},
            security=({"session": []}, {}),
        ),
        post=Operation(
            id="authorise_by_post",
            summary="The person's answer; or, with response_type, an authorization request.",
            body=body("AuthorizationRequest"),
            responses={**ANSWERS, **answers.UNREADABLE_BODY, **answers.NOT_OUR_FORM},
            security=({"session": [], "csrf": []}, {}),
        ),
    )


REQUIRED = frozenset({"response_type", "client_id"})
