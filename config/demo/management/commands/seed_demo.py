"""manage.py seed_demo -- create Alice, the administrator, the demo's clients and two APIs, for development."""

import os
from argparse import ArgumentParser
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import CommandError
from django.db import transaction

from config.demo import cast
from oauth_service import database
from oauth_service.management.recorded import RecordedCommand
from oauth_service.models import Client, Resource
from oauth_service.models.resource import lines_of
from simulation.cast import DEVICE_CODE, TOKEN_EXCHANGE, Api, Party


class Command(RecordedCommand):
    """Create the demo's cast. Rows that exist already stay as they are, with all changes made to them."""

    help = "Make Alice, an administrator, a client for each way to get a token, and two APIs (development only)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        for option, (_client, title) in EXAMPLES.items():
            parser.add_argument(f"--{option}", metavar="URL", help=f"register the {title} of the examples, too")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("The demo's passwords are public: seed_demo runs with DEBUG only.")
        asked = {option: options[option.replace("-", "_")] for option in EXAMPLES}
        examples = {option: partial(_example, option, url) for option, url in asked.items() if url}
        with transaction.atomic(using=database.ours()):
            made = [name for name, make in (CAST | examples).items() if make()]
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
    redirect_uri = os.environ.get("OAUTH_REDIRECT_URI", "http://127.0.0.1:5000/callback")
    client = Client(
        client_id="presc_man_123",
        name="Prescription Manager",
        operator="Wonderland Health",
        client_uri=urljoin(redirect_uri, "/"),
        redirect_uris=redirect_uri,
        requires_pkce=False,  # the guide's request has no code_challenge
    )
    client.choose_secret("ITS_A_VERY_SECRET_KEY")
    client.full_clean()
    client.save(force_insert=True)
    return True


OPENID_SCOPE = "openid profile email address phone offline_access"


def _demo_web() -> bool:
    return _client(
        "demo_web",
        "Demo Web App",
        secret="DEMO_WEB_SECRET",
        scope=OPENID_SCOPE,
        redirect_uris="http://127.0.0.1:5001/callback\nhttp://localhost:5001/callback",
        post_logout_redirect_uris="http://127.0.0.1:5001/\nhttp://localhost:5001/",
    )


def _demo_spa() -> bool:
    return _client(
        "demo_spa",
        "Demo Single-Page App",
        client_type=Client.ClientType.PUBLIC,
        scope=OPENID_SCOPE,
        redirect_uris="http://127.0.0.1:5002/callback\nhttp://localhost:5002/callback",
        post_logout_redirect_uris="http://127.0.0.1:5002/\nhttp://localhost:5002/",
    )


def _device(device: Party) -> bool:
    grant_types = f"{DEVICE_CODE} refresh_token"
    public = Client.ClientType.PUBLIC
    return _client(device.client_id, device.name, client_type=public, scope=OPENID_SCOPE, grant_types=grant_types)


def _party(party: Party, **fields: Any) -> bool:
    return _client(party.client_id, party.name, secret=party.client_secret, scope=party.scope, **fields)


def _client(client_id: str, name: str, *, secret: str = "", **fields: Any) -> bool:
    if Client.objects.filter(client_id=client_id).exists():
        return False
    client = Client(client_id=client_id, name=name, operator="Wonderland Health", **fields)
    if secret:
        client.choose_secret(secret)
    client.full_clean()
    client.save(force_insert=True)
    return True


def _api(api: Api) -> bool:
    if Resource.objects.filter(identifier=api.identifier).exists():
        return False
    scopes = lines_of([(api.scope, api.words)])
    resource = Resource(identifier=api.identifier, name=api.name, scopes=scopes, is_for_all=True)
    resource.full_clean()
    resource.save(force_insert=True)
    return True


def _example(option: str, url: str) -> bool:
    party, title = EXAMPLES[option]
    was_there = Resource.objects.filter(identifier=url).exists()
    if not was_there:
        resource = Resource(identifier=url, name=title, scopes=lines_of(cast.EXAMPLE_SCOPES.items()), is_for_all=True)
        resource.full_clean()
        resource.save(force_insert=True)
    _party(party, grant_types=OWN_TOKENS)
    client = Client.objects.get(client_id=party.client_id)
    known = client.introspection_resources.split()
    if url not in known:  # its port may have changed
        client.introspection_resources = " ".join([*known, url])
        client.save()
    return not was_there


OWN_TOKENS = "client_credentials"
EXAMPLES: dict[str, tuple[Party, str]] = {
    "mcp-server": (cast.MCP_SERVER, "MCP server"),
    "rest-api": (cast.REST_API, "REST API"),
}

CAST: dict[str, Callable[[], bool]] = {
    "alice": _alice,
    "admin": _admin,
    "presc_man_123": _presc_man,
    "demo_web": _demo_web,
    "demo_spa": _demo_spa,
    "demo_tv": partial(_device, cast.TELEVISION),
    "demo_cli": partial(_device, cast.COMMAND_LINE),
    "demo_service": partial(_party, cast.SERVICE, grant_types=OWN_TOKENS),
    "demo_app": partial(_party, cast.APP, redirect_uris=cast.APP.redirect_uri, exchangeable_by=cast.GATEWAY.client_id),
    "demo_gateway": partial(_party, cast.GATEWAY, grant_types=f"{OWN_TOKENS} {TOKEN_EXCHANGE}", may_delegate=True),
    "demo_api": partial(
        _party, cast.API, grant_types=OWN_TOKENS, introspection_resources=cast.PRESCRIPTIONS.identifier
    ),
    cast.PRESCRIPTIONS.name: partial(_api, cast.PRESCRIPTIONS),
    cast.ORDERS.name: partial(_api, cast.ORDERS),
}
