"""The MCP server of the examples, which also wants a sign-in within the last minute (RFC 9470)."""

from typing import Any

from examples.mcp_server import django, server
from oauth_service.resources.asgi import Protect

guarded = Protect(server.streamable_http_app(stateless_http=True, json_response=True), "prescriptions:read", max_age=60)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """The example's application with that guard."""
    is_mcp = scope["type"] == "lifespan" or scope["path"] == "/mcp"
    await (guarded if is_mcp else django)(scope, receive, send)
