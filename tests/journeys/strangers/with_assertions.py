"""
A web application made with Authlib that authenticates by assertions at the token and revocation endpoints.

It uses PrivateKeyJWT with a key of its own, or ClientSecretJWT with its secret.
"""

import json
import sys
import time

from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import ClientSecretJWT, PrivateKeyJWT
from joserfc.jwk import import_key

from tests.journeys.strangers.browser import Browser
from tests.journeys.strangers.report import tell


def main() -> None:
    """Authorise, exchange, call userinfo, refresh, revoke; print the results."""
    registered = json.load(sys.stdin)
    by_secret = "client_secret" in registered
    method = "client_secret_jwt" if by_secret else "private_key_jwt"
    session = OAuth2Session(
        registered["client_id"],
        registered["client_secret"] if by_secret else import_key(registered["private_key"]),
        redirect_uri=registered["redirect_uri"],
        scope="user profile",
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
        code_challenge_method="S256",
    )
    session.trust_env = False
    issuer = registered["issuer"]

    def sign_for_the_next_request() -> None:
        # Authlib's default is an hour, and it stores the jti in the claims it is given.
        claims = {"exp": int(time.time()) + 60}
        kind = ClientSecretJWT if by_secret else PrivateKeyJWT
        session.register_client_auth_method(kind(issuer, claims=claims, alg=registered["alg"]))

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
