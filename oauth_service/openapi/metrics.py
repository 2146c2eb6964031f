"""/metrics/ as OpenAPI describes it."""

from . import answers
from .path_item import Operation, PathItem
from .server import Server


def path_item(_: Server) -> PathItem:
    """The counters, for those whom the settings let in."""
    counters = Operation(
        summary="What this server counts, for Prometheus.",
        responses={
            "200": {
                "description": "The counters.",
                "headers": {"Cache-Control": answers.NOT_STORED},
                "content": {"text/plain": {"schema": {"type": "string"}}},
            },
            "401": {
                "description": "OAUTH_SERVICE_METRICS_SECRET was not sent.",
                "headers": {"WWW-Authenticate": answers.header("How to authenticate.", const="Bearer")},
            },
            "404": {"description": "Nobody is let in, or not from here."},
        },
        security=({"metrics_secret": []}, {}),
    )
    options = Operation(
        summary="The methods it answers.",
        responses={"200": {"description": "No content.", "headers": {"Allow": answers.ALLOW}}},
    )
    return PathItem(operations={"get": counters.named("metrics"), "head": counters.as_head(), "options": options})
