"""Responses that endpoints share: refusals, pages, redirects, and the responses to OPTIONS."""

from collections.abc import Mapping

from .server import JsonObject

JSON = "application/json"
HTML = "text/html"


def header(description: str, **schema: object) -> JsonObject:
    """
    A header that every such response has.

    Args:
        schema: keywords of JSON Schema, in addition to its type.
    """
    return {"description": description, "required": True, "schema": {"type": "string", **schema}}


# A pattern, not a constant: Django adds directives of its own to pages that must never be cached.
NOT_STORED = header("Caches must not store the response.", pattern="no-store")
ANY_ORIGIN = header("Any origin may call it, because cookies are ignored.", const="*")
ALLOW = header("The methods that this URL supports.")


def in_json(
    description: str,
    schema: str,
    *,
    headers: Mapping[str, JsonObject] | None = None,
    kept: bool = False,
    besides: str = "",
) -> JsonObject:
    """
    A JSON response.

    Args:
        schema: its name in components/schemas.
        headers: in addition to those of every response for programs.
        kept: True if it may be cached.
        besides: another media type that it may have, as text; "" for none.
    """
    usual = {"Access-Control-Allow-Origin": ANY_ORIGIN} | ({} if kept else {"Cache-Control": NOT_STORED})
    return {
        "description": description,
        "headers": {**usual, **(headers or {})},
        "content": {
            JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}},
            **({besides: {"schema": {"type": "string"}}} if besides else {}),
        },
    }


def refusal(
    description: str, *errors: str, challenge: str = "", headers: Mapping[str, JsonObject] | None = None
) -> JsonObject:
    """
    A refusal in JSON (RFC 6749 section 5.2).

    Args:
        errors: every error code it may have.
        challenge: scheme of its WWW-Authenticate header; "" if it has no such header.
        headers: in addition to those of every response for programs.
    """
    challenged = {"WWW-Authenticate": header("How to authenticate.", pattern=f"^{challenge} ")} if challenge else {}
    headers = {**challenged, **(headers or {})}
    narrowed = {"$ref": "#/components/schemas/Refusal", "properties": {"error": {"enum": list(errors)}}}
    return in_json(description, "Refusal", headers=headers) | {"content": {JSON: {"schema": narrowed}}}


TOO_LONG = {
    "411": refusal("The body has no Content-Length, and the server cannot tell where it ends.", "invalid_request"),
    "413": refusal("The body is longer than the limit.", "invalid_request"),
}
RETRY_AFTER = header("How many seconds to wait.", pattern="^[1-9][0-9]*$")
FAILURE = {
    "500": refusal("Unexpected error. The server logs it under the reference.", "server_error"),
    "503": refusal(
        "The database is unavailable. Nothing was changed.",
        "temporarily_unavailable",
        headers={"Retry-After": RETRY_AFTER},
    ),
}
TOO_MANY_FAILURES = {
    "429": refusal("Too many failed attempts.", "temporarily_unavailable", headers={"Retry-After": RETRY_AFTER})
}


def empty(description: str) -> JsonObject:
    """A response to a program, without a body."""
    return {
        "description": description,
        "headers": {"Access-Control-Allow-Origin": ANY_ORIGIN, "Cache-Control": NOT_STORED},
    }


def page(description: str, *, headers: Mapping[str, JsonObject] | None = None) -> JsonObject:
    """
    An HTML page of ours.

    Args:
        headers: in addition to those of every page.
    """
    usual = {"Cache-Control": NOT_STORED, "Content-Security-Policy": header("The sources that the page may load.")}
    return {
        "description": description,
        "headers": {**usual, **(headers or {})},
        "content": {HTML: {"schema": {"type": "string"}}},
    }


def redirect(description: str) -> JsonObject:
    """A redirect."""
    return {
        "description": description,
        "headers": {"Cache-Control": NOT_STORED, "Location": header("The URL where the browser goes next.")},
    }


# Django shows a page of its own if it refuses a request before a view is reached.
_ANY_PAGE: JsonObject = {"content": {HTML: {"schema": {"type": "string"}}}}
UNREADABLE: Mapping[str, JsonObject] = {
    "400": {"description": "An error page with a reference. The log has the reason under it.", **_ANY_PAGE},
    "503": {
        "description": "An error page: the database is unavailable. Nothing was changed.",
        "headers": {"Retry-After": RETRY_AFTER},
        **_ANY_PAGE,
    },
}
UNREADABLE_BODY: Mapping[str, JsonObject] = {
    **UNREADABLE,
    "411": {"description": "An error page: the body has no Content-Length.", **_ANY_PAGE},
    "413": {"description": "An error page: the body is longer than the limit.", **_ANY_PAGE},
}
NOT_OUR_FORM: Mapping[str, JsonObject] = {
    "403": {"description": "An error page: the CSRF token is missing or belongs to another browser.", **_ANY_PAGE},
}


def methods_for_programs() -> JsonObject:
    """Response to OPTIONS at endpoints for programs, including scripts of other origins."""
    return {
        "description": "No content.",
        "headers": {
            "Allow": ALLOW,
            "Access-Control-Allow-Origin": ANY_ORIGIN,
            "Access-Control-Allow-Methods": ALLOW,
            "Access-Control-Allow-Headers": header("The headers that a script may send."),
        },
    }


def methods_for_people() -> JsonObject:
    """Response to OPTIONS at pages."""
    return {"description": "No content.", "headers": {"Allow": ALLOW}}
