"""A web application made with requests-oauthlib as in its documentation: form encoding, state, secret in the body."""

import json
import os
import sys

from oauthlib.oauth2 import InvalidGrantError, WebApplicationClient
from requests_oauthlib import OAuth2Session

from tests.journeys.strangers.browser import Browser
from tests.journeys.strangers.report import tell

os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # both sites are on this machine


def main() -> None:
    """Authorise, exchange, call userinfo, refresh, revoke; print the results."""
    registered = json.load(sys.stdin)
    credentials = {"client_id": registered["client_id"], "client_secret": registered["client_secret"]}
    issuer = registered["issuer"]
    client = WebApplicationClient(registered["client_id"])
    session = OAuth2Session(client=client, redirect_uri=registered["redirect_uri"], scope=["user", "profile"])
    session.trust_env = False
    url, _ = session.authorization_url(f"{issuer}/authorise/")
    answer = Browser().allows(url, registered["redirect_uri"])
    token = dict(
        session.fetch_token(
            f"{issuer}/token/",
            authorization_response=answer,
            include_client_id=True,
            client_secret=registered["client_secret"],
        )
    )
    userinfo = session.get(f"{issuer}/userinfo/").json()
    refreshed = dict(session.refresh_token(f"{issuer}/token/", refresh_token=token["refresh_token"], **credentials))
    url, headers, body = client.prepare_token_revocation_request(
        f"{issuer}/oauth/revoke/", refreshed["refresh_token"], "refresh_token", **credentials
    )
    revoked = session.request("POST", url, data=body, headers=headers, withhold_token=True)
    after = session.get(f"{issuer}/userinfo/").status_code
    try:
        session.refresh_token(f"{issuer}/token/", refresh_token=refreshed["refresh_token"], **credentials)
        refused = ""
    except InvalidGrantError as error:
        refused = error.error
    tell(token=token, userinfo=userinfo, refreshed=refreshed, revoked=revoked.status_code, after=after, refused=refused)


if __name__ == "__main__":
    main()
