"""/readyz/ as OpenAPI describes it."""

from . import answers
from .path_item import Operation, PathItem
from .server import Server


def path_item(_: Server) -> PathItem:
    """Whether the process can do its work."""
    return PathItem.for_programs(
        get=Operation(
            id="readyz",
            summary="This process can do its work: database, migrations and keys are there.",
            responses={
                **answers.FAILURE,
                "200": answers.in_json("It can.", "Health"),
                "503": answers.in_json("Something is missing.", "Health"),
            },
        )
    )
