"""The code on pages of docs/ runs as printed: curl against a server, Python as a part of a project."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.core.management import call_command
from django.http import HttpResponse, JsonResponse
from django.test import Client as Browser
from django.test import RequestFactory
from django.urls import path
from ninja import NinjaAPI
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer
from rest_framework.viewsets import ViewSet

from config.sites import ROOT
from oauth_service.models import Client, Resource
from oauth_service.protect import ProtectedMixin, protect
from oauth_service.protocol.token_exchange import Exchange
from oauth_service.resources.ninja import OAuth2
from tests.database import ALIAS
from tests.exchanges import service_for
from tests.guide import SECRET, Guide
from tests.packaging import guides
from tests.packaging.test_guides import RUN as IN_A_PROJECT
from tests.revocation.actors import console_of

API = "https://api.example/orders"
SCOPES = {"user": "Your username", "profile": "Your name", "orders": "Your orders", "orders:read": "See your orders"}
# Pages whose code something else runs: a file, and a word in it.
ELSEWHERE = {
    "deploy.md": ("tests/production/test_deploy_page.py", "deploy.md"),
    "drf.md": ("tests/resources/test_page.py", "docs/drf.md"),
    "releasing.md": (".ci/run", " dist "),
    "single-page-app.md": ("tests/journeys/test_single_page_app.py", "single-page-app.md"),
}
LANGUAGES = {"python", "sh", "js", "html", "css"}


class Page:
    """A page and its blocks, each of which a test takes once."""

    def __init__(self, name: str) -> None:
        self.left = [(language, code) for language, code in guides.blocks(name) if language in LANGUAGES]

    def take(self, language: str, word: str) -> str:
        """Return the block that contains a word."""
        [found] = [each for each in self.left if each[0] == language and word in each[1]]
        self.left.remove(found)
        return found[1]

    def run(self, word: str, **names: Any) -> SimpleNamespace:
        """Run a Python block; return the names that it defines."""
        exec(compile(self.take("python", word), "docs/", "exec"), names)  # noqa: S102 -- our own page
        return SimpleNamespace(**names)

    def curl(self, word: str, server: str, *credentials: str, **replaced: str) -> Any:
        """Run a curl command against a server; return the response's JSON, or its status if it has no body."""
        command = self.take("sh", word).replace("https://id.example", server)
        if credentials:
            command = re.sub(r"--user \S+", f"--user {':'.join(credentials)}", command)
        for old, new in replaced.items():
            assert f"{old}=AT_…" in command
            command = command.replace(f"{old}=AT_…", f"{old}={new}")
        words = [
            *shlex.split(command.replace("\\\n", " ")),
            "--silent",
            "--noproxy",
            "*",
            "--write-out",
            "\n%{http_code}",
        ]
        done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=30)
        body, _, status = done.stdout.rpartition("\n")
        return json.loads(body) if body else int(status)


@contextmanager
def page(name: str) -> Iterator[Page]:
    """A page. All of its code must be run during the block."""
    found = Page(name)
    yield found
    assert found.left == []


def pages_here() -> set[str]:
    """Pages that a test of this module runs."""
    return set(re.findall(r'with page\("([\w-]+\.md)"\)', Path(__file__).read_text()))


def test_the_code_of_every_page_is_run() -> None:
    """Readers copy it."""
    with_code = {path.name for path in (ROOT / "docs").glob("*.md") if Page(path.name).left}
    assert with_code == IN_A_PROJECT | pages_here() | set(ELSEWHERE)
    assert [name for name, (file, word) in ELSEWHERE.items() if word not in (ROOT / file).read_text()] == []


# -- curl --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def served(transactional_db: None, live_server: LiveServer, settings: Settings, guide: Guide) -> Guide:
    """A server that answers HTTP, and a client of it."""
    settings.OAUTH_SERVICE_SCOPES = SCOPES
    settings.OAUTH_SERVICE_INTROSPECTION = settings.OAUTH_SERVICE_GLOBAL_TOKEN_REVOCATION = True
    settings.OAUTH_SERVICE_REGISTRATION = "open"
    settings.ALLOWED_HOSTS = ["*"]
    guide.client.scope = " ".join(SCOPES)
    guide.client.save()
    return guide


def service(**columns: Any) -> Client:
    """A service with a secret."""
    client = Client(client_id="service", name="Service", grant_types="client_credentials", **columns)
    client.choose_secret(SECRET)
    client.save()
    return client


def test_client_credentials(served: Guide, live_server: LiveServer, settings: Settings) -> None:
    """The token of the curl command opens the view of the page."""
    with page("client-credentials.md") as found:
        settings.OAUTH_SERVICE_SCOPES = found.run("OAUTH_SERVICE_SCOPES").OAUTH_SERVICE_SCOPES
        service(scope="reports")
        tokens = found.curl("client_credentials", live_server.url, "service", SECRET)
        view = found.run("allow_clients", protect=protect, JsonResponse=JsonResponse).reports
    assert {"access_token", "expires_in", "scope"} <= set(tokens)
    assert told(view, tokens["access_token"]) == {"asked_by": "service"}
    assert told(view, served.tokens(scope="profile")["access_token"], 403)["error"] == "insufficient_scope"


def told(view: Any, token: str, status: int = 200) -> Any:
    """The response of a view to a request with a token."""
    request = RequestFactory().get("/", headers={"Authorization": f"Bearer {token}"})
    response = view(request)
    assert response.status_code == status, response.content
    return json.loads(response.content)


def test_introspection(served: Guide, live_server: LiveServer) -> None:
    """The members are those of the page."""
    [shown] = [json.loads(code) for language, code in guides.blocks("introspection.md") if language == "json"]
    with page("introspection.md") as found:
        token = served.tokens()["access_token"]
        answer = found.curl("introspect", live_server.url, served.client.client_id, SECRET, token=token)
    assert answer["active"] is True
    assert set(answer) <= set(shown) | {"username", "jti", "auth_time", "acr", "aud"}


def test_registration(served: Guide, live_server: LiveServer) -> None:
    """The server registers the client of the page, with the members that the page shows."""
    [shown] = [code for language, code in guides.blocks("registration.md") if "registration_access_token" in code]
    with page("registration.md") as found:
        answer = found.curl("register", live_server.url)
    assert set(re.findall(r'"(\w+)":', shown)) <= set(answer)
    assert Client.objects.get(client_id=answer["client_id"]).name == "Notes"


def test_global_revocation(served: Guide, live_server: LiveServer, settings: Settings) -> None:
    """The curl command ends Alice's connection; the function finds the users of a tenant."""
    with page("revocation.md") as found:
        token = served.tokens()["access_token"]
        console_of("console")
        assert found.curl("global-token-revocation", live_server.url, "console", SECRET) == 204
        users = Mock()
        users.objects.filter.return_value = ["alice"]
        function = found.run("users_of", User=users).users_of
    assert not served.is_alive(token)
    okta = {"format": "iss_sub", "iss": "https://acme.okta.com", "sub": "42"}
    assert (function(okta, "acme-okta"), function(okta, "other")) == (["alice"], [])
    users.objects.filter.assert_called_once_with(tenant="acme", okta_id="42")


def test_token_exchange(served: Guide, live_server: LiveServer) -> None:
    """The service of the page exchanges a token, and the view sees the user, the service and the app."""
    with page("token-exchange.md") as found:
        orders = service_for(served.client, scope="orders")
        subject, actor = served.tokens(scope="orders")["access_token"], orders.own_token()
        issued = found.curl(
            "token-exchange", live_server.url, "orders", SECRET, subject_token=subject, actor_token=actor
        )
        seen: list[Any] = []
        view = found.run("request.bearer.actor", protect=lambda scope: lambda function: function).orders

        @protect("orders")
        def guarded(request: Any) -> HttpResponse:
            view(request)
            seen.append(request)
            return HttpResponse("{}")

        policy = found.run("ExchangeRefused").policy
    assert {"access_token", "issued_token_type", "token_type", "expires_in", "scope"} == set(issued)
    assert told(guarded, issued["access_token"]) == {}
    bearer = seen[0].bearer
    assert (seen[0].user.username, bearer.client_id) == ("alice", "orders")
    assert (bearer.app_client_id, bearer.actor.client_id) == (served.client.client_id, "orders")
    exchange = Exchange(
        client_id="orders",
        subject_client_id="app",
        app_client_id="app",
        user_id="1",
        subject_token_type="",
        act=(),
        scope=("orders",),
        audience=(),
        lifetime=3600,
    )
    assert policy(exchange).lifetime == 300


def test_resources(served: Guide, live_server: LiveServer, settings: Settings) -> None:
    """A service gets a token for the API, and the views of the page accept it."""
    Resource.objects.create(
        identifier=API, name="Orders", scopes="orders:read See\norders:write Change", is_for_all=True
    )
    with page("resources.md") as found:
        service(scope="orders:read")
        tokens = found.curl("client_credentials", live_server.url, "service", SECRET)
        names = {"protect": protect}
        views = [
            found.run("allow_clients=True", **names).orders,
            found.run('{"GET": "orders:read"', **names).orders,
            found.run("max_age=300", **names).cancel,
        ]
        settings.OAUTH_SERVICE_SCOPE_IMPLIES = found.run("SCOPE_IMPLIES").OAUTH_SERVICE_SCOPE_IMPLIES
    assert tokens["scope"] == "orders:read"
    for view in views:
        assert view(RequestFactory().get("/")).status_code == 401
    assert told(views[1], tokens["access_token"], 403)["error"] == "insufficient_scope"  # a token of a client
    token = served.tokens(scope="orders:read", resource=API)["access_token"]
    assert views[1](RequestFactory().put("/", headers={"Authorization": f"Bearer {token}"})).status_code == 405


# -- Python ------------------------------------------------------------------------------------------------------------


def module(monkeypatch: pytest.MonkeyPatch, name: str, **names: Any) -> ModuleType:
    """A module of a project that can be imported."""
    found = ModuleType(name)
    found.__dict__.update(names)
    monkeypatch.setitem(sys.modules, name, found)
    return found


def test_claims(guide: Guide, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """/userinfo/ returns what the function of the page reads from the project's own tables."""
    with page("claims.md") as found:
        defined = found.run("def claims_of")
    module(monkeypatch, "myproject")
    module(monkeypatch, "myproject.claims", claims_of=defined.claims_of)
    addresses = Mock()
    addresses.filter.return_value.exists.return_value = True
    monkeypatch.setattr(User, "emailaddress_set", addresses, raising=False)
    monkeypatch.setattr(User, "profile", SimpleNamespace(born_on=date(2000, 1, 2)), raising=False)
    settings.OAUTH_SERVICE_CLAIMS = defined.OAUTH_SERVICE_CLAIMS
    settings.OAUTH_SERVICE_CLAIMS_SUPPORTED = defined.OAUTH_SERVICE_CLAIMS_SUPPORTED
    settings.OAUTH_SERVICE_SCOPES = {**SCOPES, "openid": "Who you are", "email": "Your e-mail address"}
    guide.client.scope = "openid profile email"
    guide.client.save()
    token = guide.tokens(scope="openid profile email")["access_token"]
    told = guide.userinfo(token).json()
    assert (told["email_verified"], told["birthdate"]) == (True, "2000-01-02")
    addresses.filter.assert_called_with(email="alice@example.com", verified=True)


def test_openid_connect(settings: Settings, monkeypatch: pytest.MonkeyPatch, rf: RequestFactory) -> None:
    """The settings pass the checks; the function describes a sign-in with django-otp."""
    with page("openid-connect.md") as found:
        for name, value in vars(found.run("OAUTH_SERVICE_ISSUER")).items():
            setattr(settings, name, value)
        function = found.run("def authentication_event").authentication_event
        steps = found.run("OAUTH_SERVICE_STEP_UP_URLS").OAUTH_SERVICE_STEP_UP_URLS
        found.take("js", "openid-client")  # tests/journeys/test_sign_in_with.py runs it
    assert Browser().get("/.well-known/openid-configuration").json()["issuer"] == "https://id.example"
    for is_verified, acr in ((True, next(iter(steps))), (False, None)):
        request = rf.get("/")
        request.user = Mock()
        request.user.is_verified.return_value = is_verified
        assert function(request).get("acr") == acr


def test_mounting(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """The metadata is at the root and lists endpoints under the prefix."""
    with page("mounting.md") as found:
        urlpatterns = found.run("oauth_service.well_known").urlpatterns
    settings.ROOT_URLCONF = module(monkeypatch, "urls_of_the_page", urlpatterns=urlpatterns).__name__
    metadata = Browser().get("/.well-known/oauth-authorization-server").json()
    assert metadata["token_endpoint"].endswith("/o/token/")
    assert Browser().get("/o/login/").status_code == 200


def test_frameworks(monkeypatch: pytest.MonkeyPatch, settings: Settings, db: None) -> None:
    """Views of both frameworks refuse requests without a token, also for a project that requires a sign-in everywhere."""
    api = NinjaAPI(urls_namespace="page")
    found = Page("protect.md")
    items = found.run("class Items", ProtectedMixin=ProtectedMixin, ViewSet=ViewSet, protect=protect, api=api).Items
    items.list = lambda self, request: HttpResponse()
    api.get("/orders", auth=OAuth2("profile"))(lambda request: {})
    patterns = [path("items/", items.as_view({"get": "list"}))]
    names = {"login_not_required": login_not_required, "path": path, "api": api, "urlpatterns": patterns}
    patterns = found.run("login_not_required", **names).urlpatterns
    settings.ROOT_URLCONF = module(monkeypatch, "urls_of_the_page", urlpatterns=patterns).__name__
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    assert [Browser().get(url).status_code for url in ("/items/", "/api/items", "/api/orders")] == [401] * 3


def test_keys(settings: Settings, monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    """Keys from the environment are used as the page says. Its signer is run in tests/tokens/test_keys_page.py."""
    first, following, pss = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(3))
    for name, key in (("SIGNING_KEY", first), ("NEXT_SIGNING_KEY", following), ("PSS_KEY", pss)):
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        monkeypatch.setenv(name, pem)
    with page("keys.md") as found:
        found.take("python", "boto3")
        settings.OAUTH_SERVICE_SIGNING_KEYS = found.run("SIGNING_KEYS", os=os).OAUTH_SERVICE_SIGNING_KEYS
    settings.OAUTH_SERVICE_SCOPES = {"openid": "Who you are"}
    settings.OAUTH_SERVICE_SIGNING_ALGORITHMS = ["RS256", "PS256"]
    published = Browser().get("/jwks/").json()["keys"]
    assert sorted(key["alg"] for key in published) == ["PS256", "RS256", "RS256"]


def test_token_key(settings: Settings) -> None:
    """Each step passes the checks, if the keys are long enough."""
    old, new = "o" * 50, "n" * 50
    with page("token-key.md") as found:
        steps = found.take("python", "OAUTH_SERVICE_TOKEN_KEY").strip().split("\n\n")
    settings.SECRET_KEY = old
    seen = []
    for step in steps:
        names: dict[str, Any] = {"SECRET_KEY": old, "NEW_KEY": new}
        exec(step, names)  # noqa: S102 -- our own page
        for name in ("OAUTH_SERVICE_TOKEN_KEY", "OAUTH_SERVICE_TOKEN_KEY_FALLBACKS"):
            setattr(settings, name, names.get(name, [] if name.endswith("S") else ""))
        assert [each for each in run_checks() if str(each.id).startswith("oauth_service.E")] == []
        seen.append((settings.OAUTH_SERVICE_TOKEN_KEY, settings.OAUTH_SERVICE_TOKEN_KEY_FALLBACKS))
    assert seen == [(old, [new]), (new, [old]), (new, [])]


def test_mobile_app(db: None) -> None:
    """The commands register public clients, one of which may use any port."""
    with page("mobile-app.md") as found:
        for line in found.take("sh", "create_client").splitlines():
            call_command(*shlex.split(line)[2:])
    assert {(client.client_type, client.is_native) for client in Client.objects.all()} == {("public", True)}


def test_upgrade(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    """The commands exist and run."""
    with page("upgrade.md") as found:
        for line in found.take("sh", "migrate").splitlines():
            name, *options = shlex.split(line)[2:]
            more = {"migrate": {"database": ALIAS}, "check": {"fail_level": "CRITICAL"}}
            call_command(name, *options, **more.get(name, {}))
    assert "No migrations to apply" in capsys.readouterr().out
