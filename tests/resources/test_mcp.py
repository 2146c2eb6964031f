"""ProtectTools: a call of a tool needs the scope of that tool, however the message is written."""

import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from oauth_service.models import Resource
from oauth_service.resources import mcp
from oauth_service.resources.mcp import ProtectTools
from tests.guide import Guide
from tests.resources.kits import Answer

pytestmark = pytest.mark.django_db

API = "https://api.example/mcp"
READ = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list_orders"}}
CANCEL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "cancel_order", "arguments": {}}}
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


@pytest.fixture
def orders(guide: Guide) -> Guide:
    """The API, and a client that may have all its scopes."""
    scopes = "orders:read See your orders\norders:write Change your orders"
    Resource.objects.create(identifier=API, name="Orders", scopes=scopes, is_for_all=True)
    guide.client.scope += " orders:read orders:write"
    guide.client.save()
    return guide


def token(guide: Guide, scope: str) -> str:
    """Return an access token of Alice's for the API."""
    return str(guide.tokens(scope=scope, resource=API)["access_token"])


async def echo(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Respond as an MCP server with the message that it received."""
    body, more = b"", scope["method"] == "POST"
    while more:
        event = await receive()
        body, more = body + event["body"], event["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def ask(token: str, *parts: bytes, method: str = "POST", leaves: bool = False) -> Answer:
    """
    Send a request and return the response.

    Args:
        parts: the pieces of its body, in order.
        leaves: disconnect after the last piece.
    """
    guarded = ProtectTools(echo, "orders:read", tools={"cancel_order": "orders:write"}, resource=API)
    headers = [(b"host", b"localhost:8000"), (b"authorization", f"Bearer {token}".encode())]
    scope = {
        "type": "http",
        "method": method,
        "path": "/mcp",
        "query_string": b"",
        "headers": headers,
        "scheme": "http",
    }
    events: list[dict[str, Any]] = [
        {"type": "http.request", "body": part, "more_body": leaves or number < len(parts)}
        for number, part in enumerate(parts, start=1)
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return events.pop(0) if events else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async_to_sync(guarded)({**scope, "client": ("127.0.0.1", 1)}, receive, send)
    if not sent:
        return Answer(0, {}, b"")
    start, *bodies = sent
    named = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], named, b"".join(each["body"] for each in bodies))


def test_a_tool_asks_for_its_scope_beside_the_servers(orders: Guide) -> None:
    """
    The challenge names the whole scope that the call needs and the metadata, so that the client can ask the user for
    it.
    """
    answer = ask(token(orders, "orders:read"), json.dumps(CANCEL).encode())
    assert (answer.status, answer.json()["error"]) == (403, "insufficient_scope")
    challenge = answer.headers["www-authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert 'scope="orders:read orders:write"' in challenge
    assert 'resource_metadata="https://api.example/.well-known/oauth-protected-resource/mcp"' in challenge


@pytest.mark.parametrize("message", [READ, LIST, [READ, LIST], "hello", 7, None, [[CANCEL]], {"method": "tools/call"}])
def test_all_else_asks_for_the_servers_scope_alone(orders: Guide, message: Any) -> None:
    """Messages that call no tool are left to the application."""
    body = json.dumps(message).encode()
    assert (ask(token(orders, "orders:read"), body).status, ask("AT_nonsense", body).status) == (200, 401)


def test_a_call_with_enough_scope_arrives_as_it_was_sent(orders: Guide) -> None:
    """The body arrives unchanged even if it came in pieces and the middleware has read it."""
    body = json.dumps(CANCEL).encode()
    answer = ask(token(orders, "orders:read orders:write"), body[:10], b"", body[10:])
    assert (answer.status, answer.body) == (200, body)


@pytest.mark.parametrize(
    "body",
    [
        json.dumps([LIST, CANCEL]).encode(),
        json.dumps(CANCEL).replace("tools/call", "tools\\/call").encode(),
        json.dumps(CANCEL).replace("cancel_order", "c\\u0061ncel_order").encode(),
        b" \n" + json.dumps(CANCEL, indent=2).encode(),
    ],
)
def test_no_way_of_writing_a_call_asks_for_less(orders: Guide, body: bytes) -> None:
    """Batches, escapes and white space do not hide a call."""
    assert ask(token(orders, "orders:read"), body).status == 403


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(CANCEL).replace('"name":', '"name": "cancel_order", "name":').encode(),
        json.dumps(CANCEL)[:-1].encode() + b', "params": {"name": "list_orders"}}',
        json.dumps(CANCEL).encode("utf-16"),
        json.dumps(CANCEL)[:-1].encode() + b', "much": ' + b"1" * 5000 + b"}",
        b"\xff" + json.dumps(CANCEL).encode(),
        b"[" * 100_000,
        b"",
    ],
)
def test_ambiguous_json_does_not_reach_the_application(orders: Guide, body: bytes) -> None:
    """
    Repeated members, other encodings and numbers that Python does not accept might mean something else to the
    application.
    """
    answer = ask(token(orders, "orders:read orders:write"), body)
    assert (answer.status, answer.json()["error"]["code"]) == (400, -32700)


def test_a_message_is_bounded(orders: Guide) -> None:
    """The middleware reads the whole message before the application sees it."""
    part = b" " * (mcp.MOST_BYTES // 2 + 1)
    assert ask(token(orders, "orders:read"), part, part, part).status == 413


def test_a_client_that_hangs_up_is_not_answered(orders: Guide) -> None:
    """Half a message must not reach the application."""
    assert ask(token(orders, "orders:read"), json.dumps(READ).encode(), leaves=True).status == 0


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_other_methods_have_no_message(orders: Guide, method: str) -> None:
    """The stream of a session and its end have no body."""
    assert ask(token(orders, "orders:read"), method=method).status == 200
    assert ask("AT_nonsense", method=method).status == 401


def test_a_body_is_read_for_a_good_token_alone(orders: Guide) -> None:
    """Requests without a valid token must not fill this process's memory."""
    assert ask("AT_nonsense", b" " * (mcp.MOST_BYTES + 1)).status == 401
