"""prompt, max_age, hints and acr_values at the authorization endpoint (OpenID Connect Core 1.0 section 3.1.2)."""

import base64
import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import time_machine
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from oauth_service.models import Client, SignIn
from tests.actors import FORM
from tests.clauses import clause
from tests.openid.conftest import CALLBACK, RelyingParty, answer_of, hidden_fields


@clause("OpenID Connect Core 1.0", "3.1.2.6")
def test_prompt_none_while_nobody_is_signed_in(rp: RelyingParty) -> None:
    """A client that asks in the background needs an error, and cannot show a page."""
    assert answer_of(rp.ask(prompt="none"))["error"] == "login_required"


@clause("OpenID Connect Core 1.0", "3.1.2.6")
def test_prompt_none_without_consent(rp: RelyingParty) -> None:
    """The user is signed in, but was never asked about this client."""
    rp.sign_in()
    assert answer_of(rp.ask(prompt="none"))["error"] == "consent_required"


@clause("OpenID Connect Core 1.0", "3.1.2.1")
def test_prompt_none_with_everything_allowed(rp: RelyingParty) -> None:
    """A client that asks in the background gets a code without any page."""
    rp.connect()
    assert "code" in answer_of(rp.ask(prompt="none"))


@clause("OpenID Connect Core 1.0", "3.1.2.1")
@pytest.mark.parametrize("changes", [{"prompt": "login"}, {"max_age": "0"}], ids=["prompt=login", "max_age=0"])
def test_a_fresh_sign_in_can_be_demanded(rp: RelyingParty, changes: dict[str, str]) -> None:
    """A client can make a signed-in user enter the password again. The auth_time shows it."""
    with time_machine.travel(timezone.now() - timedelta(minutes=5)):
        first = rp.claims(rp.tokens()["id_token"])
    page = rp.browser.get(rp.ask(**changes)["Location"])
    assert (page.status_code, b'name="password"' in page.content) == (200, True)
    again = rp.claims(rp.tokens(**changes)["id_token"])
    assert again["auth_time"] > first["auth_time"]
    assert again["sid"] == first["sid"]


def edited(parameters: dict[str, list[str]]) -> str:
    """Return the sealed value, edited to say that no fresh sign-in was demanded, with its original MAC."""
    sealed = base64.urlsafe_b64decode(parameters["interaction"][0] + "==")
    end = sealed.index(b"]") + 1
    at, _since, before, account, stepped_up = json.loads(sealed[:end])
    body = json.dumps([at, 1, before and "0" * len(before), account, stepped_up], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(body + sealed[end:]).rstrip(b"=").decode()


@pytest.mark.parametrize("changes", [{"prompt": "login"}, {"max_age": "0"}], ids=["prompt=login", "max_age=0"])
def test_a_demanded_fresh_sign_in_cannot_be_avoided(rp: RelyingParty, changes: dict[str, str]) -> None:
    """A user may leave the sealed value out, take it from another request, or edit it. Every attempt must fail."""
    rp.connect()
    onward = parse_qs(urlsplit(rp.ask(**changes)["Location"]).query)["next"][0]
    parameters = dict(parse_qs(urlsplit(onward).query))
    for sealed in (parameters["interaction"][0], "", "x" + parameters["interaction"][0], "AAAA", edited(parameters)):
        request = rp.request(**changes) | ({"interaction": sealed} if sealed else {})
        response = rp.browser.get("/authorise/", request)
        assert response["Location"].startswith("/login/?"), sealed
        if (
            sealed == parameters["interaction"][0]
        ):  # a login page that sent the user straight back must not know them any more
            rp.sign_in()


def test_a_sealed_sign_in_belongs_to_one_request(rp: RelyingParty) -> None:
    """A request with another state is another request."""
    rp.connect()
    location = rp.ask(prompt="login")["Location"]
    onward = rp.sign_in(location)["Location"]
    sealed = parse_qs(urlsplit(onward).query)["interaction"][0]
    other = rp.browser.get("/authorise/", rp.request(prompt="login", state="another") | {"interaction": sealed})
    assert other["Location"].startswith("/login/?")
    assert "code" in answer_of(rp.browser.get(onward))


def test_what_was_sealed_in_another_browser_signs_nobody_out(rp: RelyingParty) -> None:
    """Otherwise a link made in another browser would end the session of anyone who opens it."""
    rp.connect()
    with time_machine.travel(timezone.now() + timedelta(seconds=5)):
        thief = RelyingParty(rp.client, rp.user)
        thief.connect()
        link = parse_qs(urlsplit(thief.ask(prompt="login")["Location"]).query)["next"][0]
        assert rp.browser.get(link)["Location"].startswith("/login/?")
    assert rp.browser.get("/manage-apps/").status_code == 200


def test_the_consent_page_may_be_read_at_leisure(rp: RelyingParty) -> None:
    """max_age limits the age of the sign-in, and not the time for reading the page."""
    location = rp.ask(max_age="10")["Location"]
    page = rp.browser.get(rp.sign_in(location)["Location"])
    with time_machine.travel(timezone.now() + timedelta(minutes=10)):
        assert "code" in answer_of(rp.allow(page))


@clause("OpenID Connect Core 1.0", "3.1.2.1")
def test_prompt_consent_asks_again(rp: RelyingParty) -> None:
    """The user is asked even if everything was allowed before."""
    rp.connect()
    assert rp.ask().status_code == 302
    assert rp.ask(prompt="consent").status_code == 200
    assert "code" in rp.connect(prompt="consent")


@clause("OpenID Connect Core 1.0", "3.1.2.1")
def test_prompt_select_account_lets_the_person_choose(rp: RelyingParty) -> None:
    """The user may continue as the same person or as another."""
    rp.connect()
    page = rp.ask(prompt="select_account")
    text = page.content.decode()
    assert (page.status_code, "Continue as" in text) == (200, True)
    go_on = text.partition('<a class="button" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert "code" in answer_of(rp.browser.get(go_on))


@clause("OpenID Connect Core 1.0", "3.1.2.1")
def test_an_id_token_hint_names_who_is_expected(rp: RelyingParty) -> None:
    """The expected user continues. Another user has to sign in, or the client gets an error."""
    hint = rp.tokens()["id_token"]
    assert "code" in answer_of(rp.ask(prompt="none", id_token_hint=hint))
    User.objects.create_user("bob", password="builder")
    rp.browser.logout()
    rp.browser.login(username="bob", password="builder")
    assert answer_of(rp.ask(prompt="none", id_token_hint=hint))["error"] == "login_required"
    assert rp.ask(id_token_hint=hint)["Location"].startswith("/login/?")


@pytest.mark.parametrize("hint", ["nonsense", "e30.e30.e30", "alg none", "HS256", "another client's"])
def test_a_hint_that_is_not_ours_is_refused(rp: RelyingParty, hint: str) -> None:
    """alg none, HS256 under the public key, and a token of another client prove nothing."""
    import base64
    import hashlib
    import hmac
    import json

    genuine = rp.tokens()["id_token"]

    def encode(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    if hint == "alg none":
        hint = f"{encode(json.dumps({'alg': 'none', 'typ': 'JWT'}).encode())}.{genuine.split('.')[1]}."
    elif hint == "HS256":
        keys = rp.server.get("/jwks/").json()["keys"]
        signed = f"{encode(json.dumps({'alg': 'HS256', 'kid': keys[0]['kid']}).encode())}.{genuine.split('.')[1]}"
        mac = hmac.digest(json.dumps(keys[0]).encode(), signed.encode(), hashlib.sha256)
        hint = f"{signed}.{encode(mac)}"
    elif hint == "another client's":
        other = Client.objects.create(client_id="other", name="Other", redirect_uris=CALLBACK, scope="openid")
        other.choose_secret("x")
        other.requires_pkce = False
        other.save()
        code = RelyingParty(other, rp.user, rp.browser, rp.server).connect()["code"]
        body = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        form = urlencode(body | {"client_id": "other", "client_secret": "x"})
        hint = rp.server.post("/token/", form, content_type=FORM).json()["id_token"]
    assert answer_of(rp.ask(id_token_hint=hint))["error"] == "invalid_request"


def test_an_expired_hint_still_names_the_user(rp: RelyingParty) -> None:
    """ "the Authorization Server [...] SHOULD accept ID Tokens [...] even when the exp time has passed"."""
    with time_machine.travel(timezone.now() - timedelta(hours=3)):
        hint = rp.tokens()["id_token"]
    assert "code" in answer_of(rp.ask(prompt="none", id_token_hint=hint))


def test_every_parameter_survives_the_login_page(rp: RelyingParty) -> None:
    """After the login the request still has everything that the client asked for."""
    changes = {"ui_locales": "de", "acr_values": "gold", "max_age": "100", "claims": '{"userinfo":{"email":null}}'}
    location = rp.ask(**changes)["Location"]
    onward = parse_qs(urlsplit(location).query)["next"][0]
    sent = {name: value for name, [value] in parse_qs(urlsplit(onward).query).items()}
    assert sent == rp.request(**changes)
    page = rp.browser.get(rp.sign_in(location)["Location"])
    carried = hidden_fields(page)
    assert {name: carried[name] for name in changes} == changes


def test_a_stronger_sign_in_leads_to_the_projects_page(rp: RelyingParty, provider: Settings) -> None:
    """The user comes back from that page. If the acr is essential and still not reached, the client gets an error."""
    provider.OAUTH_SERVICE_STEP_UP_URLS = {"gold": "/second-factor/"}
    rp.sign_in()
    wanted = '{"id_token": {"acr": {"essential": true, "value": "gold"}}}'
    location = rp.ask(claims=wanted)["Location"]
    assert location.startswith("/second-factor/?next=/authorise/")
    back = parse_qs(urlsplit(location).query)["next"][0]
    assert answer_of(rp.browser.get(back))["error"] == "unmet_authentication_requirements"
    provider.OAUTH_SERVICE_AUTHENTICATION_EVENT = "tests.openid.test_prompts.gold"
    page = rp.browser.get(back)
    tokens = rp.exchange(answer_of(rp.allow(page))["code"]).json()
    claims = rp.claims(tokens["id_token"])
    assert (claims["acr"], claims["amr"]) == ("gold", ["pwd", "otp"])


def gold(request: Any) -> dict[str, Any]:
    """Return the event of a project with a second factor."""
    return {"acr": "gold", "amr": ["pwd", "otp"]}


@clause("OpenID Connect Core 1.0", "3.1.2.1")
@pytest.mark.parametrize(("acr", "told"), [("1", "1"), ("", None)])
def test_an_ordinary_sign_in_has_the_acr_of_the_settings(
    rp: RelyingParty, provider: Settings, acr: str, told: str | None
) -> None:
    """ "The Authentication Context Class satisfied by the authentication performed is returned as the acr Claim Value." """
    provider.OAUTH_SERVICE_ACR = acr
    claims = rp.claims(rp.tokens(acr_values="1 2")["id_token"])
    document = rp.server.get("/.well-known/openid-configuration").json()
    assert (claims.get("acr"), SignIn.objects.get().acr) == (told, acr)
    assert document.get("acr_values_supported") == ([acr] if acr else None)


@clause("OAuth 2.0 Multiple Response Type Encoding Practices", "2.1")
def test_the_answer_travels_as_the_request_says(rp: RelyingParty) -> None:
    """The answer is in the fragment, or in a form that works without scripts."""
    rp.connect()
    fragment = urlsplit(rp.ask(response_mode="fragment")["Location"])
    assert ("code" in parse_qs(fragment.fragment), fragment.query) == (True, "")
    page = rp.ask(response_mode="form_post")
    fields = hidden_fields(page)
    assert (page.status_code, set(fields), f'action="{CALLBACK}"' in page.content.decode()) == (
        200,
        {"code", "state", "iss"},
        True,
    )
    assert rp.exchange(fields["code"]).status_code == 200
    refused = rp.ask(response_mode="form_post", prompt="none login")
    assert hidden_fields(refused)["error"] == "invalid_request"


@clause("OpenID Connect Core 1.0", "3.1.2.1")
def test_an_authentication_request_may_come_by_post(rp: RelyingParty) -> None:
    """Any site may send the request. It needs no CSRF token, because it changes nothing."""
    rp.connect()
    response = rp.browser.post("/authorise/", urlencode(rp.request()), content_type=FORM)
    assert "code" in answer_of(response)


@pytest.mark.django_db(transaction=True)
def test_a_client_that_is_deleted_meanwhile_is_refused(rp: RelyingParty, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The client is deleted between the read of its consent and the INSERT for its sign-out: a refusal, not a failure.
    """
    rp.client.backchannel_logout_uri = "https://rp.example/backchannel"
    rp.client.save()
    rp.connect()
    genuine = type(SignIn.objects).add_client

    def too_late(*args: Any, **kwargs: Any) -> None:
        Client.objects.all().delete()
        genuine(*args, **kwargs)

    monkeypatch.setattr(type(SignIn.objects), "add_client", too_late)
    response = rp.ask()
    # The direct path hands over to Django, to which the client is unknown by then.
    assert response.status_code == 400 or answer_of(response)["error"] == "access_denied"
