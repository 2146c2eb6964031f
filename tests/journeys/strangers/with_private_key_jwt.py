"""A web application made with Authlib that signs with a key of its own: PrivateKeyJWT at the token and revocation endpoints."""

import json
import sys
import time

from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import import_key

from tests.journeys.strangers.browser import Browser
from tests.journeys.strangers.report import tell


def main() -> None:
    """Authorise, exchange, ask, refresh, revoke; print what came."""
    registered = json.load(sys.stdin)
    session = OAuth2Session(
        registered["client_id"],
        import_key(registered["private_key"]),
        redirect_uri=registered["redirect_uri"],
        scope="user profile",
        token_endpoint_auth_method="private_key_jwt",
        revocation_endpoint_auth_method="private_key_jwt",
        code_challenge_method="S256",
    )
    session.trust_env = False
    issuer = registered["issuer"]

    def sign_for_the_next_request() -> None:
        # Its own default is an hour; and it keeps the jti in the claims that it is given.
        claims = {"exp": int(time.time()) + 60}
        session.register_client_auth_method(PrivateKeyJWT(issuer, claims=claims, alg=registered["alg"]))

    server = session.get(f"{issuer}/.well-known/oauth-authorization-server", withhold_token=True).json()
    code_verifier = generate_token(64)
    url, state = session.create_authorization_url(server["authorization_endpoint"], code_verifier=code_verifier)
    answer = Browser().allows(url, registered["redirect_uri"])
    endpoint = server["token_endpoint"]
    sign_for_the_next_request()
    token = dict(session.fetch_token(endpoint, authorization_response=answer, state=state, code_verifier=code_verifier))
    userinfo = session.get(f"{issuer}/userinfo/").json()
    sign_for_the_next_request()
    refreshed = dict(session.refresh_token(endpoint, refresh_token=token["refresh_token"]))
    sign_for_the_next_request()
    revoked = session.revoke_token(server["revocation_endpoint"], token=refreshed["refresh_token"])
    after = session.get(f"{issuer}/userinfo/").status_code
    sign_for_the_next_request()
    try:
        session.refresh_token(endpoint, refresh_token=refreshed["refresh_token"])
        refused = ""
    except OAuthError as error:
        refused = str(error.error)
    tell(token=token, userinfo=userinfo, refreshed=refreshed, revoked=revoked.status_code, after=after, refused=refused)


if __name__ == "__main__":
    main()
