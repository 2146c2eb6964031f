"""/openapi.json as it describes itself."""

from . import answers
from .path_item import Operation, PathItem
from .server import Server


def path_item(_: Server) -> PathItem:
    """This document."""
    return PathItem.for_programs(
        get=Operation(
            id="openapi",
            summary="This description.",
            responses={"200": answers.in_json("The description.", "Description", kept=True), **answers.FAILURE},
        )
    )
