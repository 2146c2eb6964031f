"""Settings of an API in a project of its own: it issues no tokens, and asks http://localhost:8000 about those that it is sent."""

import os
from datetime import timedelta
from pathlib import Path

STATE_DIR = Path(os.environ.get("STATE_DIR", Path(__file__).resolve().parent.parent / "var"))
STATE_DIR.mkdir(parents=True, exist_ok=True)

DEBUG = True
SECRET_KEY = "insecure-development-key-of-the-examples"
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
INSTALLED_APPS = ["oauth_service", "django.contrib.auth", "django.contrib.contenttypes"]
ROOT_URLCONF = os.environ.get("EXAMPLE_URLS", "oauth_service.resource_server")
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": STATE_DIR / "examples.sqlite3"}}
USE_TZ = True

# The API, as clients call it; make_resource tells the authorization server of it.
OAUTH_SERVICE_RESOURCE = os.environ.get("EXAMPLE_URL", "http://127.0.0.1:5010/mcp")
# Whose tokens are good here: they are asked for each request, so that what a person ends has ended at the next call.
OAUTH_SERVICE_REMOTE_ISSUERS = {
    os.environ.get("OAUTH_SERVICE_ISSUER", "http://localhost:8000"): {
        "client_id": os.environ.get("EXAMPLE_CLIENT_ID", "demo_mcp_server"),
        "client_secret": os.environ.get("EXAMPLE_CLIENT_SECRET", "DEMO_MCP_SERVER_SECRET"),
    }
}
OAUTH_SERVICE_REMOTE_CACHE = timedelta(0)
OAUTH_SERVICE_OUTBOUND_LOOPBACK = True  # the server is on this machine, and has no TLS
