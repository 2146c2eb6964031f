"""
An MCP client made with the official Python SDK as in its documentation; it runs in a virtual environment of its own.

Messages are one JSON object a line, in both directions: it prints the URL for the user, and reads the browser's
redirect.
"""

import asyncio
import json
import sys
from typing import Any
from urllib.parse import parse_qs, urlsplit

from httpx2 import AsyncClient
from mcp.client import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken


async def hear() -> dict[str, Any]:
    """Read the test's next message."""
    members: dict[str, Any] = json.loads(await asyncio.to_thread(sys.stdin.readline))
    return members


def say(**members: object) -> None:
    """Send the test a message."""
    print(json.dumps(members), flush=True)


class Memory:
    """Keeps registration and tokens until the program ends."""

    def __init__(self, client: OAuthClientInformationFull | None) -> None:
        self.client = client
        self.tokens: OAuthToken | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


async def visit(url: str) -> None:
    """Send the user to the authorization server."""
    say(visit=url)


async def arrive() -> AuthorizationCodeResult:
    """Wait for the browser's redirect."""
    query = parse_qs(urlsplit((await hear())["arrived"]).query)
    code, state, iss = (query.get(name, [""])[0] for name in ("code", "state", "iss"))
    return AuthorizationCodeResult(code=code, state=state, iss=iss)


async def main() -> None:
    """Connect, and make the calls that the test asks for."""
    told = await hear()
    metadata = OAuthClientMetadata.model_validate(told["metadata"])
    known = told.get("client")
    memory = Memory(OAuthClientInformationFull.model_validate({**told["metadata"], **known}) if known else None)
    auth = OAuthClientProvider(
        told["url"],
        metadata,
        memory,
        redirect_handler=visit,
        callback_handler=arrive,
        client_metadata_url=told.get("metadata_url"),
    )
    async with AsyncClient(auth=auth, timeout=60) as http:
        while command := await hear():
            try:
                async with Client(streamable_http_client(told["url"], http_client=http)) as client:
                    result = await client.call_tool(command["call"], command["arguments"])
                tokens = memory.tokens
                assert tokens
                parts = [json.loads(part.text) for part in result.content]
                say(result=parts[0] if parts else None, scope=tokens.scope, token=tokens.access_token)
            except Exception as refusal:
                say(refused="; ".join(causes(refusal)))


def causes(refusal: BaseException) -> list[str]:
    """Failures within the exception groups of anyio."""
    if isinstance(refusal, BaseExceptionGroup):
        return [cause for each in refusal.exceptions for cause in causes(each)]
    return [f"{type(refusal).__name__}: {refusal}"]


asyncio.run(main())
