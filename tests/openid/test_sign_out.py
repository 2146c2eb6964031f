"""Sign-out: RP-Initiated, Back-Channel and Front-Channel Logout 1.0."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.utils import timezone
from pytest_django import Settings

from oauth_service.models import Client, Delivery, Grant, SignIn, purge
from oauth_service.outbound import deliveries, fetch
from oauth_service.protocol import logout_token
from oauth_service.tokens import keys
from tests.actors import FORM
from tests.clauses import clause
from tests.openid.conftest import RelyingParty, hidden_fields

AFTER = "https://rp.example/signed-out"


@pytest.fixture(autouse=True)
def no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only deliver_due() sends messages."""
    monkeypatch.setattr(deliveries, "wake", lambda: None)


@pytest.fixture
def listening(rp: RelyingParty) -> RelyingParty:
    """A client that is told about sign-outs, and has a post-logout redirect URI."""
    rp.client.post_logout_redirect_uris = AFTER
    rp.client.backchannel_logout_uri = "https://rp.example/backchannel"
    rp.client.save()
    return rp


@pytest.fixture
def posted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The messages sent to clients, as URL and body. Every client accepts them."""
    sent: list[tuple[str, str]] = []

    def take(url: str, *, body: bytes, **_: Any) -> fetch.Response:
        sent.append((url, body.decode()))
        return fetch.Response(200, {}, b"")

    monkeypatch.setattr(fetch, "fetch", take)
    return sent


def is_signed_in(browser: Browser) -> bool:
    """Return whether a user is signed in."""
    return browser.get("/manage-apps/").status_code == 200


def sign_out(rp: RelyingParty, **parameters: str) -> Any:
    """Send GET /oauth/logout/."""
    return rp.browser.get("/oauth/logout/", parameters)


@clause("OpenID Connect RP-Initiated Logout 1.0", "2")
def test_a_hint_of_this_very_session_is_enough(listening: RelyingParty) -> None:
    """The user is not asked, and the browser goes to the client's registered URI with its state."""
    hint = listening.tokens()["id_token"]
    response = sign_out(listening, id_token_hint=hint, post_logout_redirect_uri=AFTER, state="s t")
    assert (response.status_code, response["Location"]) == (302, f"{AFTER}?state=s+t")
    assert not is_signed_in(listening.browser)


@clause("OpenID Connect RP-Initiated Logout 1.0", "2")
@pytest.mark.parametrize(
    "parameters", [{}, {"client_id": "rp"}, {"state": "st"}], ids=["nothing", "client_id", "state"]
)
def test_without_a_hint_the_person_is_asked(listening: RelyingParty, parameters: dict[str, str]) -> None:
    """Otherwise any page could sign users out by a link."""
    listening.connect()
    page = sign_out(listening, **parameters)
    assert (page.status_code, is_signed_in(listening.browser), b'name="logout"' in page.content) == (200, True, True)
    done = listening.browser.post("/oauth/logout/", urlencode(hidden_fields(page) | {"logout": "1"}), content_type=FORM)
    assert (done.status_code, is_signed_in(listening.browser)) == (200, False)


def test_another_sites_form_signs_nobody_out(listening: RelyingParty) -> None:
    """The user's answer carries our CSRF token."""
    listening.connect()
    listening.browser.handler.enforce_csrf_checks = True
    response = listening.browser.post("/oauth/logout/", urlencode({"logout": "1"}), content_type=FORM)
    assert (response.status_code, is_signed_in(listening.browser)) == (403, True)


@clause("OpenID Connect RP-Initiated Logout 1.0", "3")
@pytest.mark.parametrize(
    "uri", [AFTER + "?x=1", AFTER + "/", "https://evil.example/", "https://rp.example/callback", "javascript:alert(1)"]
)
def test_only_a_registered_address_is_gone_to(listening: RelyingParty, uri: str) -> None:
    """An open redirect would help phishing. A page reports the fault, and the user stays signed in."""
    hint = listening.tokens()["id_token"]
    response = sign_out(listening, id_token_hint=hint, post_logout_redirect_uri=uri)
    assert (response.status_code, is_signed_in(listening.browser)) == (400, True)


def test_the_address_of_another_client_is_not_gone_to(listening: RelyingParty) -> None:
    """Only the client that the hint names chooses where its users go."""
    elsewhere = "https://other.example/signed-out"
    Client.objects.create(
        client_id="other",
        name="Other",
        redirect_uris="https://other.example/cb",
        scope="openid",
        post_logout_redirect_uris=elsewhere,
    )
    hint = listening.tokens()["id_token"]
    response = sign_out(listening, id_token_hint=hint, post_logout_redirect_uri=elsewhere)
    assert (response.status_code, is_signed_in(listening.browser)) == (400, True)


@pytest.mark.parametrize("hint", ["nonsense", "a.b.c", ""])
def test_a_wrong_hint_is_said_on_a_page(listening: RelyingParty, hint: str) -> None:
    """A wrong hint does not prove its sender, so the server never redirects."""
    genuine = listening.tokens()["id_token"]
    response = sign_out(listening, id_token_hint=hint or genuine[:-4] + "AAAA", post_logout_redirect_uri=AFTER)
    assert (response.status_code, is_signed_in(listening.browser)) == (400, True)


@clause("OpenID Connect RP-Initiated Logout 1.0", "2")
def test_a_hint_of_another_client_is_refused(listening: RelyingParty) -> None:
    """client_id and the audience of the token must be the same."""
    hint = listening.tokens()["id_token"]
    assert sign_out(listening, id_token_hint=hint, client_id="somebody_else").status_code == 400


def test_a_hint_of_another_session_or_person_asks(listening: RelyingParty) -> None:
    """Such a hint proves nothing about this browser. An expired one of this session does."""
    with time_machine.travel(timezone.now() - timedelta(hours=2)):
        old = listening.tokens()["id_token"]
    other = RelyingParty(listening.client, listening.user)
    other.connect()
    assert (sign_out(other, id_token_hint=old).status_code, is_signed_in(other.browser)) == (200, True)
    assert (sign_out(listening, id_token_hint=old).status_code, is_signed_in(listening.browser)) == (200, False)


@clause("RFC 8725", "3.11")
@pytest.mark.parametrize(("typ", "status"), [("JWT", 302), ("at+jwt", 400), ("logout+jwt", 400)])
def test_only_an_id_token_is_a_hint(listening: RelyingParty, typ: str, status: int) -> None:
    """The same keys sign other kinds of tokens, so the claims alone do not make a hint."""
    claims = listening.claims(listening.tokens()["id_token"])
    hint = keys.sign(claims, algorithm="RS256", typ=typ, now=timezone.now())
    response = sign_out(listening, id_token_hint=hint, post_logout_redirect_uri=AFTER)
    assert (response.status_code, is_signed_in(listening.browser)) == (status, status == 400)


@clause("OpenID Connect Core 1.0", "5.3.2")
def test_a_signed_answer_of_userinfo_is_no_hint(listening: RelyingParty) -> None:
    """The response has the type of an ID token, but is none."""
    listening.client.userinfo_signed_response_alg = "RS256"
    listening.client.save()
    answer = listening.userinfo(listening.tokens()["access_token"]).content.decode()
    assert sign_out(listening, id_token_hint=answer).status_code == 400


@clause("OpenID Connect RP-Initiated Logout 1.0", "4")
@pytest.mark.parametrize(
    "wrong",
    [
        {"id_token_hint": "nonsense"},
        {"client_id": "rp", "post_logout_redirect_uri": "https://evil.example/"},
    ],
    ids=["hint", "address"],
)
def test_a_wrong_request_gets_a_page_about_signing_out(listening: RelyingParty, wrong: dict[str, str]) -> None:
    """The page says that nothing was done, and has a button to sign out unless the user is signed out already."""
    listening.connect()
    here, elsewhere = sign_out(listening, **wrong), Browser().get("/oauth/logout/", wrong)
    assert [page.status_code for page in (here, elsewhere)] == [400, 400]
    assert all(b"Its request was invalid, and nothing was done." in page.content for page in (here, elsewhere))
    signed_in = [b"You are still signed in here" in page.content for page in (here, elsewhere)]
    buttons = [b'action="/logout/" class="stack"' in page.content for page in (here, elsewhere)]
    assert (signed_in, buttons) == ([True, False], [True, False])


@clause("OpenID Connect Back-Channel Logout 1.0", "2.4")
def test_the_client_hears_of_it(listening: RelyingParty, posted: list[tuple[str, str]], alice: User) -> None:
    """The logout token has typ, iss, aud, sub, sid, iat, exp, jti and events, and no nonce."""
    tokens = listening.tokens()
    sid = listening.claims(tokens["id_token"])["sid"]
    sign_out(listening, id_token_hint=tokens["id_token"])
    assert deliveries.deliver_due(now=timezone.now()) == 1
    [(url, body)] = posted
    claims = listening.claims(parse_qs(body)["logout_token"][0], typ="logout+jwt", alg="RS256")
    assert (url, claims["iss"], claims["aud"], claims["sub"], claims["sid"], claims["events"]) == (
        *("https://rp.example/backchannel", "https://id.example", "rp", str(alice.pk), sid),
        {logout_token.EVENT: {}},
    )
    assert ("nonce" in claims, claims["exp"] - claims["iat"] <= 120, bool(claims["jti"])) == (False, True, True)
    assert not Delivery.objects.exists()


@clause("OpenID Connect Back-Channel Logout 1.0", "2.7")
def test_what_was_issued_without_offline_access_ends(listening: RelyingParty) -> None:
    """A refresh token with offline_access stays valid, and so does a plain OAuth connection."""
    online, offline = listening.tokens(), listening.tokens(scope="openid offline_access")
    plain = listening.tokens(scope="profile")
    sign_out(listening, id_token_hint=online["id_token"])
    alive = [listening.refresh(each["refresh_token"]).status_code for each in (online, offline, plain)]
    assert alive == [400, 200, 200]
    assert listening.userinfo(online["access_token"]).status_code == 401
    assert Grant.objects.count() == 2


def test_a_code_that_is_under_way_ends_too(listening: RelyingParty) -> None:
    """The code comes from the session that has ended."""
    tokens, code = listening.tokens(), listening.connect()["code"]
    sign_out(listening, id_token_hint=tokens["id_token"])
    assert listening.exchange(code).status_code == 400


def test_two_browsers_are_two_sessions(listening: RelyingParty) -> None:
    """Signing out of one session does not end the other."""
    other = RelyingParty(listening.client, listening.user)
    here, there = listening.tokens(), other.tokens()
    assert listening.claims(here["id_token"])["sid"] != other.claims(there["id_token"])["sid"]
    sign_out(listening, id_token_hint=here["id_token"])
    assert listening.refresh(here["refresh_token"]).status_code == 400
    assert other.refresh(there["refresh_token"]).status_code == 200


def test_every_way_out_tells_the_clients(listening: RelyingParty) -> None:
    """Our own button and any page of the project that calls Django's logout() tell the clients."""
    listening.connect()
    listening.browser.post("/logout/")
    assert Delivery.objects.count() == 1
    assert SignIn.objects.get().ended_at is not None


@clause("OpenID Connect Back-Channel Logout 1.0", "2.8")
def test_a_client_that_does_not_answer_is_tried_again_with_growing_pauses(
    listening: RelyingParty, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server gives up after the last attempt, and the operator can see it."""
    monkeypatch.setattr(fetch, "fetch", lambda *_, **__: fetch.Response(503, {}, b""))
    listening.connect()
    listening.browser.post("/logout/")
    now, pauses = timezone.now(), []
    while Delivery.objects.get().next_at:
        with time_machine.travel(now, tick=False):
            assert deliveries.deliver_due(now=timezone.now()) == 1
        message = Delivery.objects.get()
        if message.next_at:
            pauses.append((message.next_at - now).total_seconds())
            now = message.next_at
    assert (pauses == sorted(pauses), len(pauses) > 5, sum(pauses) > 12 * 3600) == (True, True, True)
    assert (message.last_error, deliveries.deliver_due(now=now + timedelta(days=2))) == ("it answered 503", 0)


def test_somebody_else_who_signs_in_signs_the_first_one_out(listening: RelyingParty) -> None:
    """Another user may sign in at the login page of prompt=login: the first session ends, and its clients are told."""
    tokens = listening.tokens()
    location = listening.ask(prompt="login")["Location"]
    User.objects.create_user("bob", password="builder")
    listening.browser.post(location, urlencode({"username": "bob", "password": "builder"}), content_type=FORM)
    assert is_signed_in(listening.browser)
    assert (Delivery.objects.count(), listening.refresh(tokens["refresh_token"]).status_code) == (1, 400)
    assert SignIn.objects.get(user=listening.user).ended_at


def test_who_was_only_sent_to_sign_in_again_is_in_the_same_session(listening: RelyingParty) -> None:
    """A project's login page may send a signed-in user straight back, and then the server forgets them for a moment."""
    tokens = listening.tokens()
    location = listening.ask(prompt="login")["Location"]
    for _straight_back in range(2):
        location = listening.browser.get(parse_qs(urlsplit(location).query)["next"][0])["Location"]
    assert not is_signed_in(listening.browser)
    assert listening.refresh(tokens["refresh_token"]).status_code == 200
    listening.sign_in(location)
    listening.browser.post("/logout/")
    assert (SignIn.objects.count(), SignIn.objects.filter(ended_at=None).count(), Delivery.objects.count()) == (1, 0, 1)


@pytest.mark.parametrize("way", ["our button", "the client's wish"])
def test_a_client_that_cannot_be_told_keeps_nobody_in(
    listening: RelyingParty, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    """
    The client became pairwise and the server has no key for that. The operator is told, and the user is signed out.
    """
    hint = listening.tokens()["id_token"]
    listening.client.subject_type = "pairwise"
    listening.client.save()
    if way == "our button":
        listening.browser.post("/logout/")
    else:
        page = sign_out(listening, id_token_hint=hint)
        fields = hidden_fields(page) | {"logout": "1"}
        listening.browser.post("/oauth/logout/", urlencode(fields), content_type=FORM)
    assert (is_signed_in(listening.browser), Delivery.objects.exists()) == (False, False)
    assert "cannot be reported to client rp: client rp is pairwise" in caplog.text


@pytest.mark.parametrize("again", ["the client asks", "the person signs in"])
def test_a_client_hears_of_it_however_long_the_session_lasts(
    listening: RelyingParty, settings: Settings, again: str
) -> None:
    """Activity in the session extends it beyond the time that the client's first row would be kept."""
    settings.SESSION_SAVE_EVERY_REQUEST = again == "the client asks"
    settings.OAUTH_SERVICE_REFRESH_TOKEN_LIFETIME = timedelta(days=7)
    begun = timezone.now()
    listening.connect()
    for days in range(10, 61, 10):
        with time_machine.travel(begun + timedelta(days=days)):
            purge.sweep(now=timezone.now())
            if again == "the client asks":
                assert is_signed_in(listening.browser)  # the session is saved, whichever path the request takes
                listening.ask()
            else:
                listening.sign_in("/login/?reauthenticate=1")
    with time_machine.travel(begun + timedelta(days=61)):
        assert is_signed_in(listening.browser)
        listening.browser.post("/logout/")
        assert Delivery.objects.count() == 1


@clause("OpenID Connect Front-Channel Logout 1.0", "2")
def test_frames_of_clients_are_loaded_under_a_matching_policy(listening: RelyingParty) -> None:
    """iss and sid are sent if the client wants them. The page continues by a link and a refresh."""
    listening.client.frontchannel_logout_uri = "https://rp.example/front?a=1"
    listening.client.frontchannel_logout_session_required = True
    listening.client.save()
    tokens = listening.tokens()
    sid = listening.claims(tokens["id_token"])["sid"]
    response = sign_out(listening, id_token_hint=tokens["id_token"], post_logout_redirect_uri=AFTER)
    page = response.content.decode().replace("&amp;", "&")
    frame = page.partition('<iframe src="')[2].partition('"')[0]
    assert parse_qs(urlsplit(frame).query) == {"a": ["1"], "iss": ["https://id.example"], "sid": [sid]}
    assert "frame-src https://rp.example" in response["Content-Security-Policy"]
    assert f'href="{AFTER}"' in page


@clause("OpenID Connect Front-Channel Logout 1.0", "3")
@pytest.mark.parametrize("onward", ["", "/manage-apps/?a=1"], ids=["to our own page", "to where the form says"])
def test_our_own_button_tells_clients_in_frames_too(listening: RelyingParty, onward: str) -> None:
    """Every sign-out of this server tells them. Then the page continues to the button's target."""
    listening.client.frontchannel_logout_uri = "https://rp.example/front"
    listening.client.save()
    listening.connect()
    response = listening.browser.post("/logout/", {"next": onward} if onward else {})
    page = response.content.decode()
    assert (response.status_code, is_signed_in(listening.browser)) == (200, False)
    assert '<iframe src="https://rp.example/front"' in page
    assert "frame-src https://rp.example" in response["Content-Security-Policy"]
    assert (f'href="{onward}" id="onward"' in page, "<script>" in page) == (bool(onward), bool(onward))


def test_without_openid_connect_there_is_no_such_endpoint(settings: Settings, guide: Any) -> None:
    """A sign-out of plain OAuth writes nothing."""
    assert guide.browser.get("/oauth/logout/").status_code == 404
    guide.ask()
    guide.browser.post("/logout/")
    assert not SignIn.objects.exists()
