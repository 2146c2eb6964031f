"""A Django site with sign-in as in the README, by Authlib's Django integration."""

import re
from types import SimpleNamespace
from typing import Any

from authlib.integrations.django_client import token_update
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path

from config.sites import ROOT
from tests.journeys.strangers import django_site

PASSAGE = re.compile(
    r"^### Sign in with it\n.*?^```python\n(?P<settings>.*?)^# views\.py of the app\n(?P<views>.*?)^```",
    re.MULTILINE | re.DOTALL,
)


def passage(registered: django_site.Registration) -> tuple[str, str]:
    """The README's settings and views, with this site's addresses and registration."""
    found = PASSAGE.search((ROOT / "README.md").read_text())
    assert found, "the README shows no Python under 'Sign in with it'"
    parts = found["settings"], found["views"]
    for there, here in (
        ("https://auth.example.com", registered.issuer),
        ("https://app.example.com", registered.site),
        ("THE_CLIENT_ID", registered.client_id),
        ("THE_CLIENT_SECRET", registered.client_secret),
    ):
        assert there in "".join(parts), there
        parts = parts[0].replace(there, here), parts[1].replace(there, here)
    return parts


def run(source: str, **names: Any) -> SimpleNamespace:
    """Names that a part of the README defines."""
    exec(compile(source, "README.md", "exec"), names)  # noqa: S102 -- our own README
    return SimpleNamespace(**names)


def main() -> None:
    """Serve the README's views, and a page, a renewal and a sign-out around them."""
    registered = django_site.registration()
    settings, views = passage(registered)
    django_site.configure(registered, AUTHLIB_OAUTH_CLIENTS=run(settings).AUTHLIB_OAUTH_CLIENTS)

    def signed_in(request: HttpRequest, token: dict[str, Any]) -> HttpResponse:
        request.session["token"] = token
        return HttpResponseRedirect("/")

    readme = run(views, __name__="views", signed_in=signed_in)
    login = readme.login

    def home(request: HttpRequest) -> HttpResponse:
        told = None
        if token := request.session.get("token"):
            told = {"claims": token["userinfo"], "userinfo": login.userinfo(token=token), "token": token}
        return django_site.page(
            request, told, ("Sign in", "post", "/sign-in"), ("Renew", "post", "/renew"), ("Sign out", "post", "/leave")
        )

    def renew(request: HttpRequest) -> HttpResponse:
        """Use an expired token; Authlib renews it by itself and sends its signal."""

        def keep(token: dict[str, Any], **_: object) -> None:
            claims = login.parse_id_token(token, nonce=None)
            request.session["token"] = {**token, "userinfo": claims}

        token_update.connect(keep)
        try:
            login.userinfo(token={**request.session["token"], "expires_at": 1})
        finally:
            token_update.disconnect(keep)
        return HttpResponseRedirect("/")

    def leave(request: HttpRequest) -> HttpResponse:
        hint = request.session.pop("token")["id_token"]
        after = f"{registered.site}/signed-out"
        answer: HttpResponse = login.logout_redirect(request, post_logout_redirect_uri=after, id_token_hint=hint)
        return answer

    def signed_out(request: HttpRequest) -> HttpResponse:
        login.validate_logout_response(request)
        return HttpResponseRedirect("/")

    django_site.serve(
        registered,
        path("", home),
        path("sign-in", readme.sign_in),
        path("callback", readme.callback),
        path("renew", renew),
        path("leave", leave),
        path("signed-out", signed_out),
    )


if __name__ == "__main__":
    main()
