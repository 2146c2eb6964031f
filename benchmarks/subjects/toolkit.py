"""
Setup of django-oauth-toolkit: a confidential application, and signed-in users with a token, which is their consent.
"""

import os
import secrets
from dataclasses import replace
from datetime import timedelta

import django
from django.core.management import call_command


def main(count: int) -> None:
    """Fill the database."""
    django.setup()
    call_command("migrate", verbosity=0)
    from django.utils import timezone
    from oauth2_provider.models import AccessToken, Application

    from ..operations import REDIRECT_URI, Facts
    from . import cast

    is_hashed = os.environ.get("HASH_CLIENT_SECRET", "1") == "1"
    application = Application(
        name="Benchmark",
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
        redirect_uris=REDIRECT_URI,
        algorithm=Application.RS256_ALGORITHM if os.environ.get("OPENID") else Application.NO_ALGORITHM,
        hash_client_secret=is_hashed,
    )
    secret = application.client_secret
    application.save()
    users = cast.users(count)
    for user in users:
        AccessToken.objects.create(
            user=user,
            application=application,
            token=secrets.token_urlsafe(32),
            scope=os.environ["SCOPE"],
            expires=timezone.now() + timedelta(days=1),
        )
    cookies = tuple(cast.session_cookie(user) for user in users)
    facts = Facts(client_id=application.client_id, client_secret=secret, cookies=cookies)
    if os.environ.get("APIS"):
        service = Application(
            name="Benchmark Service",
            client_type=Application.CLIENT_CONFIDENTIAL,
            authorization_grant_type=Application.GRANT_CLIENT_CREDENTIALS,
            hash_client_secret=is_hashed,
        )
        service_secret = service.client_secret
        service.save()
        # A token's resource must be a prefix of the URL of its guarded view.
        api = f"http://127.0.0.1:{os.environ['SERVE_PORT']}/userinfo/"
        facts = replace(facts, service_id=service.client_id, service_secret=service_secret, resources=(api,))
    facts.tell()


if __name__ == "__main__":
    main(int(os.environ["USERS"]))
