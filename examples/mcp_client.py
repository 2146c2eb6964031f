"""Client for `make run-mcp`, made with the official SDK: it registers itself, opens a browser, and calls each tool."""

import asyncio
import sys
import webbrowser
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

from httpx2 import AsyncClient
from mcp.client import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken


class Memory:
    """Keeps registration and tokens until the program ends."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class Landing(BaseHTTPRequestHandler):
    """Redirect URI of the client."""

    arrived: dict[str, str] = {}

    def do_GET(self) -> None:
        """Keep the server's response, and send the user back to the terminal."""
        Landing.arrived = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"You can close this page.")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name is the standard library's
        """Log nothing: the request line holds the code."""


async def show(url: str) -> None:
    """Send the user to the authorization server."""
    print(f"\nAllow it in your browser:\n{url}\n", flush=True)
    webbrowser.open(url)


async def main(mcp_url: str) -> None:
    """Connect, and call every tool."""
    with HTTPServer(("127.0.0.1", 0), Landing) as landing:

        async def land() -> AuthorizationCodeResult:
            await asyncio.to_thread(landing.handle_request)
            arrived = Landing.arrived
            return AuthorizationCodeResult(
                code=arrived.get("code", ""), state=arrived.get("state"), iss=arrived.get("iss")
            )

        metadata = OAuthClientMetadata.model_validate(
            {
                "client_name": "Example client",
                "redirect_uris": [f"http://127.0.0.1:{landing.server_port}/callback"],
                "token_endpoint_auth_method": "none",
            }
        )
        auth = OAuthClientProvider(mcp_url, metadata, Memory(), redirect_handler=show, callback_handler=land)
        async with (
            AsyncClient(auth=auth, timeout=300) as http,
            Client(streamable_http_client(mcp_url, http_client=http)) as client,
        ):
            for name, arguments in (("list_prescriptions", {}), ("order_refill", {"number": "1"})):
                result = await client.call_tool(name, arguments)
                print(f"{name}: {result.structured_content}", flush=True)
            read = await client.read_resource("prescriptions://1")
            print(f"prescriptions://1: {read.contents[0].text}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:5010/mcp"))
