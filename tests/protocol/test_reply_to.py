"""The authorization response: only a verified target gets one."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_service.protocol.errors import AccessDenied, InvalidRequest, UnregisteredRedirect
from oauth_service.protocol.parameters import Parameters
from oauth_service.protocol.reply_to import ReplyTo
from tests.clauses import clause

GUIDE = "http://127.0.0.1:5000/callback"
ISSUER = "http://localhost:8000"


@dataclass(frozen=True)
class Registered:
    """A client, as far as its redirect targets are concerned."""

    redirect_uri_list: tuple[str, ...] = (GUIDE,)
    is_native: bool = False
    client_id: str = "presc_man_123"


def verified(*registered: str, is_native: bool = False, **sent: str) -> ReplyTo:
    """Verify a request with these parameters."""
    client = Registered(registered or (GUIDE,), is_native)
    return ReplyTo.verify(client, Parameters(sent.items()), issuer=ISSUER)


def query_of(url: str) -> list[tuple[str, str]]:
    """Return the query of a URL in order, with repeats."""
    return parse_qsl(urlsplit(url).query, keep_blank_values=True, strict_parsing=True)


# -- the proof -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seal", [None, object(), True, "seal", ReplyTo])
def test_a_reply_cannot_be_built_by_hand(seal: object) -> None:
    """The type is a proof: the target of every instance was verified."""
    with pytest.raises(TypeError, match=r"^a ReplyTo is made by ReplyTo\.verify\(\) alone$"):
        ReplyTo(seal, uri="https://evil.example/", sent_redirect_uri="", state="", issuer=ISSUER, response_mode="query")


@clause("RFC 6749", "4.1.2.1")
@pytest.mark.parametrize(
    "uri", ["https://evil.example/", GUIDE + "/", GUIDE + "?a=b", "//evil.example", "javascript:alert(1)", "/callback"]
)
def test_an_unregistered_target_gets_no_reply(uri: str) -> None:
    """ "MUST NOT automatically redirect the user-agent to the invalid redirection URI." """
    with pytest.raises(UnregisteredRedirect) as refusal:
        verified(redirect_uri=uri)
    assert refusal.value.description == "redirect_uri is not registered for this client"
    assert (refusal.value.sent, refusal.value.registered) == (uri, (GUIDE,))


@clause("RFC 6749", "3.1.2.3")
@pytest.mark.parametrize("registered", [(), (GUIDE, "https://app.example/callback")])
def test_redirect_uri_is_needed_unless_exactly_one_is_registered(registered: tuple[str, ...]) -> None:
    """ "[...] the client MUST include a redirection URI with the authorization request"."""
    with pytest.raises(UnregisteredRedirect) as refusal:
        ReplyTo.verify(Registered(registered), Parameters([]), issuer=ISSUER)
    assert refusal.value.description == "redirect_uri is missing"


@clause("RFC 6749", "3.1.2.3")
def test_the_only_registered_uri_is_taken_when_none_is_sent() -> None:
    """The absence is remembered, because the token request may not send one then either."""
    reply_to = verified()
    assert (reply_to.uri, reply_to.sent_redirect_uri) == (GUIDE, "")


def test_a_client_without_redirect_uris_gets_no_reply() -> None:
    """An empty list is not a wildcard."""
    with pytest.raises(UnregisteredRedirect):
        ReplyTo.verify(Registered(()), Parameters([("redirect_uri", GUIDE)]), issuer=ISSUER)


@clause("RFC 6749", "3.1")
def test_a_repeated_redirect_uri_gets_no_reply() -> None:
    """Even if both are registered, it is unclear which one is meant."""
    repeated = Parameters([("redirect_uri", GUIDE), ("redirect_uri", GUIDE)])
    with pytest.raises(InvalidRequest):
        ReplyTo.verify(Registered(), repeated, issuer=ISSUER)


@clause("RFC 8252", "7.3")
def test_a_native_app_is_answered_at_the_port_it_asked_from() -> None:
    """The registered port is of no use: the app does not listen there."""
    reply_to = verified("http://127.0.0.1/callback", is_native=True, redirect_uri="http://127.0.0.1:61023/callback")
    assert reply_to.with_code("c").startswith("http://127.0.0.1:61023/callback?code=c&")


def test_the_repr_tells_the_target_but_neither_path_nor_state() -> None:
    """The repr ends up in logs."""
    assert repr(verified(state="very-secret")) == "ReplyTo(http, 127.0.0.1:5000)"


# -- the answer ------------------------------------------------------------------------------------------------------


@clause("RFC 6749", "4.1.2")
def test_a_code_goes_back_with_state_and_issuer() -> None:
    """Step 3 of the guide has code and state; RFC 9207 adds iss."""
    assert verified(state="xyzABC123").with_code("SPL__a-Random-UrlSafe-String-1234") == (
        "http://127.0.0.1:5000/callback?code=SPL__a-Random-UrlSafe-String-1234&state=xyzABC123"
        "&iss=http%3A%2F%2Flocalhost%3A8000"
    )


@clause("RFC 6749", "4.1.2.1")
def test_a_refusal_goes_back_with_state_and_issuer() -> None:
    """The detail is only for the log."""
    url = verified(state="xyzABC123").with_error(AccessDenied("the user did not allow it", detail="user 7"))
    assert query_of(url) == [
        ("error", "access_denied"),
        ("error_description", "the user did not allow it"),
        ("state", "xyzABC123"),
        ("iss", ISSUER),
    ]


@clause("RFC 6749", "4.1.2")
def test_no_state_sent_is_no_state_answered() -> None:
    """ "REQUIRED if the 'state' parameter was present in the client authorization request." """
    assert [name for name, _ in query_of(verified().with_code("c"))] == ["code", "iss"]


def test_a_repeated_state_is_not_answered() -> None:
    """The client could not tell which one to compare."""
    parameters = Parameters([("state", "a"), ("state", "b")])
    reply_to = ReplyTo.verify(Registered(), parameters, issuer=ISSUER)
    assert "state" not in dict(query_of(reply_to.with_error(InvalidRequest("x"))))


@clause("RFC 6749", "4.1.2")
@given(state=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_any_state_comes_back_exactly(state: str) -> None:
    """ "The exact value received from the client": spaces, &, #, line feeds and all; and it cannot add a parameter."""
    url = verified(state=state).with_code("c")
    assert query_of(url) == [("code", "c"), ("state", state), ("iss", ISSUER)]
    assert url.isascii()
    assert url.isprintable()


@clause("RFC 6749", "3.1.2")
@pytest.mark.parametrize(
    ("uri", "url"),
    [
        ("https://app.example/cb?tenant=1", "https://app.example/cb?tenant=1&code=c&iss=http%3A%2F%2Flocalhost%3A8000"),
        (
            "https://app.example/cb?a=%2F+b&a",
            "https://app.example/cb?a=%2F+b&a&code=c&iss=http%3A%2F%2Flocalhost%3A8000",
        ),
        ("https://app.example", "https://app.example?code=c&iss=http%3A%2F%2Flocalhost%3A8000"),
        ("com.example.pills:/cb", "com.example.pills:/cb?code=c&iss=http%3A%2F%2Flocalhost%3A8000"),
    ],
)
def test_a_query_of_the_target_is_retained(uri: str, url: str) -> None:
    """ "… which MUST be retained when adding additional query parameters", character by character."""
    assert verified(uri, redirect_uri=uri).with_code("c") == url


# -- values for the consent page -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "scheme", "host"),
    [
        (GUIDE, "http", "127.0.0.1:5000"),
        ("https://app.example/cb?a=b", "https", "app.example"),
        ("https://app.example:/cb", "https", "app.example:"),
        ("http://[::1]:61023/cb", "http", "[::1]:61023"),
        ("com.example.pills:/cb", "com.example.pills", ""),
        ("com.example.pills://host/cb", "com.example.pills", ""),
    ],
)
def test_where_the_browser_goes_next_is_known(uri: str, scheme: str, host: str) -> None:
    """The consent page shows it."""
    reply_to = verified(uri, redirect_uri=uri)
    assert (reply_to.scheme, reply_to.host) == (scheme, host)
