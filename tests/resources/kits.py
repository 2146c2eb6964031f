"""The same four APIs, written with each framework, so that their responses can be compared."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from asgiref.sync import async_to_sync
from django.http import HttpRequest, JsonResponse
from django.test import Client as Browser
from django.urls import URLPattern, include, path
from django.views import View
from ninja import NinjaAPI
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from oauth_service.protect import ProtectedMixin, protect
from oauth_service.resources.asgi import Protect
from oauth_service.resources.drf import OAuth2Authentication, TokenHasScope
from oauth_service.resources.ninja import OAuth2, answer_refusals

NOTES = "http://testserver/notes"
OTHER = "http://testserver/other"

# The requirements of each API, as protect() takes them.
APIS: dict[str, dict[str, Any]] = {
    "plain": {"scopes": "profile"},
    "notes": {"scopes": {"GET": "notes:read", "POST": "notes:read notes:write"}, "resource": NOTES},
    "strong": {"scopes": "profile", "acr": "gold", "max_age": 300},
    "clients": {"scopes": "", "allow_clients": True},
}


def told(bearer: Any, user: Any) -> dict[str, Any]:
    """Return the facts that a view finds."""
    return {"client_id": bearer.client_id, "user": user.get_username(), "scope": sorted(bearer.scope)}


def asked(api: str) -> tuple[Any, dict[str, Any]]:
    """Return the scopes of an API, and its other arguments."""
    said = dict(APIS[api])
    return said.pop("scopes"), said


def function(api: str) -> Any:
    """Return a plain function as a view."""
    scopes, said = asked(api)

    @protect(scopes, **said)
    def view(request: HttpRequest) -> JsonResponse:
        return JsonResponse(told(getattr(request, "bearer", None), request.user))

    return view


def coroutine(api: str) -> Any:
    """Return a coroutine function as a view."""
    scopes, said = asked(api)

    @protect(scopes, **said)
    async def view(request: HttpRequest) -> JsonResponse:
        return JsonResponse(told(getattr(request, "bearer", None), await request.auser()))

    return view


def class_based(api: str) -> Any:
    """Return a class-based view of Django."""
    scopes, said = asked(api)

    class Guarded(ProtectedMixin, View):
        required_scope = scopes

        def get(self, request: HttpRequest) -> JsonResponse:
            return JsonResponse(told(getattr(request, "bearer", None), request.user))

        post = delete = get

    return Guarded.as_view(**said)


def rest(api: str) -> Any:
    """Return a view of Django REST framework."""
    scopes, said = asked(api)

    class Guarded(APIView):
        authentication_classes = [OAuth2Authentication]
        permission_classes = [TokenHasScope]

        def get(self, request: Request) -> Response:
            return Response(told(request.auth, request.user))

        post = delete = get

    return type("Guarded", (Guarded,), {"required_scopes": scopes, **said}).as_view()  # type: ignore[attr-defined]


def rest_router(api: str) -> URLPattern:
    """Return the URL of a view set's action with scopes of its own."""
    scopes, said = asked(api)

    class Guarded(ViewSet):
        authentication_classes = [OAuth2Authentication]
        permission_classes = [TokenHasScope]
        required_scopes = "nobody has this"
        allow_clients, resource, acr, max_age = False, "", "", None

        @action(detail=False, methods=["GET", "POST", "DELETE"], required_scopes=scopes, **said)
        def act(self, request: Request) -> Response:
            return Response(told(request.auth, request.user))

    router = SimpleRouter(use_regex_path=False)
    router.register(api, Guarded, basename=f"kit-{api}")
    return path("", include(router.urls))  # type: ignore[return-value]


sync_api = answer_refusals(NinjaAPI(urls_namespace="kits", docs_url=None, openapi_url=None))
async_api = answer_refusals(NinjaAPI(urls_namespace="async-kits", docs_url=None, openapi_url=None))
careless_api = NinjaAPI(urls_namespace="careless", docs_url=None, openapi_url=None, auth=OAuth2("profile"))
METHODS = ["GET", "POST", "DELETE", "HEAD", "OPTIONS"]


@careless_api.get("/")
def careless(request: HttpRequest) -> dict[str, Any]:
    """Serve an API without answer_refusals()."""
    return {}


def ninja(api: str) -> None:
    """Add an operation of django-ninja, and an async one."""
    scopes, said = asked(api)

    @sync_api.api_operation(METHODS, f"/{api}/", auth=OAuth2(scopes, **said))
    def operation(request: Any) -> dict[str, Any]:
        return told(request.auth, request.user)

    @async_api.api_operation(METHODS, f"/{api}/", auth=OAuth2(scopes, **said))
    async def async_operation(request: Any) -> dict[str, Any]:
        return told(request.auth, await request.auser())


async def bare_app(scope: Any, receive: Any, send: Any) -> None:
    """Serve as an ASGI application that knows neither Django nor tokens."""
    body = json.dumps(told(scope["bearer"], scope["user"])).encode()
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def asgi(api: str) -> Protect:
    """Return that application behind the middleware."""
    scopes, said = asked(api)
    return Protect(bare_app, scopes, **said)


ASGI = {api: asgi(api) for api in APIS}
for each in APIS:
    ninja(each)

urlpatterns = [
    path("", include("oauth_service.urls")),
    *(path(f"function/{api}/", function(api)) for api in APIS),
    *(path(f"coroutine/{api}/", coroutine(api)) for api in APIS),
    *(path(f"class/{api}/", class_based(api)) for api in APIS),
    *(path(f"rest/{api}/", rest(api)) for api in APIS),
    path("router/", include([rest_router(api) for api in APIS])),
    path("ninja/", sync_api.urls),
    path("async-ninja/", async_api.urls),
    path("careless/", careless_api.urls),
]


@dataclass(frozen=True)
class Answer:
    """A response, in the same form for every framework."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """Return the members of the body."""
        members: dict[str, Any] = json.loads(self.body)
        return members


def by_url(pattern: str) -> Callable[..., Answer]:
    """Return a function that sends requests to a view that Django serves."""

    def ask(api: str, method: str = "GET", authorization: str = "") -> Answer:
        headers = {"Authorization": authorization} if authorization else {}
        answer: Any = Browser(enforce_csrf_checks=True).generic(method, pattern.format(api), headers=headers)
        return Answer(answer.status_code, {name.lower(): value for name, value in answer.items()}, answer.content)

    return ask


def by_asgi(api: str, method: str = "GET", authorization: str = "") -> Answer:
    """Send a request to a mounted application."""
    headers = [(b"host", b"testserver")]
    headers += [(b"authorization", authorization.encode())] if authorization else []
    scope = {
        "type": "http",
        "method": method,
        "path": "/mounted/",
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "scheme": "http",
    }
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async_to_sync(ASGI[api])(scope, receive, send)
    start, *parts = sent
    named = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], named, b"".join(each["body"] for each in parts))


KITS: dict[str, Callable[..., Answer]] = {
    "function": by_url("/function/{}/"),
    "coroutine": by_url("/coroutine/{}/"),
    "class": by_url("/class/{}/"),
    "rest": by_url("/rest/{}/"),
    "router": by_url("/router/{}/act/"),
    "ninja": by_url("/ninja/{}/"),
    "async ninja": by_url("/async-ninja/{}/"),
    "asgi": by_asgi,
}
