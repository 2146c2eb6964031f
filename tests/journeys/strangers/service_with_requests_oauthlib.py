"""A service made with requests-oauthlib's BackendApplicationClient, as in its documentation."""

import json
import os
import sys

from oauthlib.oauth2 import BackendApplicationClient
from requests_oauthlib import OAuth2Session

from tests.journeys.strangers.report import tell

os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # the site is on this machine


def main() -> None:
    """Get a token, use it where it opens nothing, revoke it; print the results."""
    registered = json.load(sys.stdin)
    issuer, credentials = registered["issuer"], (registered["client_id"], registered["client_secret"])
    client = BackendApplicationClient(client_id=registered["client_id"], scope=["profile"])
    session = OAuth2Session(client=client)
    session.trust_env = False
    token = dict(session.fetch_token(f"{issuer}/token/", auth=credentials))
    userinfo = session.get(f"{issuer}/userinfo/")
    body = {"token": token["access_token"]}
    revoked = session.request("POST", f"{issuer}/oauth/revoke/", data=body, auth=credentials, withhold_token=True)
    after = session.get(f"{issuer}/userinfo/").status_code
    tell(token=token, userinfo=userinfo.json(), status=userinfo.status_code, revoked=revoked.status_code, after=after)


if __name__ == "__main__":
    main()
