"""The redirection endpoint: the URIs that can be registered, and the comparison with them."""

import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oauth_service.protocol import redirect_uri
from tests.clauses import clause

WEB = "https://app.example/callback?tenant=1"
GUIDE = "http://127.0.0.1:5000/callback"
URI_CHARACTERS = string.ascii_letters + string.digits + "-._~:/?[]@!$&'()*+,;=%#"

WILDCARD = "has an asterisk, but there are no wildcards: register each address in full"

# -- registration ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "uri",
    [
        GUIDE,
        WEB,
        "https://app.example",
        "https://app.example:8443/a/b;c=d?e=f",
        "https://xn--bcher-kva.example/",
        "https://192.0.2.1/callback",
        "https://[2001:db8::1]:8443/callback",
        "http://localhost/callback",
        "http://[::1]/callback",
        "http://[::1]:61023/callback",
        "com.example.pills:/callback",
        "com.example.pills://callback",
        "cursor://anysphere.cursor-mcp/oauth/callback",
        "vscode://vscode.github-authentication/did-authenticate",
        "vscode-insiders://example.mcp/callback",
        "windsurf://codeium.windsurf/callback",
        "warp://mcp/oauth2callback",
        "myapp:/callback",
    ],
)
def test_a_sound_uri_can_be_registered(uri: str) -> None:
    """Allowed are https anywhere, http on this machine, and an app's own scheme."""
    assert redirect_uri.fault_of(uri) == ""


@pytest.mark.parametrize(
    ("uri", "fault"),
    [
        ("", "is empty or has characters that no URI has"),
        ("/callback", "is not absolute: it needs a scheme"),
        ("//app.example/callback", "is not absolute: it needs a scheme"),
        ("app.example/callback", "is not absolute: it needs a scheme"),
        ("https:", "has no host"),
        ("https:/callback", "has no host"),
        ("https:///callback", "has no host"),
        ("https://:443/callback", "has no host"),
        ("http://app.example/callback", "is http outside this machine; only 127.0.0.1, [::1] and localhost may be"),
        ("http://127.0.0.2/callback", "is http outside this machine; only 127.0.0.1, [::1] and localhost may be"),
        ("http://127.0.0.1.example/cb", "is http outside this machine; only 127.0.0.1, [::1] and localhost may be"),
        ("http://localhost.example/cb", "is http outside this machine; only 127.0.0.1, [::1] and localhost may be"),
        ("http://2130706433/callback", "is http outside this machine; only 127.0.0.1, [::1] and localhost may be"),
        ("http://0x7f.1/callback", "is http outside this machine; only 127.0.0.1, [::1] and localhost may be"),
        ("http://127.1/callback", "is http outside this machine; only 127.0.0.1, [::1] and localhost may be"),
        ("http://[::ffff:127.0.0.1]/", "is http outside this machine; only 127.0.0.1, [::1] and localhost may be"),
        ("https://alice@app.example/callback", "contains user information"),
        ("https://alice:pw@app.example/callback", "contains user information"),
        ("https://@app.example/callback", "contains user information"),
        ("http://127.0.0.1@evil.example/callback", "contains user information"),
        ("https://app.example;script-src/", "names a host that no browser could go to"),
        ("https://'none'/callback", "names a host that no browser could go to"),
        ("https://a.example,b.example/callback", "names a host that no browser could go to"),
        ("https://a%2eexample/callback", "names a host that no browser could go to"),
        ("https://*.example/callback", WILDCARD),
        ("https://app.example/*", WILDCARD),
        ("https://app.example/callback?tenant=*", WILDCARD),
        ("http://127.0.0.1:*/callback", WILDCARD),
        ("com.example.app:/*", WILDCARD),
        ("https://app.example/callback#", "has a fragment, which RFC 6749 section 3.1.2 forbids"),
        ("https://app.example/callback#top", "has a fragment, which RFC 6749 section 3.1.2 forbids"),
        ("javascript:alert(1)", "has a scheme that no app can have for its own"),
        ("JavaScript:alert(1)", "has a scheme that no app can have for its own"),
        (
            "data:text/html,hello",
            "has a scheme that no app can have for its own",
        ),
        ("vbscript:x", "has a scheme that no app can have for its own"),
        ("file:///etc/passwd", "has a scheme that no app can have for its own"),
        ("myapp:callback", "has no slash after its scheme, as one without a dot needs"),
        ("c:/callback", "has a scheme that no app can have for its own"),
        ("javascript://%0aalert(1)", "has a scheme that no app can have for its own"),
        ("ms-msdt:/id", "has a scheme that no app can have for its own"),
        ("httpx://app.example/", "has a scheme that no app can have for its own"),
        ("intent://scan/", "has a scheme that no app can have for its own"),
        (
            "blob:https://a.example/1",
            "has a scheme that no app can have for its own",
        ),
        ("https://app.example:port/", "is not a valid URI"),
        ("https://app.example:65536/", "is not a valid URI"),
        ("https://[::1/callback", "is not a valid URI"),
        ("https://app.example/call back", "is empty or has characters that no URI has"),
        ("https://app.example/\r\nSet-Cookie:a=b", "is empty or has characters that no URI has"),
        ("https://app.example/\\evil.example", "is empty or has characters that no URI has"),
        ("https://bücher.example/", "is empty or has characters that no URI has"),
        ("java\tscript:alert(1)", "is empty or has characters that no URI has"),
        (" https://app.example/", "is empty or has characters that no URI has"),
        ("https://app.example/<script>", "is empty or has characters that no URI has"),
        ("https://app.example/\0", "is empty or has characters that no URI has"),
        ("https://app.example/" + "a" * 1981, "is longer than 2000 characters"),
    ],
)
def test_what_cannot_be_registered_is_told_why(uri: str, fault: str) -> None:
    """The person who registers the client reads the words, and so does the operator in the log."""
    assert redirect_uri.fault_of(uri) == fault


@given(uri=st.text(max_size=60) | st.text(URI_CHARACTERS, max_size=60) | st.text("htps:/[]1.@#a%", max_size=30))
def test_no_text_breaks_the_check(uri: str) -> None:
    """Any text either is a URI or has a fault; no text raises an exception."""
    assert isinstance(redirect_uri.fault_of(uri), str)


OF_BROWSERS = (
    "javascript",
    "data",
    "vbscript",
    "blob",
    "file",
    "filesystem",
    "about",
    "view-source",
    "ws",
    "wss",
    "ftp",
)
OF_SYSTEMS = ("mailto", "tel", "sms", "intent", "ssh", "search-ms", "ms-settings", "itms-services", "shell")


@given(
    scheme=st.sampled_from([*OF_BROWSERS, *OF_SYSTEMS]),
    rest=st.text(URI_CHARACTERS) | st.text(URI_CHARACTERS).map("//".__add__),
    capitals=st.booleans(),
)
def test_what_browsers_and_systems_open_themselves_is_never_a_target(scheme: str, rest: str, capitals: bool) -> None:
    """A redirect must lead to an app, and must not run or render anything, in any spelling."""
    assert redirect_uri.fault_of(f"{scheme.upper() if capitals else scheme}:{rest}") != ""


@given(
    scheme=st.text(string.ascii_letters + string.digits + "+-", min_size=1, max_size=12),
    rest=st.text(URI_CHARACTERS).filter(lambda rest: not rest.startswith("/")),
)
def test_a_scheme_without_a_dot_leads_to_a_path(scheme: str, rest: str) -> None:
    """Opaque URIs (javascript:…, data:…, mailto:…) have no path, so this also refuses schemes that are missing from the list."""
    assert redirect_uri.fault_of(f"{scheme}:{rest}") != ""


# -- comparison ------------------------------------------------------------------------------------------------------


@clause("RFC 9700", "2.1")
@pytest.mark.parametrize("is_native", [False, True])
@pytest.mark.parametrize("uri", [GUIDE, WEB, "com.example.pills:/callback"])
def test_the_registered_uri_matches_itself(uri: str, is_native: bool) -> None:
    """The comparison is character by character."""
    assert redirect_uri.match(uri, ["https://other.example/", uri], is_native=is_native)


@clause("RFC 9700", "2.1")
@pytest.mark.parametrize("is_native", [False, True])
@pytest.mark.parametrize(
    "sent",
    [
        "",
        "https://app.example/callback",
        "https://app.example/callback?tenant=2",
        "https://app.example/callback?tenant=1&more=1",
        "https://app.example/callback/?tenant=1",
        "https://app.example/callback/../callback?tenant=1",
        "https://app.example/%63allback?tenant=1",
        "https://app.example/Callback?tenant=1",
        "https://APP.example/callback?tenant=1",
        "HTTPS://app.example/callback?tenant=1",
        "https://app.example:443/callback?tenant=1",
        "https://app.example./callback?tenant=1",
        "https://app.example/callback?tenant=1#",
        "https://app.example/callback?tenant=1 ",
        "https://app.example@evil.example/callback?tenant=1",
        "https://evil.example/callback?tenant=1",
        "https://app.example.evil.example/callback?tenant=1",
        "http://app.example/callback?tenant=1",
    ],
)
def test_a_web_address_matches_nothing_but_itself(sent: str, is_native: bool) -> None:
    """ "Exact string matching" means no normalisation, no prefixes and no patterns, not even for native clients."""
    assert not redirect_uri.match(sent, [WEB], is_native=is_native)


@clause("RFC 8252", "7.3")
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
@pytest.mark.parametrize("registered_port", ["", ":5000"])
@pytest.mark.parametrize("port", ["", ":1", ":80", ":5001", ":61023", ":65535"])
def test_the_port_of_a_native_apps_loopback_address_is_free(host: str, registered_port: str, port: str) -> None:
    """ "The authorization server MUST allow any port to be specified at the time of the request"."""
    registered = f"http://{host}{registered_port}/callback?a=b"
    assert redirect_uri.match(f"http://{host}{port}/callback?a=b", [registered], is_native=True)


@clause("RFC 8252", "7.3")
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_a_web_clients_loopback_address_has_the_port_it_has(host: str) -> None:
    """Only apps that cannot know their port in advance may use any port."""
    assert not redirect_uri.match(f"http://{host}:5001/callback", [f"http://{host}:5000/callback"], is_native=False)


@clause("RFC 8252", "7.3")
@pytest.mark.parametrize(
    "sent",
    [
        "http://127.0.0.1:5001/callback?",
        "http://127.0.0.1:5001/callback?a=b",
        "http://127.0.0.1:5001/callback/",
        "http://127.0.0.1:5001/callback;a",
        "http://127.0.0.1:5001/callback#",
        "http://127.0.0.1:5001",
        "http://127.0.0.1:65536/callback",
        "http://127.0.0.1:-1/callback",
        "http://127.0.0.1:/callback",
        "http://127.0.0.1:5001:5001/callback",
        "http://127.0.0.1:\u0665\u0660\u0660\u0660/callback",
        "http://localhost:5001/callback",
        "http://[::1]:5001/callback",
        "http://127.0.0.2:5001/callback",
        "http://127.1:5001/callback",
        "http://127.0.0.1.:5001/callback",
        "http://127.0.0.1.evil.example:5001/callback",
        "http://127.0.0.1@evil.example:5001/callback",
        "http://evil.example@127.0.0.1:5001/callback",
        "http://127.0.0.1:5001@evil.example/callback",
        "HTTP://127.0.0.1:5001/callback",
        "https://127.0.0.1:5001/callback",
        "http:/127.0.0.1:5001/callback",
        "http:127.0.0.1:5001/callback",
        "\thttp://127.0.0.1:5001/callback",
        "http://127.0.0.1:5001/call\tback",
        "http://127.0.0.1:5001/callback\n",
    ],
)
def test_nothing_but_the_port_of_a_loopback_address_is_free(sent: str) -> None:
    """Each of these URIs differs from the registered one in more than its port."""
    assert not redirect_uri.match(sent, [GUIDE], is_native=True)


@clause("RFC 8252", "7.3")
@pytest.mark.parametrize(
    "registered",
    ["https://127.0.0.1:1/callback", "https://app.example:1/callback", "com.example.app://127.0.0.1:1/callback"],
)
def test_a_port_elsewhere_is_not_free(registered: str) -> None:
    """Only http on loopback has a free port: on other hosts, another port may have another owner."""
    assert not redirect_uri.match(registered.replace(":1/", ":2/"), [registered], is_native=True)


mutations = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 2), st.text(URI_CHARACTERS + " \t\n\\", max_size=3)), max_size=3
)


@settings(max_examples=500)
@given(
    registered=st.sampled_from(
        [GUIDE, "http://[::1]/callback", "http://localhost/", WEB, "com.example.pills:/callback"]
    ),
    changes=mutations,
    is_native=st.booleans(),
)
def test_whatever_matches_differs_in_nothing_but_a_loopback_port(
    registered: str, changes: list[tuple[int, int, str]], is_native: bool
) -> None:
    """Characters are inserted, replaced or removed anywhere in the URI."""
    sent = registered
    for index, cut, text in changes:
        sent = sent[:index] + text + sent[index + cut :]
    if redirect_uri.match(sent, [registered], is_native=is_native):
        assert sent == registered or (is_native and without_port(sent) == without_port(registered) != "")


def without_port(uri: str) -> str:
    """Return a loopback URI without its port; "" for any other URI."""
    parts = re.fullmatch(r"(http://)(127\.0\.0\.1|\[::1\]|localhost)(?::[0-9]*)?([/?].*)?", uri)
    return f"{parts[1]}{parts[2]}{parts[3] or ''}" if parts else ""


@given(sent=st.text(max_size=80), is_native=st.booleans())
def test_no_text_breaks_the_match(sent: str, is_native: bool) -> None:
    """The function is called with input from strangers."""
    assert redirect_uri.match(sent, [GUIDE], is_native=is_native) == (sent == GUIDE)


# -- the operator's words --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (
            "http://127.0.0.1:5000/other",
            "redirect_uri differs in its path: sent '/other', registered '/callback'",
        ),
        (
            "https://127.0.0.1:5000/other",
            (
                "redirect_uri differs in its scheme and path: "
                "scheme: sent 'https', registered 'http'; path: sent '/other', registered '/callback'"
            ),
        ),
        ("http://127.0.0.1:5000/callback?code=very-secret", "redirect_uri differs in its query"),
        ("HTTP://127.0.0.1:5000/callback", "redirect_uri differs in its spelling"),
        (
            "javascript:alert(1)",
            "redirect_uri has a scheme that no app can have for its own",
        ),
    ],
)
def test_the_log_says_in_what_a_uri_differs(sent: str, words: str) -> None:
    """The operator can fix a registration at once; a query is never quoted."""
    assert redirect_uri.difference(sent, ["com.example.far://away", GUIDE]) == words


def test_the_log_says_that_nothing_is_registered() -> None:
    """There is nothing to compare with."""
    assert redirect_uri.difference(GUIDE, []) == "the client has no redirect URI registered"


# -- the developer's view --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "registered", "part", "marked"),
    [
        (GUIDE + "/", GUIDE, "path", ("/callback/", "/callback")),
        ("http://127.0.0.1:5001/callback", GUIDE, "host", ("127.0.0.1:5001", "127.0.0.1:5000")),
        ("https://127.0.0.1:5001/other", GUIDE, "scheme", ("https", "http")),
        ("HTTP://127.0.0.1:5000/callback", GUIDE, "scheme", ("HTTP", "http")),
        (GUIDE + "?a=b", GUIDE, "query", ("a=b", "")),
        (GUIDE + "?", GUIDE, "query", ("", "")),
        (GUIDE + "#x", GUIDE, "fragment", ("x", "")),
        ("https://rx.example", "https://rx.example/", "path", ("", "/")),
        ("http://[::1/callback", GUIDE, "host", ("[::1", "127.0.0.1:5000")),
        ("com.example.rx:/a", "com.example.rx:/b", "path", ("/a", "/b")),
        ("", GUIDE, "scheme", ("", "http")),
    ],
)
def test_the_first_part_that_differs_is_marked_in_both(
    sent: str, registered: str, part: str, marked: tuple[str, str]
) -> None:
    """The comparison is by text, as URIs are matched, and both stay whole."""
    pair = redirect_uri.compare(sent, registered)
    assert pair
    assert ([each.part for each in pair], tuple(each.marked for each in pair)) == ([part, part], marked)
    assert ["".join((each.before, each.marked, each.after)) for each in pair] == [sent, registered]


def test_the_same_text_has_no_difference() -> None:
    """There is nothing to mark."""
    assert redirect_uri.compare(GUIDE, GUIDE) is None


def test_the_uri_that_differs_least_comes_first() -> None:
    """The nearest URI is most likely the one that was meant."""
    uris = ["com.example.far://away", "https://127.0.0.1:5000/other", GUIDE]
    assert redirect_uri.nearest_first(GUIDE + "/", uris) == [uris[2], uris[1], uris[0]]
    assert redirect_uri.nearest_first(GUIDE, []) == []


@given(sent=st.text(max_size=80), registered=st.text(max_size=80))
def test_no_text_breaks_the_comparison(sent: str, registered: str) -> None:
    """Strangers choose this text, line breaks included."""
    pair = redirect_uri.compare(sent, registered)
    assert (pair is None) == (sent == registered)
    if pair:
        assert ["".join((each.before, each.marked, each.after)) for each in pair] == [sent, registered]
        assert pair[0].part == pair[1].part
