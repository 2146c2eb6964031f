"""A device without a browser, and a user who connects it from a browser."""

import html
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.test import Client as Browser

from oauth_service.models import Client
from oauth_service.protocol.device_code import GRANT_TYPE
from tests.actors import FORM, through_the_entry

CLIENT_ID = "tv_app"


def new_tv_app(**changes: Any) -> Client:
    """A public client that can only connect devices."""
    columns = {
        "client_id": CLIENT_ID,
        "name": "Wonder TV",
        "operator": "Wonderland Media",
        "client_type": Client.ClientType.PUBLIC,
        "application_type": Client.ApplicationType.NATIVE,
        "grant_types": f"{GRANT_TYPE} refresh_token",
        "redirect_uris": "",
    } | changes
    client: Client = Client.objects.create(**columns)
    return client


@dataclass
class Device:
    """A device of a client, which knows only what the server sends it."""

    client: Client
    server: Browser = field(default_factory=through_the_entry)
    credentials: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.credentials = self.credentials or {"client_id": self.client.client_id}

    def post(self, url: str, **parameters: str) -> Any:
        """POST a form; parameters that are "" are left out."""
        sent = {name: value for name, value in (self.credentials | parameters).items() if value}
        return self.server.post(url, urlencode(sent), content_type=FORM)

    def begin(self, **changes: str) -> Any:
        """POST /device-authorization/."""
        return self.post("/device-authorization/", **changes)

    def begun(self, **changes: str) -> dict[str, Any]:
        """Members of the server's response to POST /device-authorization/."""
        response = self.begin(**changes)
        assert response.status_code == 200, response.content
        members: dict[str, Any] = response.json()
        return members

    def poll(self, device_code: str, **changes: str) -> Any:
        """POST /token/ with the device code."""
        return self.post("/token/", **({"grant_type": GRANT_TYPE, "device_code": device_code} | changes))

    def error(self, device_code: str, **changes: str) -> str:
        """Error in the response to a poll."""
        response = self.poll(device_code, **changes)
        assert response.status_code in (400, 401), response.content
        return str(response.json()["error"])

    def refresh(self, refresh_token: str) -> Any:
        """POST /token/ with a refresh token."""
        return self.post("/token/", grant_type="refresh_token", refresh_token=refresh_token)

    def userinfo(self, access_token: str) -> Any:
        """GET /userinfo/."""
        return self.server.get("/userinfo/", headers={"Authorization": f"Bearer {access_token}"})


@dataclass
class Visitor:
    """A user at /device/, in a browser that enforces CSRF checks."""

    user: User | None
    browser: Browser = field(default_factory=lambda: Browser(enforce_csrf_checks=True))

    def __post_init__(self) -> None:
        if self.user:
            self.browser.force_login(self.user)

    def open(self, url: str = "/device/") -> Any:
        """GET a URL of the server."""
        return self.browser.get(url.removeprefix("http://localhost:8000").removeprefix("https://id.example"))

    def send(self, page: Any, **fields: str) -> Any:
        """Send the form of a page, with some fields changed."""
        form = hidden_fields(page) | fields
        return self.browser.post("/device/", urlencode(form), content_type=FORM)

    def enter(self, user_code: str) -> Any:
        """Enter a code on the page; return the consent page if a device waits."""
        return self.send(self.open(), user_code=user_code)

    def allow(self, user_code: str, **fields: str) -> Any:
        """Enter a code and click Allow."""
        return self.send(self.enter(user_code), allow="1", **fields)

    def deny(self, user_code: str) -> Any:
        """Enter a code and click Deny."""
        return self.send(self.enter(user_code), deny="1")


def hidden_fields(page: Any) -> dict[str, str]:
    """Hidden fields of the form on a page that posts to /device/."""
    forms = re.findall(r"<form[^>]*action=\"/device/?\".*?</form>", page.content.decode(), re.DOTALL)
    assert len(forms) == 1, page.content.decode()
    found = re.findall(r'<input type="hidden"\s+name="([^"]+)"\s+value="([^"]*)"', forms[0])
    fields = {name: html.unescape(value) for name, value in found}
    ticked = re.findall(
        r'<input type="checkbox"\s+form="decision"\s+name="allow_scope"\s+value="([^"]*)"[^>]*\schecked',
        page.content.decode(),
    )
    return fields | ({"allow_scope": " ".join([*fields.get("allow_scope", "").split(), *ticked])} if ticked else {})
