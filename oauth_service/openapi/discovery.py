"""/.well-known/oauth-authorization-server as OpenAPI describes it."""

from . import answers
from .path_item import Operation, PathItem
from .server import Server

METADATA = Operation(
    summary="What this server does, for clients that configure themselves.",
    responses={
        "200": answers.in_json(
            "The metadata.",
            "Metadata",
            headers={"Link": answers.header("Where this description is (RFC 8631).", pattern='rel="service-desc"')},
            kept=True,
        ),
        **answers.FAILURE,
    },
)


def path_item(_: Server) -> PathItem:
    """Authorization server metadata (RFC 8414)."""
    return PathItem.for_programs(get=METADATA.named("discovery"))


def path_item_of_issuer(_: Server) -> PathItem:
    """The same where an issuer with a path has it (RFC 8414 section 3.1)."""
    answered = METADATA.answering({"404": answers.empty("No issuer here has this path.")})
    return PathItem.for_programs(get=answered.named("discovery_of_issuer")).below(
        "issuer_path", "The path of the issuer, slashes and all."
    )
