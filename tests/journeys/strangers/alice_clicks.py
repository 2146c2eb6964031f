"""
A browser that acts as Alice: BROWSER="python -m tests.journeys.strangers.alice_clicks %s &" lets any program open it.
"""

import sys
from urllib.parse import parse_qs, urlsplit

import requests

from tests.journeys.strangers.browser import Browser


def main(authorization_url: str) -> None:
    """Sign in, allow, and follow the redirect to the program that has opened the browser."""
    [redirect_uri] = parse_qs(urlsplit(authorization_url).query)["redirect_uri"]
    requests.get(Browser().allows(authorization_url, redirect_uri), timeout=60, proxies={"http": ""})


if __name__ == "__main__":
    main(sys.argv[1])
