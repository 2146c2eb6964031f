"""
An MCP server beside Django, guarded by access tokens: one scope for the server, and more for some of its tools.

    orders = MCPServer("Orders")
    guarded = ProtectTools(
        orders.streamable_http_app(stateless_http=True),
        "orders:read",
        tools={"cancel_order": "orders:write"},
        resource="https://api.example/mcp",
    )

A call of such a tool with too little scope gets 403 insufficient_scope with all the scope that it needs, so that the
client can ask the user for it (MCP 2026-07-28, authorization, scope challenge handling). It works with every MCP server
that is an ASGI application.
"""

import json
from collections.abc import Mapping
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.utils import timezone

from ..web.programs import ProgramResponse
from ..web.requests import ProgramRequest
from .asgi import Application, Protect, Receive, Scope, Send, answer
from .requirement import Requirement, Scopes, check_requirement, refusal

MOST_BYTES = 4 * 1024 * 1024
"""Longest allowed message, which is read whole. The official SDK has the same limit."""

_NO_MESSAGE = ProgramResponse.of(
    {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "Parse error"}}, status=400
)
_TOO_LONG = ProgramResponse(413)


class ProtectTools(Protect):
    """
    Guard an application and single tools. The other arguments are those of Protect.

    Args:
        tools: additional scopes by the name of the tool. Other tools need required_scope only.
    """

    def __init__(
        self,
        app: Application,
        *required_scope: str,
        tools: Mapping[str, Scopes],
        allow_clients: bool = False,
        resource: str = "",
        acr: Scopes = (),
        max_age: int | None = None,
    ) -> None:
        super().__init__(app, *required_scope, allow_clients=allow_clients, resource=resource, acr=acr, max_age=max_age)
        self.tools = {
            name: Requirement.of(
                [*required_scope, *([more] if isinstance(more, str) else more)],
                allow_clients=allow_clients,
                resource=resource,
                acr=acr,
                max_age=max_age,
            )
            for name, more in tools.items()
        }

    async def let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, unless it calls a tool that needs more than its token has."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
        elif (body := await _read(receive)) is not None:  # None: the client has disconnected
            if refused := self._refusal(scope, body):
                await answer(refused, send)
            else:
                await self.app(scope, _again(body, receive), send)

    def _refusal(self, scope: Scope, body: bytes) -> ProgramResponse | None:
        if len(body) > MOST_BYTES:
            return _TOO_LONG
        try:
            called = tools_called(body)
        except (ValueError, RecursionError):
            # The application may accept JSON that Python's json does not, so such a message must not reach it.
            return _NO_MESSAGE
        asked = ProgramRequest.of(ASGIRequest(scope, None))  # type: ignore[arg-type]
        for wanted in (self.tools[name] for name in called if name in self.tools):
            try:
                check_requirement(scope["bearer"], wanted, "POST", now=timezone.now())
            except Exception as why:
                return refusal(asked, wanted, why)
        return None


def tools_called(body: bytes) -> tuple[str, ...]:
    """
    Return the names of all tools that a message, or a batch of messages, calls.

    Raises:
        ValueError: it is not JSON, or repeats a member, of which the application might use the other value.
        RecursionError: it is nested too deeply.
    """
    said = json.loads(body.decode(), object_pairs_hook=_members)
    found = []
    for message in said if isinstance(said, list) else [said]:
        if isinstance(message, dict) and message.get("method") == "tools/call":
            parameters = message.get("params")
            name = parameters.get("name") if isinstance(parameters, dict) else None
            if isinstance(name, str):
                found.append(name)
    return tuple(found)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member occurs twice")
    return members


async def _read(receive: Receive) -> bytes | None:
    """Read the body of a request, up to a little more than MOST_BYTES; None if the client disconnects."""
    body = bytearray()
    while len(body) <= MOST_BYTES:
        event = await receive()
        if event["type"] == "http.disconnect":
            return None
        body += event.get("body", b"")
        if not event.get("more_body"):
            break
    return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a receive() that yields the body again, and then whatever comes after it."""
    first = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> dict[str, Any]:
        return first.pop() if first else await receive()

    return receive_again
