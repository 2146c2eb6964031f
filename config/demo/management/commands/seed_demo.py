"""manage.py seed_demo -- Alice, the administrator and four clients, for development."""

import os
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import CommandError
from django.db import transaction

from oauth_service import database
from oauth_service.management.recorded import RecordedCommand
from oauth_service.models import Client
from oauth_service.protocol.device_code import GRANT_TYPE


class Command(RecordedCommand):
    """Make the guide's cast, as far as it is not there yet. What a person changed since stays as it is."""

    help = "Make Alice, an administrator, the guide's client presc_man_123 and three more (development only)."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("The demo's passwords are public: seed_demo runs with DEBUG only.")
        with transaction.atomic(using=database.ours()):
            made = [name for name, make in CAST.items() if make()]
            if made:
                self.announce("added", "demo", changes=", ".join(made))
        self.stdout.write(f"Made {', '.join(made)}." if made else "Everybody is there already.")


def _alice() -> bool:
    if User.objects.filter(username="alice").exists():
        return False
    User.objects.create_user("alice", "alice@example.com", "wonderland", first_name="Alice", last_name="Liddell")
    return True


def _admin() -> bool:
    if User.objects.filter(username="admin").exists():
        return False
    User.objects.create_superuser("admin", "admin@example.com", "admin")
    return True


def _presc_man() -> bool:
    if Client.objects.filter(client_id="presc_man_123").exists():
        return False
    client = Client(
        client_id="presc_man_123",
        name="Prescription Manager",
        operator="Wonderland Health",
        client_uri="http://127.0.0.1:5000/",
        redirect_uris=os.environ.get("OAUTH_REDIRECT_URI", "http://127.0.0.1:5000/callback"),
        requires_pkce=False,  # the guide's request carries no code_challenge
    )
    client.choose_secret("ITS_A_VERY_SECRET_KEY")
    client.full_clean()
    client.save(force_insert=True)
    return True


def _demo_web() -> bool:
    return _client(
        "demo_web",
        "Demo Web App",
        secret="DEMO_WEB_SECRET",
        redirect_uris="http://127.0.0.1:5001/callback\nhttp://localhost:5001/callback",
        post_logout_redirect_uris="http://127.0.0.1:5001/\nhttp://localhost:5001/",
    )


def _demo_spa() -> bool:
    return _client(
        "demo_spa",
        "Demo Single-Page App",
        client_type=Client.ClientType.PUBLIC,
        redirect_uris="http://127.0.0.1:5002/callback\nhttp://localhost:5002/callback",
        post_logout_redirect_uris="http://127.0.0.1:5002/\nhttp://localhost:5002/",
    )


def _client(client_id: str, name: str, *, secret: str = "", **fields: Any) -> bool:
    """A client that uses OpenID Connect with PKCE."""
    if Client.objects.filter(client_id=client_id).exists():
        return False
    scope = "openid profile email address phone offline_access"
    client = Client(client_id=client_id, name=name, operator="Wonderland Health", scope=scope, **fields)
    if secret:
        client.choose_secret(secret)
    client.full_clean()
    client.save(force_insert=True)
    return True


def _demo_tv() -> bool:
    grant_types = f"{GRANT_TYPE} refresh_token"
    return _client("demo_tv", "Demo Television", client_type=Client.ClientType.PUBLIC, grant_types=grant_types)


CAST = {
    "alice": _alice,
    "admin": _admin,
    "presc_man_123": _presc_man,
    "demo_web": _demo_web,
    "demo_spa": _demo_spa,
    "demo_tv": _demo_tv,
}
