"""Every framework responds as protect() does: the same tokens give the same status, headers and body."""

from itertools import product
from typing import Any
from urllib.parse import urlencode

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client as Browser
from django.test import RequestFactory
from pytest_django import Settings

from oauth_service.models import Resource
from oauth_service.resources.drf import OAuth2Authentication, TokenHasScope
from tests.actors import FORM
from tests.openid.conftest import RelyingParty, provider, rp
from tests.resources.kits import APIS, ASGI, KITS, NOTES, OTHER, Answer
from tests.test_unavailable import failing

__all__ = ["provider", "rp"]
pytestmark = [pytest.mark.urls("tests.resources.kits"), pytest.mark.django_db]

REFERENCE = "function"
TOKENS = (
    *("none", "nonsense", "basic", "malformed", "two", "profile", "too little", "openid", "read", "write", "other"),
    *("own", "own of the API", "unknown sign-in", "ended"),
)
# The headers that clients use. The reference is left out because it differs each time.
HEADERS = ("www-authenticate", "retry-after", "pragma", "x-content-type-options")


@pytest.fixture
def cast(rp: RelyingParty, provider: Settings) -> RelyingParty:
    """A client that may ask for two APIs, for users and for itself."""
    provider.OAUTH_SERVICE_SCOPES = {**provider.OAUTH_SERVICE_SCOPES, "notes:read": "See", "notes:write": "Change"}
    provider.OAUTH_SERVICE_ACR = "gold"
    provider.ALLOWED_HOSTS = ["testserver"]
    Resource.objects.create(identifier=NOTES, name="Notes", scopes="notes:read See", is_for_all=True)
    Resource.objects.create(identifier=OTHER, name="Other", is_for_all=True)
    rp.client.scope += " notes:read notes:write"
    rp.client.grant_types += " client_credentials"
    rp.client.save()
    return rp


def own(party: RelyingParty, **changes: str) -> str:
    """Return a token that the client has for itself."""
    body = {"grant_type": "client_credentials", **party.credentials} | changes
    return str(party.server.post("/token/", urlencode(body), content_type=FORM).json()["access_token"])


def of_person(party: RelyingParty, **changes: str) -> str:
    """Return a token of a user; `resource` is sent to both endpoints."""
    return str(party.tokens(**changes)["access_token"])


def authorization(party: RelyingParty, kind: str) -> str:
    """Return an Authorization header of each kind."""
    match kind:
        case "none":
            return ""
        case "nonsense":
            return "Bearer AT_nonsense"
        case "basic":
            return "Basic YTpi"
        case "malformed":
            return "Bearer"
        case "two":
            return "Bearer a b"
        case "profile":
            token = of_person(party, scope="profile", acr_values="gold")
        case "too little":
            token = of_person(party, scope="email")
        case "openid":
            token = of_person(party, scope="openid profile")
        case "read":
            token = of_person(party, scope="notes:read", resource=NOTES)
        case "write":
            token = of_person(party, scope="notes:read notes:write", resource=NOTES)
        case "other":
            token = of_person(party, scope="profile notes:read", resource=OTHER)
        case "own":
            token = own(party, scope="profile")
        case "own of the API":
            token = own(party, scope="notes:read", resource=NOTES)
        case "unknown sign-in":
            token = of_person(party, scope="profile")
        case "ended":
            token = of_person(party, scope="profile")
            User.objects.update(is_active=False)
        case _:
            raise AssertionError(kind)
    return f"Bearer {token}"


def said(answer: Answer) -> dict[str, Any]:
    """Return the parts of a response that clients see, without those that differ each time."""
    is_refusal = answer.status >= 400 and answer.status != 405
    members = answer.json() if is_refusal else {}
    assert members.keys() <= {"error", "error_description", "reference"}, members
    members.pop("reference", "")
    vary = {word.strip().lower() for word in answer.headers.get("vary", "").split(",")}
    return {
        "status": answer.status,
        "members": members,
        "is_private": answer.headers.get("cache-control") == "private, no-store",
        "varies": "authorization" in vary,
        "is_json": not is_refusal or answer.headers["content-type"].startswith("application/json"),
        **({name: answer.headers.get(name) for name in HEADERS} if is_refusal else {}),
    }


@pytest.mark.parametrize("kind", TOKENS)
def test_every_kit_answers_as_protect_does(cast: RelyingParty, kind: str) -> None:
    """The comparison covers every API and every method."""
    header = authorization(cast, kind)
    for api, method in product(APIS, ["GET", "POST", "DELETE"]):
        expected = said(KITS[REFERENCE](api, method, header))
        for kit, ask in KITS.items():
            found = said(ask(api, method, header))
            if kit == "asgi" and found["status"] == 200:
                # The headers of a successful response belong to the mounted application.
                found |= {"is_private": True, "varies": True}
            if found["status"] == 405:
                found |= {"is_private": True, "varies": True}
            assert (kind, api, method, kit, found) == (kind, api, method, kit, expected)


def test_the_table_has_answers_of_every_kind(cast: RelyingParty) -> None:
    """Otherwise the comparison above would prove little."""
    found = set()
    for kind in TOKENS:
        header = authorization(cast, kind)
        for api, method in product(APIS, ["GET", "DELETE"]):
            answer = said(KITS[REFERENCE](api, method, header))
            found.add((answer["status"], answer["members"].get("error")))
    assert found >= {
        (200, None),
        (400, "invalid_request"),
        (401, None),
        (401, "invalid_token"),
        (401, "insufficient_user_authentication"),
        (403, "insufficient_scope"),
        (405, None),
    }


@pytest.mark.parametrize("kit", KITS)
def test_a_good_token_is_told_to_the_view(cast: RelyingParty, kit: str) -> None:
    """The view finds the user, the client and the scope. A client's own token has no user."""
    found = [
        KITS[kit]("plain", "POST", authorization(cast, "profile")).json(),
        KITS[kit]("clients", "GET", authorization(cast, "own")).json(),
    ]
    assert found == [
        {"client_id": "rp", "user": "alice", "scope": ["profile"]},
        {"client_id": "rp", "user": "", "scope": ["profile"]},
    ]


@pytest.mark.parametrize("kit", KITS)
@pytest.mark.parametrize(("api", "kind", "statements"), [("plain", "profile", 1), ("notes", "read", 2)])
def test_each_kit_costs_what_protect_costs(
    cast: RelyingParty, django_assert_num_queries: Any, kit: str, api: str, kind: str, statements: int
) -> None:
    """A token takes one statement, and one more if it has an audience."""
    header = authorization(cast, kind)
    KITS[kit](api, "GET", header)
    with django_assert_num_queries(statements):
        assert KITS[kit](api, "GET", header).status == 200


@pytest.mark.parametrize("kit", KITS)
def test_a_database_that_is_away_is_a_503(cast: RelyingParty, kit: str) -> None:
    """The response has Retry-After, so that the client comes back."""
    header = authorization(cast, "profile")
    with failing(OperationalError("connection refused")):
        found = KITS[kit]("plain", "GET", header)
    assert (found.status, found.headers["retry-after"], found.json()["error"]) == (503, "2", "temporarily_unavailable")


@pytest.mark.parametrize("kit", [kit for kit in KITS if kit != "asgi"])
def test_a_session_is_no_token(cast: RelyingParty, kit: str) -> None:
    """Otherwise another site's page could use the session."""
    url = KITS[kit]("plain").headers  # without a session, the challenge is sent
    assert "www-authenticate" in url
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(cast.user)
    paths = {"rest": "/rest/plain/", "router": "/router/plain/act/", "async ninja": "/async-ninja/plain/"}
    assert browser.post(paths.get(kit, f"/{kit}/plain/"), {}, content_type=FORM).status_code == 401


def test_rest_framework_leaves_a_request_without_a_token_to_others(cast: RelyingParty) -> None:
    """The permission class refuses users who signed in otherwise, not the authentication class."""
    from rest_framework.authentication import SessionAuthentication
    from rest_framework.response import Response
    from rest_framework.views import APIView

    class Mixed(APIView):
        authentication_classes = [SessionAuthentication, OAuth2Authentication]
        permission_classes = [TokenHasScope]
        required_scopes = "profile"

        def get(self, request: Any) -> Response:
            return Response({})

    request = RequestFactory().get("/")
    request.user = cast.user
    answer = Mixed.as_view()(request)
    assert (answer.status_code, answer.has_header("WWW-Authenticate")) == (403, False)


def test_a_view_that_does_not_say_its_scope_opens_to_nobody(cast: RelyingParty) -> None:
    """A misspelt attribute must not open the view to every token."""
    from django.core.exceptions import ImproperlyConfigured
    from rest_framework.views import APIView

    class Misspelt(APIView):
        authentication_classes = [OAuth2Authentication]
        permission_classes = [TokenHasScope]
        required_scope = "profile"

    with pytest.raises(ImproperlyConfigured, match="Misspelt has no required_scopes"):
        Misspelt.as_view()(RequestFactory().get("/"))


def test_another_permission_still_answers_with_the_challenge(cast: RelyingParty) -> None:
    """The view combines IsAuthenticated of Django REST framework with our authentication class."""
    from rest_framework.permissions import IsAuthenticated
    from rest_framework.views import APIView

    class Closed(APIView):
        authentication_classes = [OAuth2Authentication]
        permission_classes = [IsAuthenticated]
        resource = NOTES

    answer = Closed.as_view()(RequestFactory().get("/"))
    assert (answer.status_code, "resource_metadata=" in answer["WWW-Authenticate"]) == (401, True)


def test_authentication_alone_refuses_tokens_for_others(cast: RelyingParty) -> None:
    """The audience is checked with any permission class of a project."""
    from rest_framework.response import Response
    from rest_framework.views import APIView

    class Open(APIView):
        authentication_classes = [OAuth2Authentication]
        permission_classes: list[Any] = []
        resource = NOTES

        def get(self, request: Any) -> Response:
            return Response({})

    headers = {"Authorization": authorization(cast, "other")}
    assert Open.as_view()(RequestFactory().get("/", headers=headers)).status_code == 401


def test_an_api_of_ninja_without_our_answers_refuses_all_the_same(cast: RelyingParty) -> None:
    """The response lacks the challenge, but the view is closed."""
    headers = {"Authorization": authorization(cast, "too little")}
    browser = Browser()
    assert [browser.get("/careless/").status_code, browser.get("/careless/", headers=headers).status_code] == [401, 403]


def test_lifespan_events_reach_a_mounted_application() -> None:
    """Servers send an application its start and shutdown as lifespan events."""
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    guarded = ASGI["plain"].__class__(app, "profile")
    async_to_sync(guarded)({"type": "lifespan"}, None, None)  # type: ignore[arg-type]
    assert seen == ["lifespan"]


def test_a_web_socket_without_a_token_is_closed(cast: RelyingParty) -> None:
    """The socket is closed before it is accepted, so that the server responds with 403."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/", "query_string": b"", "headers": [(b"host", b"testserver")]}
    async_to_sync(ASGI["plain"])(scope, None, send)  # type: ignore[arg-type]
    assert [(message["type"], message["code"]) for message in sent] == [("websocket.close", 1008)]


def test_a_host_that_is_not_ours_is_a_bad_request(cast: RelyingParty, provider: Settings) -> None:
    """The response is Django's. Without a configured issuer the host would be trusted."""
    provider.OAUTH_SERVICE_ISSUER, provider.ALLOWED_HOSTS = "", ["elsewhere.example"]
    assert KITS["asgi"]("plain", "GET", "Bearer AT_nonsense").status == 400
