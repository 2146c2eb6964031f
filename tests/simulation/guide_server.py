"""An in-memory authorization server that follows the lifecycle guide, for testing the play."""

import json
import secrets
from collections.abc import Callable
from html import escape
from urllib.parse import parse_qsl, quote, urlencode

import httpx

URL = "http://localhost:8000"
APP_URL = "http://127.0.0.1:5000"
REQUEST = {
    "client_id": "presc_man_123",
    "redirect_uri": f"{APP_URL}/callback",
    "scope": "user profile",
    "state": "xyzABC123",
}
SECRET = "ITS_A_VERY_SECRET_KEY"
PASSWORD = "wonderland"
CSRF = "the-csrf-token-of-this-test-server"
CLAIMS = {
    "sub": "1",
    "username": "alice",
    "email": "alice@example.com",
    "name": "Alice Liddell",
    "given_name": "Alice",
    "family_name": "Liddell",
    "preferred_username": "alice",
    "updated_at": 1700000000,
}

Handler = Callable[[httpx.Request], httpx.Response]
Spoil = Callable[[httpx.Request, httpx.Response], httpx.Response]


class GuideServer:
    """
    Server for httpx.MockTransport, which calls it with each request.

    Args:
        spoil: may change or replace any response before it is returned; by default it changes nothing.
        url: base URL of the server, which is its issuer.
    """

    def __init__(self, spoil: Spoil = lambda request, response: response, *, url: str = URL) -> None:
        self.spoil = spoil
        self.url = url
        self.requests: list[httpx.Request] = []
        self.session = ""
        self.consent = False
        self.codes: set[str] = set()
        self.grants: dict[str, set[str]] = {}  # refresh token -> its live access tokens

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.port == 5000:
            return self.spoil(request, the_app(request))
        assert str(request.url).startswith(self.url), f"the play left the server: {request.url}"
        answer = getattr(
            self, f"{request.method.lower()}_{request.url.path.strip('/').replace('/', '_').replace('-', '_')}"
        )
        response: httpx.Response = answer(request)
        return self.spoil(request, response)

    # Pages

    def get_authorise(self, request: httpx.Request) -> httpx.Response:
        if dict(request.url.params) != {"response_type": "code", **REQUEST}:
            return page("This app cannot be connected", "", status=400)
        if not self.signed_in(request):
            return redirect(f"/login/?next={quote(request.url.raw_path.decode(), safe='/')}")
        return self.redirect_with_code() if self.consent else page("Allow?", consent_form())

    def post_authorise(self, request: httpx.Request) -> httpx.Response:
        fields = self.form_fields(request)
        if not self.signed_in(request) or "deny" in fields or fields | REQUEST != fields:
            return page("Not allowed", "", status=403)
        self.consent = True
        return self.redirect_with_code()

    def redirect_with_code(self) -> httpx.Response:
        code = f"SPL__{secrets.token_urlsafe(24)}"
        self.codes.add(code)
        answer = {"code": code, "state": REQUEST["state"], "iss": self.url}
        return redirect(f"{REQUEST['redirect_uri']}?{urlencode(answer)}")

    def get_login(self, request: httpx.Request) -> httpx.Response:
        form = f"""<form method="post">{csrf_input()}
            <input type="hidden" name="next" value="{escape(request.url.params["next"])}">
            <input name="username"><input type="password" name="password"><button>Sign in</button></form>"""
        return page("Sign in", form, cookies=[f"csrftoken={CSRF}; Path=/"])

    def post_login(self, request: httpx.Request) -> httpx.Response:
        fields = self.form_fields(request)
        if (fields["username"], fields["password"]) != ("alice", PASSWORD):
            return self.get_login(request)
        self.session = secrets.token_urlsafe()
        return redirect(fields["next"], cookies=[f"sessionid={self.session}; Path=/; HttpOnly"])

    def get_manage_apps(self, request: httpx.Request) -> httpx.Response:
        if not self.signed_in(request):
            return redirect("/login/?next=/manage-apps/")
        return page("Manage Connected Apps", deauthorise_form() if self.consent else "No connected apps")

    def post_oauth_deauthorise(self, request: httpx.Request) -> httpx.Response:
        assert self.form_fields(request)["client_id"] == REQUEST["client_id"]
        assert self.signed_in(request)
        self.forget()
        return redirect("/manage-apps/")

    def forget(self) -> None:
        self.consent = False
        self.codes.clear()
        self.grants.clear()

    def signed_in(self, request: httpx.Request) -> bool:
        return bool(self.session) and f"sessionid={self.session}" in request.headers.get("Cookie", "")

    def form_fields(self, request: httpx.Request) -> dict[str, str]:
        assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert f"csrftoken={CSRF}" in request.headers["Cookie"]
        assert request.headers["Origin"] == self.url
        fields = dict(parse_qsl(request.content.decode(), strict_parsing=True))
        assert fields.pop("csrfmiddlewaretoken") == CSRF
        return fields

    # Endpoints

    def post_token(self, request: httpx.Request) -> httpx.Response:
        message = self.message(request)
        match message.pop("grant_type"):
            case "authorization_code":
                code = message.pop("code")
                assert message == {"redirect_uri": REQUEST["redirect_uri"]}
                if code not in self.codes:
                    return invalid_grant()
                self.codes.remove(code)
                return self.tokens(set())
            case "refresh_token":
                if message["refresh_token"] not in self.grants:
                    return invalid_grant()
                return self.renew(message["refresh_token"])
            case other:
                raise AssertionError(f"grant_type {other}")

    def renew(self, refresh_token: str) -> httpx.Response:
        return self.tokens(self.grants.pop(refresh_token))

    def tokens(self, living: set[str], refresh_token: str = "") -> httpx.Response:
        access_token = f"AT_{secrets.token_urlsafe(24)}"
        refresh_token = refresh_token or f"RT_{secrets.token_urlsafe(24)}"
        self.grants[refresh_token] = living | {access_token}
        return answer_json(
            200,
            {
                "access_token": access_token,
                "token_type": "Bearer",
                "expires_in": 3600,
                "refresh_token": refresh_token,
                "scope": "user profile",
            },
        )

    def get_userinfo(self, request: httpx.Request) -> httpx.Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if any(token in living for living in self.grants.values()):
            return answer_json(200, CLAIMS)
        challenge = 'Bearer realm="test", error="invalid_token"' if token else 'Bearer realm="test"'
        return answer_json(401, {"error": "invalid_token"}, headers=[("WWW-Authenticate", challenge)])

    def post_oauth_revoke(self, request: httpx.Request) -> httpx.Response:
        self.revoke(self.message(request)["token"])
        return httpx.Response(200)

    def revoke(self, token: str) -> None:
        self.grants.pop(token, None)
        for living in self.grants.values():
            living.discard(token)

    def message(self, request: httpx.Request) -> dict[str, str]:
        assert request.headers["Content-Type"] == "application/json"
        assert "Cookie" not in request.headers
        message: dict[str, str] = json.loads(request.content)
        assert message.pop("client_id") == REQUEST["client_id"]
        assert message.pop("client_secret") == SECRET
        return message


def the_app(request: httpx.Request) -> httpx.Response:
    """The part of the client application that the play uses: the Connect button."""
    match request.method, str(request.url).removeprefix(APP_URL):
        case "GET", "/":
            form = '<form action="/connect/" method="post"><button>Connect to OAuth Service</button></form>'
            return page("Prescriptions", form)
        case "POST", "/connect/":
            pkce = {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256"}
            asked = {"response_type": "code", **REQUEST, "state": "of-the-app", **pkce}
            return redirect(f"{URL}/authorise/?{urlencode(asked)}")
        case other:
            raise AssertionError(f"the play asked the app for {other}")


def page(title: str, body: str, *, status: int = 200, cookies: list[str] | None = None) -> httpx.Response:
    html = f"<!doctype html><title>{title}</title><form action='/search/'><input name=q></form>{body}"
    headers = [("Content-Type", "text/html; charset=utf-8"), *(("Set-Cookie", cookie) for cookie in cookies or [])]
    return httpx.Response(status, headers=headers, text=html)


def redirect(location: str, *, cookies: list[str] | None = None) -> httpx.Response:
    headers = [("Location", location), *(("Set-Cookie", cookie) for cookie in cookies or [])]
    return httpx.Response(302, headers=headers)


def answer_json(
    status: int, members: dict[str, object], headers: list[tuple[str, str]] | None = None
) -> httpx.Response:
    fixed = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
    return httpx.Response(status, headers=[*fixed, *(headers or [])], content=json.dumps(members))


def invalid_grant() -> httpx.Response:
    return answer_json(400, {"error": "invalid_grant", "error_description": "code or token is not valid"})


def csrf_input() -> str:
    return f'<input type="hidden" name="csrfmiddlewaretoken" value="{CSRF}">'


def consent_form() -> str:
    kept = "".join(f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in REQUEST.items())
    return f"""<form method="post" action="/authorise/">{csrf_input()}{kept}
        <button type="submit">Allow</button><button type="submit" name="deny" value="1">Deny</button></form>"""


def deauthorise_form() -> str:
    return f"""<form method="post" action="/oauth/deauthorise/">{csrf_input()}
        <input type="hidden" name="client_id" value="{REQUEST["client_id"]}"><button>Revoke Access</button></form>"""
