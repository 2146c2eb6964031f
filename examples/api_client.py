"""
Client for `make run-api`: from the API's address alone it finds the server, registers, opens a browser, and calls the
API.
"""

import re
import sys
import webbrowser
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import requests
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session


class Landing(BaseHTTPRequestHandler):
    """Redirect URI of the client."""

    arrived = ""

    def do_GET(self) -> None:
        """Keep the server's response, and send the user back to the terminal."""
        Landing.arrived = self.path
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"You can close this page.")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name is the standard library's
        """Log nothing: the request line holds the code."""


def challenge_of(answer: requests.Response) -> dict[str, str]:
    """Parameters of the WWW-Authenticate header (RFC 6750 section 3)."""
    return dict(re.findall(r'(\w+)="([^"]*)"', answer.headers["WWW-Authenticate"]))


def connect(landing: HTTPServer, url: str, challenge: dict[str, str], client: dict[str, Any]) -> OAuth2Session:
    """Ask the user for the access that a challenge demands (RFC 9728, RFC 8414, RFC 7591), and get a token for it."""
    resource = requests.get(challenge["resource_metadata"], timeout=10).json()
    [issuer] = resource["authorization_servers"]
    server = requests.get(f"{issuer}/.well-known/oauth-authorization-server", timeout=10).json()
    redirect_uri = f"http://127.0.0.1:{landing.server_port}/callback"
    if not client:
        about = {
            "client_name": "Example API client",
            "redirect_uris": [redirect_uri],
            "token_endpoint_auth_method": "none",
        }
        client |= requests.post(server["registration_endpoint"], json=about, timeout=10).json()
    session = OAuth2Session(
        client["client_id"],
        redirect_uri=redirect_uri,
        scope=challenge["scope"],
        token_endpoint_auth_method="none",
        code_challenge_method="S256",
    )
    verifier = generate_token(64)
    address, state = session.create_authorization_url(
        server["authorization_endpoint"], code_verifier=verifier, resource=resource["resource"]
    )
    print(f"\nAllow it in your browser:\n{address}\n", flush=True)
    webbrowser.open(address)
    landing.handle_request()
    session.fetch_token(
        server["token_endpoint"],
        authorization_response=f"http://127.0.0.1{Landing.arrived}",
        state=state,
        code_verifier=verifier,
    )
    return session


def main(url: str) -> None:
    """Read all prescriptions, and order the first one, for which the API wants more scope."""
    client: dict[str, Any] = {}
    with HTTPServer(("127.0.0.1", 0), Landing) as landing:
        session = connect(landing, url, challenge_of(requests.get(url, timeout=10)), client)
        print(f"GET {url}: {session.get(url).text}", flush=True)
        refused = session.post(f"{url}/1")
        print(f"POST {url}/1: {refused.status_code} {refused.text}", flush=True)
        session = connect(landing, url, challenge_of(refused), client)
        print(f"POST {url}/1: {session.post(f'{url}/1').text}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:5011/prescriptions")
