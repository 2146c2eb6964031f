"""/logout/ as OpenAPI describes it."""

from . import answers
from .path_item import Operation, PathItem, form
from .server import Server


def path_item(_: Server) -> PathItem:
    """Sign out."""
    return PathItem.for_people(
        post=Operation(
            id="logout",
            summary="End the session on this server; connected apps stay connected.",
            body=form("SignOut"),
            responses={
                "302": answers.redirect("To the page that says so."),
                **answers.UNREADABLE,
                **answers.NOT_OUR_FORM,
            },
            security=({"session": [], "csrf": []}, {"csrf": []}),
        )
    )
