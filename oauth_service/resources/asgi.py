"""
An ASGI application beside Django, guarded by access tokens (RFC 6750): Starlette, FastMCP, or any other that is mounted.

    mcp = Protect(FastMCP("Orders").http_app(), "orders:read", resource="https://api.example/mcp")

    async def application(scope, receive, send):
        app = mcp if scope["path"].startswith("/mcp") else django
        await app(scope, receive, send)

The application finds the Bearer in scope["bearer"], and its user in scope["user"]. A request without a good token does not
reach it, and is answered as by protect(). A preflight of CORS carries no token: let what answers those stand around this.
mcp.ProtectTools asks for more scope by the tool that is called.
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
    The application, guarded; the other arguments are those of protect().

    Requests and WebSockets are guarded alike; what belongs to no request, such as lifespan, passes.
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
            # Before it is accepted, this is answered 403; there is no other way to say why.
            await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": "no good access token"})
        else:
            await answer(found, send)

    async def let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request with a good token on."""
        await self.app(scope, receive, send)

    def _admit(self, scope: Scope) -> "AnyBearer | ProgramResponse":
        _give_back_connections()
        # A WebSocket begins as a GET (RFC 6455 section 4.1).
        request = ASGIRequest({**scope, "method": scope.get("method", "GET")}, None)  # type: ignore[arg-type]
        asked = ProgramRequest.of(request)
        try:
            return admit(asked, self.wanted, now=timezone.now())
        except DisallowedHost:
            return ProgramResponse(400)  # as Django answers it
        except Exception as why:
            return refusal(asked, self.wanted, why)
        finally:
            _give_back_connections()


def _give_back_connections() -> None:
    """Close what is broken or too old, as no request of Django's begins or ends here that would."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:  # somebody else's transaction, such as a test's
            connection.close_if_unusable_or_obsolete()


async def answer(response: ProgramResponse, send: Send) -> None:
    """Answer a request instead of the application."""
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})
