"""A project without an extra needs none of the extra's imports, statements and pages."""

import subprocess
import sys

from config.sites import ROOT

# A project of plain OAuth without the extra: every import of the extra's packages fails.
PLAIN = """
import sys
from importlib.machinery import PathFinder

find_spec = PathFinder.find_spec

def find_what_is_there(name, path=None, target=None):
    gone = {"joserfc", "cryptography", "httpcore", "httpx", "authlib", "jwt", "PIL"}
    return None if name.partition(".")[0] in gone else find_spec(name, path, target)

PathFinder.find_spec = find_what_is_there
import django
from django.conf import settings
settings.configure(
    SECRET_KEY="k" * 50,
    ALLOWED_HOSTS=["testserver"],
    USE_TZ=True,
    ROOT_URLCONF="plain_urls",
    LOGIN_URL="oauth_service:login",
    OAUTH_SERVICE_ISSUER="http://localhost:8000",
    OAUTH_SERVICE_SCOPES={scopes},
    INSTALLED_APPS=["oauth_service", "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
                    "django.contrib.sessions", "django.contrib.messages"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.csrf.CsrfViewMiddleware",
                "django.contrib.auth.middleware.AuthenticationMiddleware",
                "django.contrib.messages.middleware.MessageMiddleware"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {
        "context_processors": ["django.template.context_processors.request",
            "django.contrib.auth.context_processors.auth", "django.contrib.messages.context_processors.messages"]}}],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
)
import types
urls = types.ModuleType("plain_urls")
sys.modules["plain_urls"] = urls
django.setup()
from django.urls import include, path
from django.contrib import admin
urls.urlpatterns = [path("admin/", admin.site.urls), path("", include("oauth_service.urls"))]
"""

LIFECYCLE = """
from io import StringIO
from urllib.parse import parse_qs, urlencode, urlsplit
from django.core.management import call_command
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.contrib.auth.models import User
call_command("check", fail_level="WARNING")
call_command("migrate", verbosity=0)
from oauth_service.models import Client
client = Client(client_id="c", name="C", redirect_uris="http://127.0.0.1:5000/callback", requires_pkce=False)
client.choose_secret("ITS_A_VERY_SECRET_KEY")
client.save()
alice = User.objects.create_superuser("alice", "alice@example.com", "wonderland")
browser, server = Browser(), Browser()
browser.force_login(alice)
FORM = "application/x-www-form-urlencoded"

def post(who, path, **form):
    return who.post(path, urlencode(form), content_type=FORM)

with CaptureQueriesContext(connection) as statements:
    request = {"response_type": "code", "client_id": "c", "redirect_uri": "http://127.0.0.1:5000/callback", "scope": "user"}
    post(browser, "/authorise/", **{**request, "response_type": ""})
    code = parse_qs(urlsplit(browser.get("/authorise/", request)["Location"]).query)["code"][0]
    credentials = {"client_id": "c", "client_secret": "ITS_A_VERY_SECRET_KEY"}
    tokens = post(server, "/token/", grant_type="authorization_code", code=code, redirect_uri=request["redirect_uri"],
                  **credentials).json()
    renewed = post(server, "/token/", grant_type="refresh_token", refresh_token=tokens["refresh_token"], **credentials).json()
    header = {"Authorization": "Bearer " + renewed["access_token"]}
    assert server.get("/userinfo/", headers=header).json()["username"] == "alice"
    assert server.get("/jwks/").status_code == 404
    assert server.get("/.well-known/oauth-authorization-server").status_code == 200
    assert server.get("/openapi.json").status_code == 200
    assert post(server, "/oauth/revoke/", token=renewed["access_token"], **credentials).status_code == 200
    assert b"signingkey" not in browser.get("/admin/").content
    call_command("oauth_doctor", "--json", stdout=StringIO())
asked = [each["sql"] for each in statements if "signingkey" in each["sql"].lower()]
imported = sorted({name.partition(".")[0] for name in sys.modules} & {"joserfc", "cryptography", "httpx"})
print(asked, imported)
"""


def plain(script: str, scopes: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own."""
    source = PLAIN.replace("{scopes}", scopes) + script
    command = [sys.executable, "-W", "ignore", "-c", source]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)


def test_plain_oauth_works_without_the_extra_oidc() -> None:
    """The lifecycle, discovery, admin and doctor import nothing of the extra and make no key."""
    done = plain(LIFECYCLE, '{"user": "Your name"}')
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["[] []"]), done.stderr


def test_openid_without_the_extra_is_a_system_check() -> None:
    """The check names the missing package when the server starts. Otherwise the first sign-in would be a 500."""
    script = "from django.core.management import call_command\ncall_command('check')"
    done = plain(script, '{"openid": "Who you are"}')
    assert done.returncode != 0
    assert "oauth_service.E021" in done.stderr
    assert "Install the extra `oidc`" in done.stderr
