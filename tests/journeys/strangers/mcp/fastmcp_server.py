"""
An MCP server made with FastMCP as in its documentation: it introspects tokens at the authorization server, or verifies
JWTs.

It runs in a virtual environment of its own, without this package. Its settings are in the environment.
"""

import os

from fastmcp import FastMCP
from fastmcp.server.auth import RemoteAuthProvider
from fastmcp.server.auth.providers.introspection import IntrospectionTokenVerifier
from fastmcp.server.auth.providers.jwt import JWTVerifier
from fastmcp.server.dependencies import get_access_token
from pydantic import AnyHttpUrl, ConfigDict, TypeAdapter

ISSUER, PORT = os.environ["ISSUER"], int(os.environ["PORT"])
RESOURCE = f"http://127.0.0.1:{PORT}/mcp"
if os.environ["VERIFIES"] == "jwt":
    verifier = JWTVerifier(jwks_uri=f"{ISSUER}/jwks/", issuer=ISSUER, audience=RESOURCE, required_scopes=["notes:read"])
else:
    verifier = IntrospectionTokenVerifier(
        introspection_url=f"{ISSUER}/introspect/",
        client_id=os.environ["CLIENT_ID"],
        client_secret=os.environ["CLIENT_SECRET"],
        audience=RESOURCE,
        required_scopes=["notes:read"],
    )
# AnyHttpUrl(ISSUER) would append a slash to an issuer without a path, and clients compare it with the metadata as text.
issuer = TypeAdapter(AnyHttpUrl, config=ConfigDict(url_preserve_empty_path=True)).validate_python(ISSUER)
server = FastMCP("Notes", auth=RemoteAuthProvider(verifier, [issuer], f"http://127.0.0.1:{PORT}"))


@server.tool
def who() -> dict[str, object]:
    """Return what the server knows about the user."""
    token = get_access_token()
    assert token
    return {"client_id": token.client_id, "scopes": token.scopes, "sub": token.claims["sub"]}


server.run("http", host="127.0.0.1", port=PORT)
