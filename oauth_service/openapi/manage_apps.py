"""/manage-apps/ as OpenAPI describes it."""

from . import answers
from .path_item import Operation, PathItem
from .server import Server


def path_item(_: Server) -> PathItem:
    """The apps that a person has connected."""
    return PathItem.for_people(
        get=Operation(
            id="manage_apps",
            summary="The connected apps, each with a way to cut it off.",
            responses={
                "200": answers.page("The connected apps."),
                "302": answers.redirect("To the login page."),
                **answers.UNREADABLE,
            },
            security=({"session": []},),
        )
    )
