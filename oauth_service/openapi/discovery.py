"""/.well-known/oauth-authorization-server as OpenAPI describes it."""

from . import answers
from .path_item import Operation, PathItem
from .server import Server


def path_item(_: Server) -> PathItem:
    """Authorization server metadata (RFC 8414)."""
    link = answers.header("Where this description is (RFC 8631).", pattern='rel="service-desc"')
    return PathItem.for_programs(
        get=Operation(
            id="discovery",
            summary="What this server does, for clients that configure themselves.",
            responses={
                "200": answers.in_json("The metadata.", "Metadata", headers={"Link": link}, kept=True),
                **answers.FAILURE,
            },
        )
    )
