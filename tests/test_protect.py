"""protect: any Django view behind an access token, whether sync or async, function or class."""

import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, ProgrammingError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import AsyncClient
from django.test import Client as Browser
from django.urls import include, path
from django.views import View
from pytest_django import Settings
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSetMixin

from oauth_service.models import Client, Grant
from oauth_service.protect import Bearer
from oauth_service.resources.protect import ProtectedMixin, ProtectedRequest, protect
from oauth_service.resources.requirement import scopes_asked_without_resource
from tests.guide import FORM, Guide
from tests.test_unavailable import failing

pytestmark = pytest.mark.urls("tests.test_protect")


def report(request: HttpRequest, **arguments: Any) -> JsonResponse:
    """Return the facts that a host project's view finds on its request."""
    assert hasattr(request, "bearer")
    bearer: Bearer = request.bearer
    assert request.user.is_authenticated
    return JsonResponse(
        {
            "user": request.user.username,
            "client_id": bearer.client_id,
            "scope": sorted(bearer.scope),
            "grant_id": str(bearer.grant_id),
            "expires_at": bearer.expires_at.isoformat(),
            **arguments,
        }
    )


@protect("profile")
def avatar(request: ProtectedRequest, size: int = 0) -> HttpResponse:
    """A host project's function."""
    return report(request, size=size)


@protect("profile")
async def async_avatar(request: ProtectedRequest, size: int = 0) -> HttpResponse:
    """A host project's coroutine function."""
    user = await request.auser()
    return report(request, size=size, auser=user.get_username())


@protect()
def anything(request: ProtectedRequest) -> HttpResponse:
    """A view that accepts any valid token."""
    return report(request)


@protect("user", "profile")
def everything(request: ProtectedRequest) -> HttpResponse:
    """A view that needs two scopes."""
    return report(request)


class Avatar(ProtectedMixin, View):
    """A host project's class."""

    required_scope = "profile"
    size = 0

    def get(self, request: ProtectedRequest) -> HttpResponse:
        return report(request, size=self.size)

    def post(self, request: ProtectedRequest) -> HttpResponse:
        return report(request, size=self.size)


class AsyncAvatar(ProtectedMixin, View):
    """A host project's async class."""

    required_scope = "user profile"

    async def get(self, request: ProtectedRequest) -> HttpResponse:
        return report(request)


class Anything(ProtectedMixin, View):
    """A view class that accepts any valid token."""

    required_scope = ""

    def get(self, request: ProtectedRequest) -> HttpResponse:
        return report(request)


urlpatterns = [
    path("", include("oauth_service.urls")),
    path("avatar/<int:size>/", avatar),
    path("async-avatar/<int:size>/", async_avatar),
    path("anything/", anything),
    path("everything/", everything),
    path("class/", Avatar.as_view(size=64)),
    path("async-class/", AsyncAvatar.as_view()),
    path("class-anything/", Anything.as_view()),
    path("class-with-scope/", Anything.as_view(required_scope="profile")),
]

ALL = ["/avatar/32/", "/async-avatar/32/", "/everything/", "/class/", "/async-class/"]


def bearing(token: str) -> dict[str, str]:
    """Return the header of a request with a token."""
    return {"Authorization": f"Bearer {token}"}


def test_a_class_that_does_not_say_its_scope_guards_nothing() -> None:
    """A misspelt attribute must not open the view to every token."""

    class Misspelt(ProtectedMixin, View):
        scope = "profile"

    with pytest.raises(ImproperlyConfigured, match="Misspelt has no required_scope"):
        Misspelt.as_view()


def test_a_mixin_behind_the_view_is_refused() -> None:
    """Django's View would answer first and without a token: the class must not be built."""
    with pytest.raises(ImproperlyConfigured, match=r"class Open\(ProtectedMixin, View\)"):
        type("Open", (View, ProtectedMixin), {"required_scope": "profile"})


def test_a_mixin_behind_a_viewset_is_refused() -> None:
    """The as_view() of a ViewSet never calls the one of the mixin, although Django's View comes after it."""
    with pytest.raises(ImproperlyConfigured, match=r"class Open\(ProtectedMixin, ViewSetMixin\)"):
        type("Open", (ViewSetMixin, ProtectedMixin, APIView), {"required_scope": "profile"})


def test_a_mixin_before_the_view_may_have_other_bases() -> None:
    """Only the order of the classes that have an as_view() decides."""

    class Audited:
        pass

    class Protected(ProtectedMixin, View):
        required_scope = "profile"

    class Several(Audited, Protected):
        pass

    assert Several.as_view()


@pytest.mark.parametrize("scope", [lambda request: None, ["profile"], None])
def test_a_scope_that_is_no_string_is_refused(scope: Any) -> None:
    """A forgotten pair of brackets, or a list, must not open the view to every token."""
    with pytest.raises(ImproperlyConfigured, match=r'protect\("profile"\)'):
        protect(scope)


def test_a_class_with_a_list_of_scopes_is_refused() -> None:
    """Django REST framework has lists of scopes; here a list must not stand for no scope at all."""

    class Listed(ProtectedMixin, View):
        required_scope = ["profile"]  # type: ignore[assignment]

    with pytest.raises(ImproperlyConfigured, match="as strings"):
        Listed.as_view()


def test_what_views_ask_for_is_known() -> None:
    """A system check compares these scopes with those of the setting."""
    protect("user", "profile")(lambda request: None)
    assert scopes_asked_without_resource() == {"user", "profile"}


@pytest.mark.parametrize("url", [*ALL, "/anything/", "/class-anything/"])
def test_a_good_token_opens_the_view_for_its_user(guide: Guide, url: str) -> None:
    """The view finds the user, the client and the connection on its request."""
    response = guide.server.get(url, headers=bearing(guide.tokens()["access_token"]))
    said = response.json()
    assert (said["user"], said["client_id"], said["scope"]) == ("alice", "presc_man_123", ["profile", "user"])
    assert said["grant_id"] == str(Grant.objects.get().pk)
    assert said["expires_at"].endswith("+00:00")


@pytest.mark.parametrize(("url", "size"), [("/avatar/32/", 32), ("/async-avatar/32/", 32), ("/class/", 64)])
def test_the_views_own_arguments_arrive(guide: Guide, url: str, size: int) -> None:
    """The guard must pass on the arguments of the URL and of as_view()."""
    assert guide.server.get(url, headers=bearing(guide.tokens()["access_token"])).json()["size"] == size


@pytest.mark.parametrize("url", [*ALL, "/anything/", "/class-anything/"])
def test_without_a_token_the_view_is_not_called(guide: Guide, url: str) -> None:
    """The challenge of the 401 names no error, because nothing was wrong yet (RFC 6750 section 3.1)."""
    response = guide.server.get(url)
    assert (response.status_code, response["WWW-Authenticate"]) == (401, 'Bearer realm="oauth_service"')
    assert response["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("url", ["/avatar/32/", "/async-avatar/32/", "/class/"])
@pytest.mark.parametrize(
    ("authorization", "status", "error"),
    [
        ("Bearer AT_nonsense", 401, "invalid_token"),
        ("Bearer", 400, "invalid_request"),
        ("Bearer a b", 400, "invalid_request"),
        ("Basic YTpi", 401, None),
    ],
)
def test_a_bad_token_is_told_what_is_wrong(
    guide: Guide, url: str, authorization: str, status: int, error: str | None
) -> None:
    """Clients get the same response from every kind of view."""
    response = guide.server.get(url, headers={"Authorization": authorization})
    assert (response.status_code, response.json().get("error")) == (status, error)
    assert ("error=" in response["WWW-Authenticate"]) == bool(error)


@pytest.mark.parametrize("url", ["/avatar/32/", "/async-avatar/32/", "/class/"])
def test_no_refusal_is_taken_for_another_type(guide: Guide, settings: Settings, url: str) -> None:
    """A host project may lack Django's SecurityMiddleware. Failures need the header, too."""
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.endswith(".SecurityMiddleware")]
    headers = bearing(guide.tokens(scope="user")["access_token"])
    answers = [guide.server.get(url), guide.server.get(url, headers=headers)]
    with failing(ProgrammingError("no such table")):
        answers.append(guide.server.get(url, headers=headers))
    assert [(answer.status_code, answer.headers.get("X-Content-Type-Options")) for answer in answers] == [
        (401, "nosniff"),
        (403, "nosniff"),
        (500, "nosniff"),
    ]


@pytest.mark.parametrize(("url", "scope"), [(ALL[0], "profile"), (ALL[1], "profile"), (ALL[2], "user profile")])
def test_too_little_scope_is_told_what_is_needed(guide: Guide, url: str, scope: str) -> None:
    """The 403 names the scope that the client has to request (RFC 6750 section 3)."""
    response = guide.server.get(url, headers=bearing(guide.tokens(scope="user")["access_token"]))
    assert (response.status_code, response.json()["error"]) == (403, "insufficient_scope")
    assert response["WWW-Authenticate"].endswith(f'scope="{scope}"')


def test_a_scope_that_a_url_names_is_asked_for(guide: Guide) -> None:
    """as_view() takes attributes of a Django view. Accepting one without applying it would open the view."""
    answers = [
        guide.server.get("/class-with-scope/", headers=bearing(guide.tokens(scope=scope)["access_token"]))
        for scope in ("user", "profile")
    ]
    assert [answer.status_code for answer in answers] == [403, 200]


@pytest.mark.parametrize("url", ["/avatar/32/", "/async-avatar/32/", "/class/"])
def test_a_database_that_is_away_is_a_503(guide: Guide, url: str) -> None:
    """The client comes back, as at our own endpoints, instead of discarding its token."""
    access_token = guide.tokens()["access_token"]
    with failing(OperationalError("connection refused")):
        response = guide.server.get(url, headers=bearing(access_token))
    assert (response.status_code, response["Retry-After"]) == (503, "2")
    assert response.json()["error"] == "temporarily_unavailable"


@pytest.mark.parametrize("url", ["/avatar/32/", "/async-avatar/32/"])
def test_a_failure_shows_no_token(guide: Guide, settings: Settings, caplog: pytest.LogCaptureFixture, url: str) -> None:
    """Django's debug page and error mails would show local variables with the token in them."""
    settings.DEBUG = True
    access_token = guide.tokens()["access_token"]
    with failing(ProgrammingError("no such table")):
        response = guide.server.get(url, headers=bearing(access_token))
    assert (response.status_code, response.json()["error"]) == (500, "server_error")
    assert access_token not in response.content.decode() + caplog.text


@pytest.mark.parametrize("url", ["/anything/", "/class-anything/"])
def test_without_a_scope_named_any_good_token_will_do(guide: Guide, url: str) -> None:
    """Even a token whose whole scope was taken from its client proves its user."""
    access_token = guide.tokens(scope="user")["access_token"]
    Client.objects.update(scope="calendar")
    response = guide.server.get(url, headers=bearing(access_token))
    assert (response.status_code, response.json()["scope"]) == (200, [])


@pytest.mark.parametrize("url", ["/avatar/32/", "/async-avatar/32/"])
@pytest.mark.parametrize("name", ["access_token", "access%5Ftoken"])
def test_a_token_in_the_url_is_refused(guide: Guide, url: str, name: str) -> None:
    """The URL is in somebody's log now, so the request is refused even with a valid token in the header."""
    token = guide.tokens()["access_token"]
    response = guide.server.get(f"{url}?{name}={token}", headers=bearing(token))
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("query", ["a=%FF", "a=%00", "a=1&" * 101])
def test_a_url_that_cannot_be_read_is_refused(guide: Guide, query: str) -> None:
    """A token might be hidden in it."""
    response = guide.server.get("/avatar/32/", headers=bearing(guide.tokens()["access_token"]), QUERY_STRING=query)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("url", ["/class/"])
def test_it_needs_no_csrf_token(browser: Browser, guide: Guide, url: str) -> None:
    """No cookie authenticates the request, so no other page can misuse one."""
    tokens = guide.tokens()
    response = browser.post(url, "", content_type=FORM, headers=bearing(tokens["access_token"]))
    assert response.status_code == 200


@pytest.mark.parametrize("url", ["/avatar/32/", "/async-avatar/32/", "/class/"])
def test_a_session_opens_nothing(alices: Browser, url: str) -> None:
    """Otherwise another site's page could use Alice's session."""
    assert alices.get(url).status_code == 401


@pytest.mark.parametrize("url", ["/avatar/32/", "/async-avatar/32/"])
def test_the_user_of_the_token_replaces_the_user_of_the_session(guide: Guide, url: str) -> None:
    """request.user and, in async views, request.auser() must both be the token's user."""
    guide.server.force_login(User.objects.create_user("dinah"))
    said = guide.server.get(url, headers=bearing(guide.tokens()["access_token"])).json()
    assert {said["user"], said.get("auser", "alice")} == {"alice"}


def test_an_async_view_stays_one(guide: Guide) -> None:
    """Django runs the view in the event loop. The response is the same over ASGI and WSGI."""
    assert iscoroutinefunction(async_avatar)
    assert iscoroutinefunction(AsyncAvatar.as_view())
    assert not iscoroutinefunction(avatar)
    access_token = guide.tokens()["access_token"]

    async def ask() -> tuple[int, dict[str, Any], int]:
        client = AsyncClient()
        good = await client.get("/async-avatar/32/", headers=bearing(access_token))
        return good.status_code, json.loads(good.content), (await client.get("/async-avatar/32/")).status_code

    status, said, refused = async_to_sync(ask)()
    assert (status, said["user"], said["auser"], refused) == (200, "alice", "alice", 401)


@pytest.mark.parametrize("view", [avatar, async_avatar])
def test_a_view_keeps_its_name_and_words(view: Any) -> None:
    """Django's debug page, admindocs and tracebacks show the view's name and docstring."""
    assert (view.__name__.removeprefix("async_"), view.__doc__[:14]) == ("avatar", "A host project")
