"""/healthz/ as OpenAPI describes it."""

from . import answers
from .path_item import Operation, PathItem
from .server import Server


def path_item(_: Server) -> PathItem:
    """Whether the process is alive."""
    return PathItem.for_programs(
        get=Operation(
            id="healthz",
            summary="This process is alive; what it depends on is not asked.",
            responses={"200": answers.in_json("It is.", "Health"), **answers.FAILURE},
        )
    )
