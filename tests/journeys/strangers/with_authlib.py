"""A web application made with Authlib: form encoding, PKCE, HTTP Basic, configured by the server's metadata."""

import json
import sys

from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from tests.journeys.strangers.browser import Browser
from tests.journeys.strangers.report import tell


def main() -> None:
    """Authorise, exchange, call userinfo, refresh, revoke; print the results."""
    registered = json.load(sys.stdin)
    session = OAuth2Session(
        registered["client_id"],
        registered["client_secret"],
        redirect_uri=registered["redirect_uri"],
        scope="user profile",
        token_endpoint_auth_method="client_secret_basic",
        revocation_endpoint_auth_method="client_secret_basic",
        code_challenge_method="S256",
    )
    session.trust_env = False
    issuer = registered["issuer"]
    server = session.get(f"{issuer}/.well-known/oauth-authorization-server", withhold_token=True).json()
    code_verifier = generate_token(64)
    url, state = session.create_authorization_url(server["authorization_endpoint"], code_verifier=code_verifier)
    answer = Browser().allows(url, registered["redirect_uri"])
    token = dict(
        session.fetch_token(
            server["token_endpoint"], authorization_response=answer, state=state, code_verifier=code_verifier
        )
    )
    userinfo = session.get(f"{issuer}/userinfo/").json()
    refreshed = dict(session.refresh_token(server["token_endpoint"], refresh_token=token["refresh_token"]))
    revoked = session.revoke_token(server["revocation_endpoint"], token=refreshed["refresh_token"])
    after = session.get(f"{issuer}/userinfo/").status_code
    try:
        session.refresh_token(server["token_endpoint"], refresh_token=refreshed["refresh_token"])
        refused = ""
    except OAuthError as error:
        refused = str(error.error)
    tell(token=token, userinfo=userinfo, refreshed=refreshed, revoked=revoked.status_code, after=after, refused=refused)


if __name__ == "__main__":
    main()
