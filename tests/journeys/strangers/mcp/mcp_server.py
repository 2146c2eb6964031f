"""
An MCP server made with the official Python SDK and guarded by the SDK's own middleware, which introspects tokens.

It runs in a virtual environment of its own, without this package. Its settings are in the environment.
"""

import os
from typing import Any

from httpx2 import AsyncClient
from mcp.server import MCPServer
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken, TokenVerifier
from mcp.server.auth.settings import AuthSettings

ISSUER, PORT = os.environ["ISSUER"], int(os.environ["PORT"])
RESOURCE = f"http://127.0.0.1:{PORT}/mcp"


class Introspection(TokenVerifier):
    """Introspects tokens at the issuing server, as the SDK's example does."""

    async def verify_token(self, token: str) -> AccessToken | None:
        """Data of a valid token, or None."""
        async with AsyncClient(auth=(os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"])) as http:
            answer = (await http.post(f"{ISSUER}/introspect/", data={"token": token})).json()
        if not answer["active"]:
            return None
        audience: Any = answer.get("aud", "")
        return AccessToken(
            token=token,
            client_id=answer["client_id"],
            scopes=answer["scope"].split(),
            expires_at=answer["exp"],
            resource=audience if isinstance(audience, str) else audience[0],
            subject=answer["sub"],
        )


server = MCPServer(
    "Notes",
    token_verifier=Introspection(),
    auth=AuthSettings.model_validate(
        {
            "issuer_url": ISSUER,
            "resource_server_url": RESOURCE,
            "required_scopes": ["notes:read"],
            "validate_token_resource": True,
        }
    ),
)


@server.tool()
def who() -> dict[str, Any]:
    """Return what the server knows about the user."""
    token = get_access_token()
    assert token
    return {"client_id": token.client_id, "scopes": token.scopes, "sub": token.subject}


server.run("streamable-http", host="127.0.0.1", port=PORT, stateless_http=True, json_response=True)
