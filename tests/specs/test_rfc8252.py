"""RFC 8252, OAuth 2.0 for Native Apps: the rules for the authorization server."""

import pytest
from django.core.exceptions import ValidationError

from oauth_service.models import Client
from tests.clauses import clause
from tests.guide import Guide, query_of
from tests.specs.answers import is_page, refusal_of, sent_back
from tests.specs.public import PublicGuide


def registered(public: PublicGuide, uri: str) -> PublicGuide:
    """Register a single redirect URI for the app."""
    public.client.redirect_uris = uri
    public.client.save()
    return public


@clause("RFC 8252", "7.1")
def test_a_private_use_scheme_gets_its_answer(public: PublicGuide) -> None:
    """The browser is redirected to the scheme that the app has claimed on the device, and the code can be used."""
    uri = "com.example.pills:/callback"
    response = public.answer(redirect_uri=uri)
    answer = sent_back(response, to=uri)
    assert public.exchange(answer["code"], redirect_uri=uri).status_code == 200


@clause("RFC 8252", "7.2")
def test_a_claimed_https_scheme_is_a_target_like_any_other(public: PublicGuide) -> None:
    """For the server it is a registered https URI like that of a web client; the device opens the app for it."""
    uri = "https://app.example/oauth2redirect/example-provider"
    answer = sent_back(registered(public, uri).answer(redirect_uri=uri), to=uri)
    assert public.exchange(answer["code"], redirect_uri=uri).status_code == 200


@clause("RFC 8252", "7.3")
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
@pytest.mark.parametrize("port", ["", ":1024", ":51004", ":61023"])
def test_any_port_of_a_loopback_address_is_allowed(public: PublicGuide, host: str, port: str) -> None:
    """
    "The authorization server MUST allow any port to be specified at the time of the request for loopback IP redirect URIs, to
    accommodate clients that obtain an available ephemeral port from the operating system at the time of the request." Of
    localhost, too (RFC 9700 section 4.1.3).
    """
    registered(public, f"http://{host}/oauth2redirect/example-provider")
    uri = f"http://{host}{port}/oauth2redirect/example-provider"
    answer = sent_back(public.answer(redirect_uri=uri), to=uri)
    assert public.exchange(answer["code"], redirect_uri=uri).status_code == 200


@clause("RFC 8252", "7.3")
def test_the_port_of_the_token_request_is_that_of_the_authorization_request(public: PublicGuide) -> None:
    """The app chooses the port in the authorization request; from then on it is fixed (RFC 6749 section 4.1.3: "identical")."""
    code = query_of(public.answer(redirect_uri="http://127.0.0.1:51004/callback")["Location"])["code"]
    refused = public.exchange(code, redirect_uri="http://127.0.0.1:51005/callback")
    assert refusal_of(refused) == (400, "invalid_grant")
    assert public.exchange(code, redirect_uri="http://127.0.0.1:51004/callback").status_code == 200


@clause("RFC 8252", "8.1")
@pytest.mark.parametrize("uri", ["com.example.pills:/callback", "http://127.0.0.1:51004/callback"])
def test_an_app_without_pkce_is_refused(public: PublicGuide, uri: str) -> None:
    """
    "Authorization servers SHOULD reject authorization requests from native apps that don't use PKCE by returning an error
    message, as defined in Section 4.4.1 of PKCE [RFC7636]." Its own setting cannot switch that off.
    """
    public.client.requires_pkce = False
    public.client.save()
    answer = sent_back(public.ask(redirect_uri=uri, code_challenge="", code_challenge_method=""), to=uri)
    assert answer["error"] == "invalid_request"


@clause("RFC 8252", "8.2")
def test_there_is_no_implicit_flow(public: PublicGuide) -> None:
    """ "[...] the use of the Implicit Flow with native apps is NOT RECOMMENDED." """
    assert sent_back(public.ask(response_type="token"))["error"] == "unsupported_response_type"


@clause("RFC 8252", "8.4")
@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:51004/callback/",
        "http://127.0.0.1:51004/callbacks",
        "http://127.0.0.1:51004/callback?a=b",
        "http://127.0.0.1:51004/",
        "http://127.0.0.1:51004",
        "http://127.0.0.2:51004/callback",
        "http://localhost:51004/callback",
        "http://[::1]:51004/callback",
        "https://127.0.0.1:51004/callback",
        "http://127.0.0.1:51004@evil.example/callback",
        "http://127.0.0.1.evil.example:51004/callback",
        "com.example.pills:/other",
        "com.example.pills://callback",
        "COM.example.pills:/callback",
        "com.example.pillsx:/callback",
    ],
)
def test_nothing_but_the_port_is_free(public: PublicGuide, uri: str) -> None:
    """
    "Authorization servers MUST require clients to register their complete redirect URI (including the path component) and
    reject authorization requests that specify a redirect URI that doesn't exactly match the one that was registered; the
    exception is loopback redirects, where an exact match is required except for the port URI component."
    """
    assert is_page(public.ask(redirect_uri=uri))


@clause("RFC 8252", "8.4")
def test_the_port_of_a_web_client_is_not_free(guide: Guide) -> None:
    """ "Authorization servers MUST record the client type in the client registration details in order to [...] process
    requests accordingly." The exception is for apps on the device."""
    assert is_page(guide.ask(redirect_uri="http://127.0.0.1:5001/callback"))


@clause("RFC 8252", "8.4")
@pytest.mark.parametrize("uri", ["pills:callback", "javascript:alert(1)", "data:text/html,x", "file:///x", "mailto:/x"])
def test_a_scheme_that_is_no_apps_own_cannot_be_registered(public: PublicGuide, uri: str) -> None:
    """
    "At a minimum, any private-use URI scheme that doesn't contain a period character (".") SHOULD be rejected." This server
    rejects those that browsers or operating systems open themselves.
    """
    with pytest.raises(ValidationError) as refusal:
        registered(public, uri).client.full_clean()
    assert set(refusal.value.message_dict) == {"redirect_uris"}
    assert is_page(public.ask(redirect_uri="http://127.0.0.1:51004/callback"))


@clause("RFC 8252", "8.4")
def test_an_editors_scheme_without_a_period_can_be_registered(public: PublicGuide) -> None:
    """The SHOULD above is not followed for these: editors that use MCP have no other scheme, and PKCE protects their codes."""
    editor = registered(public, "cursor://anysphere.cursor-mcp/oauth/callback")
    editor.client.full_clean()
    assert is_page(editor.ask(redirect_uri="cursor://anysphere.cursor-mcp/oauth/other"))


@clause("RFC 8252", "8.5")
def test_an_app_needs_no_secret(public: PublicGuide) -> None:
    """ "[...] it is NOT RECOMMENDED for authorization servers to require client authentication of public native apps clients
    using a shared secret": it has none, and its client_id and code_verifier are enough."""
    tokens = public.tokens()
    assert public.client.secret_hashes == ()
    assert public.refresh(tokens["refresh_token"]).status_code == 200


@clause("RFC 8252", "8.6")
@pytest.mark.parametrize("uri", ["com.example.pills:/callback", "http://127.0.0.1:51004/callback"])
def test_an_app_whose_identity_nothing_proves_is_asked_about_every_time(public: PublicGuide, uri: str) -> None:
    """
    "[...] the authorization server SHOULD NOT process authorization requests automatically without user consent or interaction,
    except when the identity of the client can be assured."
    """
    public.answer(redirect_uri=uri)
    response = public.ask(redirect_uri=uri)
    assert (response.status_code, response.templates[0].name) == (200, "oauth_service/consent.html")


@clause("RFC 8252", "8.6")
def test_a_claimed_https_scheme_assures_it(public: PublicGuide) -> None:
    """ "Measures such as claimed "https" scheme redirects MAY be accepted by authorization servers as identity proof." """
    uri = "https://app.example/callback"
    registered(public, uri).answer(redirect_uri=uri)
    assert sent_back(public.ask(redirect_uri=uri), to=uri)["code"]


@clause("RFC 8252", "8.9")
def test_state_comes_back_to_an_app_too(public: PublicGuide) -> None:
    """The app compares the state against CSRF, with every kind of redirect URI."""
    uri = "com.example.pills:/callback"
    answer = sent_back(public.answer(redirect_uri=uri, state="a b&c=d#e"), to=uri)
    assert answer["state"] == "a b&c=d#e"


@clause("RFC 8252", "8.6")
def test_the_page_says_which_app_gets_the_answer(public: PublicGuide) -> None:
    """The client's identity is unproven: the user decides by the app's name and by the scheme that the answer goes to."""
    page = public.ask(redirect_uri="com.example.pills:/callback").content.decode()
    assert "com.example.pills" in page
    assert Client.objects.get(client_id="public_app").name in page
