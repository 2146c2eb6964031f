"""/signed-out/ as OpenAPI describes it."""

from . import answers
from .path_item import Operation, PathItem
from .server import Server


def path_item(_: Server) -> PathItem:
    """The end of a session."""
    return PathItem.for_people(
        get=Operation(
            id="signed_out",
            summary="Says that the session has ended.",
            responses={"200": answers.page("The page."), **answers.UNREADABLE},
        )
    )
