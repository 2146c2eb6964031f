"""Settings of a separate API: it issues no tokens, and asks http://localhost:8000 about the tokens that it receives."""

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

# Identifier of the API; seed_demo registers it at the authorization server.
OAUTH_SERVICE_RESOURCE = os.environ.get("EXAMPLE_URL", "http://127.0.0.1:5010/mcp")
# Trusted issuers. The API asks about a token at every request, so that a revoked one is refused at the next call.
OAUTH_SERVICE_REMOTE_ISSUERS = {
    os.environ.get("OAUTH_SERVICE_ISSUER", "http://localhost:8000"): {
        "client_id": os.environ.get("EXAMPLE_CLIENT_ID", "demo_mcp_server"),
        "client_secret": os.environ.get("EXAMPLE_CLIENT_SECRET", "DEMO_MCP_SERVER_SECRET"),
    }
}
OAUTH_SERVICE_REMOTE_CACHE = timedelta(0)
OAUTH_SERVICE_OUTBOUND_LOOPBACK = True  # the server is on this machine and has no TLS
