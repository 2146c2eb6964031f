"""Setup of ours with two APIs, an app for users, and a service that acts for them and introspects tokens."""

import os

import django
from django.core.management import call_command

from ..operations import REDIRECT_URI, TOKEN_EXCHANGE, Facts

API = "https://api.example.com/me"
SERVER = "https://auth.example.com/userinfo/"


def register(count: int, *, scope: str, token_alg: str) -> Facts:
    """
    Register all clients and APIs, and sign in `count` users who have allowed the app both APIs.

    Args:
        token_alg: algorithm of the access tokens for the APIs; "" for opaque ones.
    """
    from django.utils import timezone

    from oauth_service.models import Client, Consent, Resource
    from oauth_service.protocol import resource_indicators

    from . import cast

    format_ = Resource.TokenFormat.JWT if token_alg else Resource.TokenFormat.OPAQUE
    for identifier, name in ((API, "Benchmark API"), (SERVER, "Benchmark Server")):
        resource = Resource(
            identifier=identifier,
            name=name,
            token_format=format_,
            signing_alg=token_alg or "RS256",
            is_for_all=True,
        )
        resource.full_clean()
        resource.save(force_insert=True)
    service = Client.objects.create(
        name="Benchmark Service",
        scope=scope,
        grant_types=f"client_credentials {TOKEN_EXCHANGE}",
        may_delegate=True,
        introspection_resources=API,
    )
    client = Client.objects.create(
        name="Benchmark", redirect_uris=REDIRECT_URI, scope=scope, exchangeable_by=service.client_id
    )
    allowed = resource_indicators.added("", {API: scope, SERVER: scope})
    users = cast.users(count)
    Consent.objects.bulk_create(
        Consent(user=user, client=client, scope=scope, resources=allowed, given_at=timezone.now()) for user in users
    )
    return Facts(
        client_id=client.client_id,
        client_secret=Client.objects.rotate_secret(client),
        cookies=tuple(cast.session_cookie(user) for user in users),
        service_id=service.client_id,
        service_secret=Client.objects.rotate_secret(service),
        resources=(API, SERVER),
    )


if __name__ == "__main__":
    django.setup()
    call_command("migrate", verbosity=0)
    register(int(os.environ["USERS"]), scope=os.environ["SCOPE"], token_alg=os.environ["TOKEN_ALG"]).tell()
