"""Setup of ours: a client with a generated secret, and signed-in users who have consented."""

import os

import django
from django.core.management import call_command

from ..operations import REDIRECT_URI, Facts


def prepare(count: int) -> Facts:
    """Fill the database that DATABASE_URL names."""
    django.setup()
    call_command("migrate", verbosity=0)
    from django.utils import timezone

    from oauth_service.models import Client, Consent

    from . import cast

    scope = os.environ["SCOPE"]
    client = Client.objects.create(
        name="Benchmark",
        redirect_uris=REDIRECT_URI,
        scope=scope,
        id_token_signed_response_alg=os.environ.get("ALGORITHM", "RS256"),
    )
    secret = Client.objects.rotate_secret(client)
    users = cast.users(count)
    Consent.objects.bulk_create(
        Consent(user=user, client=client, scope=scope, given_at=timezone.now()) for user in users
    )
    cookies = tuple(cast.session_cookie(user) for user in users)
    return Facts(client_id=client.client_id, client_secret=secret, cookies=cookies)


if __name__ == "__main__":
    prepare(int(os.environ["USERS"])).tell()
