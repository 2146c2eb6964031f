"""Path items: the operations of one URL. Every URL with GET has HEAD, and all have OPTIONS, as in http.py."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from . import responses
from .server import JsonObject

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """
    Request and responses of one method of a URL.

    Attributes:
        id: operationId; "" for a second way to the same operation.
        security: the alternatives; () if no authentication is needed.
    """

    id: str = ""
    summary: str
    responses: Mapping[str, JsonObject]
    parameters: tuple[JsonObject, ...] = ()
    body: JsonObject = field(default_factory=dict)
    security: tuple[JsonObject, ...] = ()

    def with_id(self, operation_id: str) -> Self:
        """Copy of the operation with an id."""
        return replace(self, id=operation_id)

    def with_responses(self, responses: Mapping[str, JsonObject]) -> Self:
        """Copy of the operation with more responses."""
        return replace(self, responses={**self.responses, **responses})

    def as_head(self) -> Self:
        """The operation for HEAD: the responses of GET without their bodies."""
        bare = {
            status: {name: value for name, value in response.items() if name != "content"}
            for status, response in self.responses.items()
        }
        return replace(self, id="", responses=bare)

    def members(self) -> JsonObject:
        """The Operation Object."""
        members: JsonObject = {"operationId": self.id} if self.id else {}
        members |= {"summary": self.summary, "security": list(self.security)}
        if self.parameters:
            members["parameters"] = list(self.parameters)
        if self.body:
            members["requestBody"] = self.body
        return members | {"responses": dict(self.responses)}


@dataclass(frozen=True, slots=True, kw_only=True)
class PathItem:
    """Operations of one URL by method, in lower case, and the parameters in its path."""

    operations: Mapping[str, Operation]
    parameters: tuple[JsonObject, ...] = ()

    @classmethod
    def for_programs(cls, **operations: Operation) -> Self:
        """Path item of an endpoint for programs."""
        return cls(operations=_with_head(operations) | {"options": _OPTIONS_FOR_PROGRAMS})

    @classmethod
    def for_people(cls, **operations: Operation) -> Self:
        """Path item of a page."""
        return cls(operations=_with_head(operations) | {"options": _OPTIONS_FOR_PEOPLE})

    def with_path_parameter(self, name: str, description: str) -> Self:
        """Copy with a parameter in the path that may hold slashes."""
        segment = "[A-Za-z0-9_~-][A-Za-z0-9._~-]*"
        schema: JsonObject = {"type": "string", "pattern": f"^{segment}(/{segment})*$"}
        parameter: JsonObject = {"name": name, "in": "path", "description": description, "required": True}
        return replace(self, parameters=({**parameter, "schema": schema},))

    def with_segment_parameter(self, name: str, description: str) -> Self:
        """Copy with a parameter that is one segment of the path."""
        schema: JsonObject = {"type": "string", "pattern": "^[A-Za-z0-9_~-][A-Za-z0-9._~-]*$"}
        parameter: JsonObject = {"name": name, "in": "path", "description": description, "required": True}
        return replace(self, parameters=({**parameter, "schema": schema},))

    def without_slash(self) -> Self:
        """Copy for the URL without its final slash. It has no operationId: each may be used only once."""
        return replace(self, operations={method: replace(each, id="") for method, each in self.operations.items()})

    def members(self) -> JsonObject:
        """The Path Item Object."""
        members: JsonObject = {method: operation.members() for method, operation in self.operations.items()}
        return members | ({"parameters": list(self.parameters)} if self.parameters else {})


def body(schema: str) -> JsonObject:
    """
    A request body that is a form (RFC 6749 Appendix B) or a flat JSON object of strings.

    Args:
        schema: its name in components/schemas.
    """
    media_type = {"schema": {"$ref": f"#/components/schemas/{schema}"}}
    return {"required": True, "content": {FORM: media_type, responses.JSON: media_type}}


def body_in_json(schema: str) -> JsonObject:
    """
    A request body that is JSON of any depth.

    Args:
        schema: its name in components/schemas.
    """
    return {"required": True, "content": {responses.JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}


def form(schema: str) -> JsonObject:
    """
    A request body that the form on one of our pages sends.

    Args:
        schema: its name in components/schemas.
    """
    return {"required": True, "content": {FORM: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}


def parameter(name: str, schema: JsonObject, description: str, *, required: bool = False) -> JsonObject:
    """A query parameter."""
    return {"name": name, "in": "query", "description": description, "required": required, "schema": schema}


def _with_head(operations: Mapping[str, Operation]) -> dict[str, Operation]:
    return dict(operations) | ({"head": operations["get"].as_head()} if "get" in operations else {})


_OPTIONS_FOR_PROGRAMS = Operation(
    summary="List the supported methods, and answer CORS preflight requests without credentials.",
    responses={"204": responses.methods_for_programs()},
)
_OPTIONS_FOR_PEOPLE = Operation(
    summary="List the supported methods.", responses={"204": responses.methods_for_people()}
)
