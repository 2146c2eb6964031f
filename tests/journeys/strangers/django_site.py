"""A small Django project in a process of its own, with sign-in: one page, its buttons, and the received tokens."""

import json
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import django
import requests
from django.conf import settings
from django.core.management import call_command
from django.core.servers.basehttp import run
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import URLPattern, URLResolver

PAGE = """<!doctype html><html lang="en"><title>A stranger's site</title>
<h1>{% if told %}Signed in{% else %}Nobody is signed in{% endif %}</h1>
{% for button, method, url in buttons %}
  <form method="{{ method }}" action="{{ url }}">
    {% if method == "post" %}{% csrf_token %}{% endif %}
    <button>{{ button }}</button>
  </form>
{% endfor %}
<pre>{{ told }}</pre></html>"""


@dataclass(frozen=True, slots=True)
class Registration:
    """Registration from the server's operator: members as `create_client --json` prints them, and the server's URL."""

    issuer: str
    client_id: str
    client_secret: str
    site: str
    database: str

    @property
    def port(self) -> int:
        return int(self.site.rpartition(":")[2])


def registration() -> Registration:
    """Read the registration from standard input, which is the test's end of a pipe."""
    return Registration(**json.load(sys.stdin))


def discover(issuer: str) -> dict[str, Any]:
    """Metadata of the provider, for clients whose settings need its endpoints."""
    found: dict[str, Any] = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=10).json()
    return found


def configure(
    registered: Registration, *, apps: Sequence[str] = (), middleware: Sequence[str] = (), **more: object
) -> None:
    """Make this process a Django project, with the usual settings and those of the client's documentation."""
    settings.configure(
        SECRET_KEY=secrets.token_urlsafe(40),
        DEBUG=True,
        ALLOWED_HOSTS=["127.0.0.1"],
        USE_TZ=True,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": registered.database}},
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.messages",
            *apps,
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            *middleware,
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        LOGIN_REDIRECT_URL="/",
        LOGOUT_REDIRECT_URL="/",
        **more,
    )
    django.setup()


def serve(registered: Registration, *urlpatterns: URLPattern | URLResolver) -> None:
    """Serve until the process is ended."""
    settings.ROOT_URLCONF = urlpatterns
    call_command("migrate", verbosity=0)
    run("127.0.0.1", registered.port, get_wsgi_application(), threading=True)


Button = tuple[str, Literal["get", "post"], str]


def page(request: HttpRequest, told: dict[str, Any] | None, *buttons: Button) -> HttpResponse:
    """
    Render the site's page.

    Args:
        told: the client's data about the signed-in user, for the test to read; None if no user is signed in.
        buttons: name, method and URL of each form on the page.
    """
    context = {"told": json.dumps(told) if told else "", "buttons": buttons}
    return HttpResponse(engines["django"].from_string(PAGE).render(context, request))
