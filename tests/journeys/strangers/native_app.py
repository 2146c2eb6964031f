"""A native app made with Authlib (RFC 8252): no secret, PKCE, and any free loopback port."""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from tests.journeys.strangers.browser import Browser
from tests.journeys.strangers.report import tell


class Landing(BaseHTTPRequestHandler):
    """Redirect URI of the app."""

    arrived = ""

    def do_GET(self) -> None:
        """Keep the server's response, and send the user back to the app."""
        Landing.arrived = self.path
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name is the standard library's
        """Log nothing: the request line holds the code."""


def main() -> None:
    """Authorise, exchange, call userinfo, refresh, revoke; print the results."""
    registered = json.load(sys.stdin)
    issuer = registered["issuer"]
    with HTTPServer(("127.0.0.1", 0), Landing) as app:
        Thread(target=app.handle_request).start()
        redirect_uri = f"http://127.0.0.1:{app.server_port}/callback"
        session = OAuth2Session(
            registered["client_id"],
            redirect_uri=redirect_uri,
            scope="user",
            token_endpoint_auth_method="none",
            revocation_endpoint_auth_method="none",
            code_challenge_method="S256",
        )
        session.trust_env = False
        code_verifier = generate_token(64)
        url, state = session.create_authorization_url(f"{issuer}/authorise/", code_verifier=code_verifier)
        browser = Browser()
        requests.get(browser.allows(url, redirect_uri), timeout=10, proxies={"http": ""})
    token = dict(
        session.fetch_token(
            f"{issuer}/token/",
            authorization_response=f"http://127.0.0.1{Landing.arrived}",
            state=state,
            code_verifier=code_verifier,
        )
    )
    userinfo = session.get(f"{issuer}/userinfo/").json()
    refreshed = dict(session.refresh_token(f"{issuer}/token/", refresh_token=token["refresh_token"]))
    revoked = session.revoke_token(f"{issuer}/oauth/revoke/", token=refreshed["refresh_token"])
    after = session.get(f"{issuer}/userinfo/").status_code
    try:
        session.refresh_token(f"{issuer}/token/", refresh_token=refreshed["refresh_token"])
        refused = ""
    except OAuthError as error:
        refused = str(error.error)
    tell(token=token, userinfo=userinfo, refreshed=refreshed, revoked=revoked.status_code, after=after, refused=refused)


if __name__ == "__main__":
    main()
