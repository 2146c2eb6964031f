"""Alice's browser and the client's server, over real HTTP. Both keep every secret that passes."""

import re
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.production.deployment import PASSWORD, REDIRECT_URI

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Visit:
    """A visit to a served site; `secrets` holds all values that must not leak."""

    def __init__(self, *, base_url: str, client_secret: str) -> None:
        self.client_secret = client_secret
        self.secrets: set[str] = {client_secret, PASSWORD}
        self.browser = httpx.Client(base_url=base_url, timeout=20)
        self.server = httpx.Client(base_url=base_url, timeout=20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.browser.close()
        self.server.close()

    def submit(self, path: str, form: Mapping[str, str], *, page: str) -> httpx.Response:
        """Send a form of a page, with the page's CSRF token."""
        found = TOKEN.search(self.browser.get(page).text)
        assert found, page
        answer = self.browser.post(path, data={**form, "csrfmiddlewaretoken": found[1]})
        self.secrets |= {found[1], *self.browser.cookies.values()}
        return answer

    def sign_in(self, *, password: str = PASSWORD) -> httpx.Response:
        """Sign in at the login page."""
        return self.submit("/login/", {"username": "alice", "password": password}, page="/login/")

    def code(self, **changes: str) -> str:
        """Get a new code: Alice allows the request, unless she has before."""
        asked = {
            "response_type": "code",
            "client_id": "presc_man_123",
            "redirect_uri": REDIRECT_URI,
            "scope": "user profile",
            "state": "xyzABC123",
        } | changes
        answer = self.browser.get("/authorise/", params=asked)
        if answer.status_code == 200:
            form = {name: value for name, value in asked.items() if name != "response_type"}
            answer = self.submit("/authorise/", form, page=str(answer.url))
        [code] = parse_qs(urlsplit(answer.headers["location"]).query)["code"]
        self.secrets.add(code)
        return code

    def post(self, path: str, **body: str) -> httpx.Response:
        """Send JSON from the client's server, with its credentials."""
        body = {"client_id": "presc_man_123", "client_secret": self.client_secret} | body
        answer = self.server.post(path, json=body)
        said: dict[str, Any] = answer.json() if answer.content else {}
        self.secrets |= {said[name] for name in ("access_token", "refresh_token") if name in said}
        return answer

    def exchange(self, code: str, **changes: str) -> httpx.Response:
        """Exchange a code for tokens."""
        asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI}
        return self.post("/token/", **(asked | changes))

    def refresh(self, refresh_token: str) -> httpx.Response:
        """Exchange a refresh token for new tokens."""
        return self.post("/token/", grant_type="refresh_token", refresh_token=refresh_token)

    def userinfo(self, access_token: str) -> httpx.Response:
        """Ask for the claims about the user."""
        return self.server.get("/userinfo/", headers={"Authorization": f"Bearer {access_token}"})

    def revoke(self, token: str) -> httpx.Response:
        """Revoke a token."""
        return self.post("/oauth/revoke/", token=token)

    def deauthorise(self) -> httpx.Response:
        """End the connection."""
        return self.submit("/oauth/deauthorise/", {"client_id": "presc_man_123"}, page="/manage-apps/")
