"""/login/ as OpenAPI describes it."""

from . import answers
from .path_item import Operation, PathItem, form, parameter
from .schemas import STRING
from .server import JsonObject, Server

ANSWERS: dict[str, JsonObject] = {
    "200": answers.page("The login page, with what was wrong if a form was sent."),
    "302": answers.redirect("Signed in: on to `next`."),
}

TOO_MANY = answers.page("The login page again: too many attempts failed.", headers={"Retry-After": answers.RETRY_AFTER})


def path_item(_: Server) -> PathItem:
    """Sign in."""
    onward = parameter("next", STRING, "Where to go then: a URL of this server.")
    return PathItem.for_people(
        get=Operation(
            id="login",
            summary="The login page.",
            parameters=(onward,),
            responses={**ANSWERS, **answers.UNREADABLE},
            security=({"session": []}, {}),
        ),
        post=Operation(
            id="login_by_form",
            summary="Sign in.",
            parameters=(onward,),
            body=form("SignIn"),
            responses={**ANSWERS, "429": TOO_MANY, **answers.UNREADABLE, **answers.NOT_OUR_FORM},
            security=({"csrf": []},),
        ),
    )
