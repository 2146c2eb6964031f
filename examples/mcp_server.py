"""
An MCP server with prescriptions as tools and resources, made with the official SDK: an ASGI application beside Django.
"""

import os
from typing import Any

from django.core.asgi import get_asgi_application
from mcp.server import MCPServer
from mcp.server.mcpserver import Context

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "examples.settings")
django = get_asgi_application()  # answers /.well-known/oauth-protected-resource/mcp

from examples import prescriptions
from oauth_service.resources.mcp import ProtectTools

server = MCPServer("Prescriptions", instructions="What somebody has been prescribed, and ordering it again.")


def person(ctx: Context) -> str:
    """Subject of the request's token, which is the user's id at the authorization server."""
    subject: str = ctx.request_context.request.scope["bearer"].subject
    return subject


@server.tool()
def list_prescriptions(ctx: Context) -> list[dict[str, Any]]:
    """List the person's prescriptions."""
    return prescriptions.prescriptions_of(person(ctx))


@server.tool()
def order_refill(number: str, ctx: Context) -> dict[str, Any]:
    """Order a prescription again, by its number."""
    return prescriptions.order(person(ctx), number)


@server.resource("prescriptions://{number}")
def prescription(number: str, ctx: Context) -> dict[str, Any]:
    """A prescription, by its number."""
    return prescriptions.prescription_of(person(ctx), number)


guarded = ProtectTools(
    # Stateless: each message is handled for the user of the token it brings.
    server.streamable_http_app(stateless_http=True, json_response=True),
    "prescriptions:read",
    tools={"order_refill": "prescriptions:order"},
)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """The MCP server at /mcp, and Django elsewhere."""
    is_mcp = scope["type"] == "lifespan" or scope["path"] == "/mcp"
    await (guarded if is_mcp else django)(scope, receive, send)
