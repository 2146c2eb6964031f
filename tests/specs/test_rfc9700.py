"""RFC 9700, Best Current Practice for OAuth 2.0 Security: the rules for an authorization server."""

import base64
import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.test import Client as Browser
from django.utils import timezone

from oauth_service.models import AuthorizationCode
from tests.clauses import clause
from tests.guide import FORM, SECRET, Guide
from tests.specs.answers import is_page, refusal_of, sent_back
from tests.specs.appendix_b import CHALLENGE, CHALLENGED, VERIFIER
from tests.specs.public import PublicGuide

# -- 4.11 open redirectors -------------------------------------------------------------------------------------------


def signed_in_then(browser: Browser, response: Any) -> Any:
    """Follow a redirect to the login, sign in as Alice there, and follow the redirect from it."""
    landed = browser.get(response["Location"])
    form = {"username": "alice", "password": "wonderland", "next": landed.context["next"]}
    return browser.get(browser.post("/login/", form)["Location"])


FAULTS = pytest.mark.parametrize(
    ("query", "error"),
    [
        ("response_type=code&scope=everything", "invalid_scope"),
        ("response_type=token", "unsupported_response_type"),
        ("scope=user", "invalid_request"),
        ("response_type=code&scope=user&scope=user", "invalid_request"),
        ("response_type=code&code_challenge=short&code_challenge_method=S256", "invalid_request"),
        ("response_type=code&request=a.b.c", "request_not_supported"),
    ],
)
TARGET = "client_id=presc_man_123&redirect_uri=http%3A%2F%2F127.0.0.1%3A5000%2Fcallback&state=xyzABC123&"


@clause("RFC 9700", "4.11.2")
@FAULTS
def test_a_mistaken_request_takes_nobody_anywhere_before_they_signed_in(guide: Guide, query: str, error: str) -> None:
    """
    "The authorization server MUST always authenticate the user first and, with the exception of the silent
    authentication use case, prompt the user for credentials when needed, before redirecting the user."

    Otherwise anyone who registers a client would get links that look like ours and lead to their own page at once.
    """
    response = guide.browser.get(f"/authorise/?{TARGET}{query}")
    assert (response.status_code, response["Location"].partition("?")[0]) == (302, "/login/")
    answer = sent_back(signed_in_then(guide.browser, response))
    assert (answer["error"], answer["state"]) == (error, "xyzABC123")


@clause("RFC 9700", "4.11.2")
@FAULTS
def test_nor_does_one_sent_by_post(guide: Guide, query: str, error: str) -> None:
    """Another site can send a form as easily as a link; without a response_type, a POST is an answer from the consent page."""
    response = guide.browser.post("/authorise/", TARGET + query, content_type=FORM)
    assert response["Location"].startswith("/login/?next=/authorise/")
    if "response_type" in query:
        assert sent_back(signed_in_then(guide.browser, response))["error"] == error


@clause("RFC 9700", "4.11.2")
def test_a_target_that_is_not_verified_is_told_without_signing_in(guide: Guide) -> None:
    """The page does not redirect, so users need not sign in to read it."""
    assert is_page(guide.browser.get("/authorise/", guide.request(redirect_uri="https://evil.example/")))


# -- 2.1, 4.1 redirection --------------------------------------------------------------------------------------------


@clause("RFC 9700", "2.1")
@pytest.mark.parametrize("uri", ["https://app.example/*", "https://*.app.example/cb", "https://app.example/cb?*"])
def test_there_are_no_patterns(guide: Guide, uri: str) -> None:
    """
    "When comparing client redirection URIs against pre-registered URIs, authorization servers MUST utilize exact string matching
    except for port numbers in localhost redirection URIs of native apps". A star, if allowed at all, only matches a star.
    """
    guide.client.redirect_uris = uri
    guide.client.save()
    for sent in (
        "https://app.example/cb",
        "https://a.app.example/cb",
        "https://app.example/cb?x",
        "https://evil.example/",
    ):
        assert is_page(guide.ask(redirect_uri=sent))


@clause("RFC 9700", "2.6")
@pytest.mark.parametrize(
    "uri", ["http://app.example/callback", "http://192.0.2.1/callback", "http://127.0.0.1.example/"]
)
def test_no_answer_travels_in_the_clear(guide: Guide, uri: str) -> None:
    """
    "[...] authorization servers MUST NOT allow redirection URIs that use the http scheme except for native clients that use
    loopback interface redirection".
    """
    guide.client.redirect_uris = uri
    with pytest.raises(ValidationError) as refusal:
        guide.client.full_clean()
    assert set(refusal.value.message_dict) == {"redirect_uris"}


@clause("RFC 9700", "2.6")
def test_no_script_of_another_origin_reads_the_authorization_endpoint(guide: Guide) -> None:
    """
    "[...] CORS MUST NOT be supported at the authorization endpoint, as the client does not access this endpoint directly". The
    token endpoint and the metadata MAY support it, and do, without credentials.
    """
    origin = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    guide.browser.force_login(guide.alice)
    pages = [
        guide.browser.get("/authorise/", guide.request(), headers=origin),
        guide.browser.options("/authorise/", headers=origin),
        guide.answer(),
    ]
    assert [name for page in pages for name in page.headers if name.startswith("Access-Control-")] == []
    for path in ("/token/", "/.well-known/oauth-authorization-server"):
        preflight = guide.server.options(path, headers=origin)
        assert preflight["Access-Control-Allow-Origin"] == "*"
        assert not preflight.has_header("Access-Control-Allow-Credentials")


@clause("RFC 9700", "2.6")
def test_metadata_is_published(guide: Guide) -> None:
    """ "It is therefore RECOMMENDED that authorization servers publish OAuth Authorization Server Metadata"."""
    assert guide.server.get("/.well-known/oauth-authorization-server").json()["issuer"] == "http://localhost:8000"


# -- 2.1.1, 4.5, 4.8 PKCE and code injection -------------------------------------------------------------------------


@clause("RFC 9700", "2.1.1")
def test_pkce_is_supported_and_told_to_be(guide: Guide) -> None:
    """ "Authorization servers MUST support PKCE [RFC7636]. [...] MUST provide a way to detect their support for PKCE." """
    document = guide.server.get("/.well-known/oauth-authorization-server").json()
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert guide.exchange(guide.code(**CHALLENGED), code_verifier=VERIFIER).status_code == 200


@clause("RFC 9700", "2.1.1")
def test_a_challenge_that_was_sent_is_enforced(guide: Guide) -> None:
    """
    "If a client sends a valid PKCE code_challenge parameter in the authorization request, the authorization server MUST enforce
    the correct usage of code_verifier at the token endpoint." This includes a client with a secret that need not use PKCE.
    """
    code = guide.code(**CHALLENGED)
    for verifier in ("", "a" * 43, CHALLENGE):
        assert refusal_of(guide.exchange(code, code_verifier=verifier)) == (400, "invalid_grant")


@clause("RFC 9700", "4.5")
def test_a_code_that_is_injected_into_another_session_is_worthless(guide: Guide) -> None:
    """
    The attacker has Alice's code and redeems it through the honest client, in a session of his own. The client sends its
    secret, the right redirect_uri and the verifier of that session; only the verifier does not belong to the code.
    """
    stolen = guide.code(**CHALLENGED)
    own_verifier = "attackers-own-session-" * 2
    assert refusal_of(guide.exchange(stolen, code_verifier=own_verifier)) == (400, "invalid_grant")
    assert guide.exchange(stolen, code_verifier=VERIFIER).status_code == 200


@clause("RFC 9700", "4.8.2")
@pytest.mark.parametrize("verifier", [VERIFIER, CHALLENGE, "x"])
def test_a_verifier_without_a_challenge_is_refused(guide: Guide, verifier: str) -> None:
    """
    "[...] to prevent PKCE downgrade attacks, the authorization server MUST ensure that if there was no code_challenge in the
    authorization request, a request to the token endpoint containing a code_verifier is rejected."
    """
    code = guide.code()
    assert refusal_of(guide.exchange(code, code_verifier=verifier)) == (400, "invalid_grant")
    assert guide.exchange(code).status_code == 200


@clause("RFC 9700", "4.8.2")
def test_the_challenge_cannot_be_stripped_on_the_consent_page(guide: Guide) -> None:
    """Between request and answer the browser has the parameters; the code is for those that came back."""
    guide.client.requires_pkce = True
    guide.client.save()
    guide.ask(**CHALLENGED)
    assert sent_back(guide.answer())["error"] == "invalid_request"


# -- 2.1.2, 2.4 grant types of the past ------------------------------------------------------------------------------


@clause("RFC 9700", "2.1.2")
@pytest.mark.parametrize("response_type", ["token", "id_token token", "code token"])
def test_no_access_token_comes_by_the_browser(guide: Guide, response_type: str) -> None:
    """ "[...] clients SHOULD NOT use the implicit grant (response type token) or other response types issuing access tokens"."""
    response = guide.ask(response_type=response_type)
    assert sent_back(response)["error"] == "unsupported_response_type"
    assert "AT_" not in response["Location"]


@clause("RFC 9700", "2.4")
def test_no_client_sees_a_password(guide: Guide) -> None:
    """ "The resource owner password credentials grant [RFC6749] MUST NOT be used", even if a client is registered for it."""
    guide.client.grant_types = "password authorization_code"
    guide.client.save()
    body = {"grant_type": "password", "username": "alice", "password": "wonderland"}
    credentials = {"client_id": guide.client.client_id, "client_secret": SECRET}
    assert refusal_of(guide.post("/token/", body | credentials)) == (400, "unsupported_grant_type")


# -- 2.2.2, 4.14 refresh tokens --------------------------------------------------------------------------------------


@clause("RFC 9700", "2.2.2")
def test_refresh_tokens_rotate_for_public_clients(public: PublicGuide) -> None:
    """ "Refresh tokens for public clients MUST be sender-constrained or use refresh token rotation"."""
    first = public.tokens()["refresh_token"]
    second = public.refresh(first).json()["refresh_token"]
    third = public.refresh(second).json()["refresh_token"]
    assert len({first, second, third}) == 3


@clause("RFC 9700", "4.14.2")
@pytest.mark.parametrize("who", ["public", "confidential"])
def test_a_refresh_token_of_the_past_ends_everything(guide: Guide, public: PublicGuide, who: str) -> None:
    """
    "The authorization server cannot determine which party submitted the invalid refresh token, but it will revoke the active
    refresh token. This stops the attack at the cost of forcing the legitimate client to obtain a fresh authorization grant."
    """
    client = public if who == "public" else guide
    first = client.tokens()
    second = client.refresh(first["refresh_token"]).json()
    third = client.refresh(second["refresh_token"]).json()
    assert refusal_of(client.refresh(first["refresh_token"])) == (400, "invalid_grant")
    assert refusal_of(client.refresh(third["refresh_token"])) == (400, "invalid_grant")
    assert [client.is_alive(tokens["access_token"]) for tokens in (first, second, third)] == [False] * 3


@clause("RFC 9700", "4.14.2")
@pytest.mark.parametrize("scope", ["user profile everything", 'user "', ""])
def test_a_replay_is_known_whatever_scope_it_asks_for(guide: Guide, scope: str) -> None:
    """A thief who asks for too much must not leave the theft undetected."""
    first = guide.tokens()["refresh_token"]
    current = guide.refresh(guide.refresh(first).json()["refresh_token"]).json()
    assert refusal_of(guide.refresh(first, scope=scope)) == (400, "invalid_grant")
    assert not guide.is_alive(current["access_token"])


@clause("RFC 9700", "4.14.2")
@pytest.mark.parametrize(("seconds", "status"), [(0, 200), (120, 200), (121, 400)])
def test_an_answer_that_was_lost_is_given_again_for_a_while(guide: Guide, seconds: int, status: int) -> None:
    """
    A lost response is no theft: within the window the previous token gets the same successor, so that there is still only one.
    After it the "previous refresh token is invalidated", and presenting it is a replay.
    """
    now = timezone.now()
    first = guide.tokens()["refresh_token"]
    with time_machine.travel(now, tick=False):
        successor = guide.refresh(first).json()["refresh_token"]
    with time_machine.travel(now + timedelta(seconds=seconds), tick=False):
        again = guide.refresh(first)
        assert again.status_code == status
        if status == 200:
            assert again.json()["refresh_token"] == successor
        assert guide.refresh(successor).status_code == status


@clause("RFC 9700", "4.14.2")
def test_a_refresh_token_that_is_not_used_expires(guide: Guide) -> None:
    """ "Refresh tokens SHOULD expire if the client has been inactive for some time". Each use starts a new lifetime."""
    now = timezone.now()
    with time_machine.travel(now, tick=False):
        used, idle = guide.tokens()["refresh_token"], guide.tokens()["refresh_token"]
    with time_machine.travel(now + timedelta(days=29), tick=False):
        used = guide.refresh(used).json()["refresh_token"]
    with time_machine.travel(now + timedelta(days=31), tick=False):
        assert refusal_of(guide.refresh(idle)) == (400, "invalid_grant")
        assert guide.refresh(used).status_code == 200


@clause("RFC 9700", "4.14.2")
def test_a_refresh_token_is_bound_to_what_was_consented(guide: Guide) -> None:
    """ "[...] those refresh tokens MUST be bound to the scope and resource servers as consented by the resource owner." """
    narrow = guide.tokens(scope="user")["refresh_token"]
    guide.tokens(scope="user profile")
    assert refusal_of(guide.refresh(narrow, scope="profile")) == (400, "invalid_scope")
    assert guide.refresh(narrow).json()["scope"] == "user"


@clause("RFC 9700", "4.14.2")
def test_the_integrity_of_a_refresh_token_is_ensured(guide: Guide) -> None:
    """
    "The grant to which a refresh token belongs may be encoded into the refresh token itself. [...] Authorization servers MUST
    ensure the integrity of the refresh token value in this case". A token of another generation cannot be forged.
    """
    token = guide.tokens()["refresh_token"]
    sealed = bytearray(base64.urlsafe_b64decode(token.removeprefix("RT_") + "=" * (-(len(token) - 3) % 4)))
    for place in range(0, len(sealed), 5):
        forged = bytes([*sealed[:place], sealed[place] ^ 1, *sealed[place + 1 :]])
        text = "RT_" + base64.urlsafe_b64encode(forged).rstrip(b"=").decode()
        assert refusal_of(guide.refresh(text)) == (400, "invalid_grant")
    assert guide.refresh(token).status_code == 200


@clause("RFC 9700", "2.3")
def test_an_access_token_has_the_least_that_was_asked_for(guide: Guide) -> None:
    """ "The privileges associated with an access token SHOULD be restricted to the minimum required"."""
    guide.tokens(scope="user profile")
    claims = guide.userinfo(guide.tokens(scope="profile")["access_token"]).json()
    assert {"username", "email"} & set(claims) == set()


# -- 4.2, 4.3 leaks --------------------------------------------------------------------------------------------------


@clause("RFC 9700", "4.2.4")
def test_the_pages_leak_nothing_by_the_referrer(guide: Guide) -> None:
    """
    "The page rendered as a result of the OAuth authorization response and the authorization endpoint SHOULD NOT include
    third-party resources", and the Referrer-Policy tells other origins nothing. Our own CSRF check needs the referrer.
    """
    pages = [guide.ask(), guide.ask(client_id="nobody"), Browser().get("/login/"), guide.browser.get("/manage-apps/")]
    assert [page["Referrer-Policy"] for page in pages] == ["same-origin"] * 4
    resources = [found for page in pages for found in re.findall(rb'(?:src|href|action)="([^"]+)"', page.content)]
    assert resources
    assert [found for found in resources if not found.startswith((b"/", b"#")) or found.startswith(b"//")] == []


@clause("RFC 9700", "4.2.4")
def test_a_code_that_leaked_after_its_use_is_worthless(guide: Guide) -> None:
    """ "[...] authorization codes MUST be invalidated by the authorization server after their first use"."""
    code = guide.code()
    assert guide.exchange(code).status_code == 200
    assert AuthorizationCode.objects.count() == 0
    assert refusal_of(guide.exchange(code)) == (400, "invalid_grant")


@clause("RFC 9700", "4.2.4")
@pytest.mark.parametrize(
    "lack",
    [
        {"redirect_uri": "https://evil.example/"},
        {"code_verifier": "a" * 43},
        {"code_verifier": ""},
        {"client_secret": "x"},
    ],
)
def test_who_found_a_used_code_can_end_nobodys_session(guide: Guide, lack: dict[str, Any]) -> None:
    """
    "[...] the authorization server SHOULD revoke all tokens issued previously based on that code": if the request proves client,
    redirect_uri and verifier. A stranger with only the code changes nothing.
    """
    code = guide.code(**CHALLENGED)
    tokens = guide.exchange(code, code_verifier=VERIFIER).json()
    assert guide.exchange(code, **({"code_verifier": VERIFIER} | lack)).status_code in (400, 401)
    assert guide.is_alive(tokens["access_token"])


@clause("RFC 9700", "4.3.2")
@pytest.mark.parametrize("name", ["access_token", "refresh_token", "token", "code", "client_secret", "code_verifier"])
def test_nothing_secret_is_taken_from_a_url(guide: Guide, name: str) -> None:
    """ "[...] advises transferring tokens via a header": URLs are kept in histories and logs."""
    body = {"grant_type": "authorization_code", "client_id": guide.client.client_id, "client_secret": SECRET}
    response = guide.post(f"/token/?{name}=x", body)
    assert refusal_of(response) == (400, "invalid_request")
    assert response.json()["error_description"] == f"{name} must be sent in the body, never in the URL"


# -- 4.4 mix-up ------------------------------------------------------------------------------------------------------


@clause("RFC 9700", "4.4.2.1")
@pytest.mark.parametrize("changes", [{}, {"deny": "1"}, {"scope": "everything"}])
def test_a_client_of_several_servers_can_tell_whose_answer_it_got(guide: Guide, changes: dict[str, Any]) -> None:
    """
    "This defense requires that the authorization server sends its issuer identifier in the authorization response to the
    client." The client compares it with the issuer that it asked.
    """
    assert sent_back(guide.answer(**changes))["iss"] == "http://localhost:8000"


@clause("RFC 9700", "4.5.2")
def test_a_code_of_a_mix_up_is_good_for_nobody_but_its_client(guide: Guide, rival: Guide) -> None:
    """
    The attacker's server got the honest client's code, and he has a client at the honest server: the exchange "will fail if
    the code was issued to another client ID, e.g., a client set up by the attacker."
    """
    code = guide.code(**CHALLENGED)
    assert refusal_of(rival.exchange(code, code_verifier=VERIFIER)) == (400, "invalid_grant")


# -- 4.12 redirects and credentials ----------------------------------------------------------------------------------


@clause("RFC 9700", "4.12")
def test_no_redirect_hands_a_form_on(guide: Guide) -> None:
    """
    "Authorization servers that redirect a request that potentially contains the user's credentials therefore MUST NOT use the
    HTTP 307 status code for redirection." The same goes for 308. Credentials are sent only to our own login.
    """
    signed_in = Browser().post("/login/", {"username": "alice", "password": "wonderland"})
    allowed, denied, kept = guide.answer(), guide.answer(deny="1"), guide.ask()
    cut_off, signed_out = guide.deauthorise(), guide.browser.post("/logout/")
    statuses = [response.status_code for response in (signed_in, allowed, denied, kept, cut_off, signed_out)]
    assert set(statuses) <= {302, 303}
    assert signed_in["Location"] == "/manage-apps/"


# -- 4.15, 4.16 ------------------------------------------------------------------------------------------------------


@clause("RFC 9700", "4.15.1")
def test_no_client_can_pass_for_a_person(guide: Guide) -> None:
    """
    "Authorization servers SHOULD NOT allow clients to influence their client_id or any other claim that could cause confusion
    with a genuine resource owner if a common namespace for client IDs and user identifiers exists". There is no such namespace: a
    client's own token stands for no user, whatever the client is called.
    """
    guide.client.client_id = str(guide.alice.pk)
    guide.client.grant_types += " client_credentials"
    guide.client.save()
    body = {"grant_type": "client_credentials", "client_id": guide.client.client_id, "client_secret": SECRET}
    token = guide.post("/token/", body).json()["access_token"]
    assert refusal_of(guide.userinfo(token)) == (403, "insufficient_scope")


@clause("RFC 9700", "4.16")
@pytest.mark.parametrize("page", ["consent", "error", "/login/", "/manage-apps/", "/signed-out/"])
def test_no_page_can_be_framed(guide: Guide, page: str) -> None:
    """
    "Authorization servers MUST prevent clickjacking attacks. [...] authorization servers SHOULD also use Content Security
    Policy (CSP) level 2 [...] or greater. To be effective, CSP must be used on the authorization endpoint and, if applicable,
    other endpoints used to authenticate the user and authorize the client (e.g., [...] login pages, error pages, etc.)."
    """
    match page:
        case "consent":
            response = guide.ask()
        case "error":
            response = guide.ask(client_id="nobody")
        case _:
            response = guide.browser.get(page)
    policy = dict(part.strip().partition(" ")[::2] for part in response["Content-Security-Policy"].split(";"))
    assert (policy["frame-ancestors"], policy["default-src"], policy["base-uri"]) == ("'none'", "'none'", "'none'")
    assert "script-src" not in policy
    assert response["X-Frame-Options"] == "DENY"
