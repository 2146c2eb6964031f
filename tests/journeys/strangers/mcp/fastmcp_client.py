"""
An MCP client made with FastMCP as in its documentation: it registers itself, and opens a browser.

It runs in a virtual environment of its own. Messages are one JSON object a line, in both directions.
"""

import asyncio
import json
import sys
from typing import Any

from fastmcp import Client
from fastmcp.client.auth import OAuth


async def main() -> None:
    """Connect, and make the calls that the test asks for."""
    told = json.loads(sys.stdin.readline())
    auth = OAuth(
        client_name="Stranger",
        client_id=told.get("client_id"),
        client_secret=told.get("client_secret"),
        client_metadata_url=told.get("metadata_url"),
        callback_port=told.get("port"),
    )
    async with Client(told["url"], auth=auth) as client:
        while line := await asyncio.to_thread(sys.stdin.readline):
            command: dict[str, Any] = json.loads(line)
            result = await client.call_tool(command["call"], command["arguments"])
            print(json.dumps({"result": json.loads(result.content[0].text)}), flush=True)


asyncio.run(main())
