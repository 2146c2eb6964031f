"""
An ASGI application beside Django, guarded by access tokens (RFC 6750), for instance Starlette or FastMCP.

    mcp = Protect(FastMCP("Orders").http_app(), "orders:read", resource="https://api.example/mcp")

    async def application(scope, receive, send):
        app = mcp if scope["path"].startswith("/mcp") else django
        await app(scope, receive, send)

The application finds the Bearer in scope["bearer"], and its user in scope["user"]. A request without a valid token does
not reach it; the response is the same as that of protect(). CORS preflights carry no token, so CORS middleware goes
around this. mcp.ProtectTools requires more scope for certain tools.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.db import connections
from django.utils import timezone

from ..web.programs import ProgramResponse
from ..web.requests import ProgramRequest
from .requirement import AnyBearer, Requirement, Scopes, admit, refusal, scopes_of

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY_VIOLATION = 1008  # RFC 6455 section 7.4.1


class Protect:
    """
    Guard an application. The other arguments are those of protect().

    HTTP requests and WebSockets are guarded alike. Other events, such as lifespan, pass.
    """

    def __init__(
        self,
        app: Application,
        *required_scope: str | Mapping[str, Scopes],
        allow_clients: bool = False,
        resource: str = "",
        acr: Scopes = (),
        max_age: int | None = None,
    ) -> None:
        self.app = app
        self.wanted = Requirement.of(
            scopes_of(required_scope), allow_clients=allow_clients, resource=resource, acr=acr, max_age=max_age
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        found = await sync_to_async(self._admit)(scope)
        if not isinstance(found, ProgramResponse):
            user = found.user or AnonymousUser()
            await self.let_in({**scope, "bearer": found, "user": user}, receive, send)
        elif scope["type"] == "websocket":
            # Closed before it is accepted, the handshake gets a 403. There is no way to send the reason.
            await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": "no good access token"})
        else:
            await answer(found, send)

    async def let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request with a valid token on to the application."""
        await self.app(scope, receive, send)

    def _admit(self, scope: Scope) -> "AnyBearer | ProgramResponse":
        _give_back_connections()
        # A WebSocket begins as a GET (RFC 6455 section 4.1).
        request = ASGIRequest({**scope, "method": scope.get("method", "GET")}, None)  # type: ignore[arg-type]
        asked = ProgramRequest.of(request)
        try:
            return admit(asked, self.wanted, now=timezone.now())
        except DisallowedHost:
            return ProgramResponse(400)  # as Django does
        except Exception as why:
            return refusal(asked, self.wanted, why)
        finally:
            _give_back_connections()


def _give_back_connections() -> None:
    """Close broken and expired connections, as Django would at the begin and end of its own requests."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:  # otherwise it belongs to another transaction, such as a test's
            connection.close_if_unusable_or_obsolete()


async def answer(response: ProgramResponse, send: Send) -> None:
    """Send a response in place of the application."""
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})
