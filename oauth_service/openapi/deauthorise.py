"""/oauth/deauthorise/ as OpenAPI describes it."""

from . import answers
from .path_item import Operation, PathItem, body
from .server import Server


def path_item(_: Server) -> PathItem:
    """A person cuts an app off."""
    return PathItem.for_people(
        post=Operation(
            id="deauthorise",
            summary="End the consent, every pending code and every connection of this person and app.",
            body=body("Deauthorisation"),
            responses={
                "302": answers.redirect("To the connected apps, or to the login page first."),
                **answers.UNREADABLE_BODY,
                **answers.NOT_OUR_FORM,
            },
            security=({"session": [], "csrf": []},),
        )
    )
