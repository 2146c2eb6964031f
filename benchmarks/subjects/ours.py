"""Set ours up: a client with a secret that the server made, users who are signed in and have consented."""

import os

import django
from django.core.management import call_command


def main(count: int) -> None:
    """Fill the database that DATABASE_URL names."""
    django.setup()
    call_command("migrate", verbosity=0)
    from django.utils import timezone

    from oauth_service.models import Client, Consent

    from ..operations import REDIRECT_URI, SCOPE, Facts
    from . import cast

    client = Client.objects.create(name="Benchmark", redirect_uris=REDIRECT_URI)
    secret = Client.objects.rotate_secret(client)
    users = cast.users(count)
    Consent.objects.bulk_create(
        Consent(user=user, client=client, scope=SCOPE, given_at=timezone.now()) for user in users
    )
    cookies = tuple(cast.session_cookie(user) for user in users)
    Facts(client_id=client.client_id, client_secret=secret, cookies=cookies).tell()


if __name__ == "__main__":
    main(int(os.environ["USERS"]))
