"""No usable secret survives masking, in any encoding; all other text stays readable."""

import json
from collections.abc import Callable
from dataclasses import replace
from html import escape
from urllib.parse import quote, urlencode

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from simulation.masking import mask, mask_header, masked, shorten
from simulation.notation import request_text, response_text
from tests.simulation.test_notation import APP

Encoding = Callable[[str, str], str]

# Long enough not to occur in the surrounding text by chance; otherwise anything that a person or a machine may choose.
SECRETS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=12, max_size=60)
TOKENS = st.builds(
    "{}{}".format,
    st.sampled_from(["", "AT_", "RT_", "SPL__"]),
    st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", min_size=20, max_size=120),
)

SECRET_NAMES = (
    "client_secret", "password", "new_password1", "csrfmiddlewaretoken", "csrf_token", "code_verifier", "client_assertion",
)  # fmt: skip
TOKEN_NAMES = (
    "code",
    "token",
    "access_token",
    "refresh_token",
    "id_token",
    "id_token_hint",
    "device_code",
    "subject_token",
)

ENCODINGS: dict[str, Encoding] = {
    "JSON": lambda name, value: json.dumps({"a": 1, name: value, "z": None}),
    "JSON, not only ASCII": lambda name, value: json.dumps({name: value}, ensure_ascii=False, indent=4),
    "JSON, compact": lambda name, value: json.dumps({name: value, "z": 1}, separators=(",", ":")),
    "JSON, nested": lambda name, value: json.dumps({"data": [{name: value}]}),
    "JSON in HTML": lambda name, value: f"<pre>{escape(json.dumps({name: value}))}</pre>",
    "JSON, cut off": lambda name, value: json.dumps({name: value})[:-2],
    "form": lambda name, value: urlencode({"a": "1", name: value, "z": "2"}),
    "form with %20": lambda name, value: urlencode({name: value}, quote_via=quote, safe=""),
    "query": lambda name, value: f"GET /x/?a=1&{urlencode({name: value})} HTTP/1.1",
    "redirect": lambda name, value: f"Location: http://127.0.0.1:5000/callback?{urlencode({name: value})}&state=x",
    "link in HTML": lambda name, value: f'<a href="/x/?{escape(urlencode({"a": "1", name: value, "z": "2"}))}">',
    "query within a query": lambda name, value: (
        f"/login/?next={quote('/x/?' + urlencode({'a': 1, name: value}), safe='')}"
    ),
    "hidden input": lambda name, value: f'<input type="hidden" name="{name}" value="{escape(value)}">',
    "input, other order": lambda name, value: f"<input value='{escape(value)}' type=hidden name={name}>",
    "input on several lines": lambda name, value: f'<input\n  name="{name}"\n  value="{escape(value)}"\n>',
    "input, cut off": lambda name, value: f'<input name="{name}" value="{escape(value)}',
}
HEADERS: dict[str, Callable[[str], str]] = {
    "Basic": lambda value: f"Authorization: Basic {value}",
    "Bearer": lambda value: f"Authorization: Bearer {value}",
    "no scheme": lambda value: f"authorization: {value}",
    "proxy": lambda value: f"Proxy-Authorization: Basic {value}",
    "cookie": lambda value: f"GET / HTTP/1.1\nCookie: sessionid={value}; csrftoken={value}\n\n",
    "set-cookie": lambda value: f"Set-Cookie: sessionid={value}; HttpOnly; Path=/",
    "csrf header": lambda value: f"X-CSRFToken: {value}",
}


def forms(value: str) -> set[str]:
    """The value, in every form that the encodings give it."""
    in_json = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    in_urls = {quote(value, safe=""), urlencode({"": value})[1:]}
    return {value, *in_json, *in_urls, *map(escape, in_json), escape(value), *map(quote, in_urls)}


@pytest.mark.walk
@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
@pytest.mark.parametrize("name", [*SECRET_NAMES, *TOKEN_NAMES])
@settings(max_examples=30)  # for each of 15 names in each of 16 encodings
@given(value=SECRETS)
@example(value='quo"te and \\backslash\\')
@example(value="'quote' & <angle> %26 %3D; a=b#c")
@example(value="... looks masked already")
@example(value="AT_...looks-masked-already")
def test_no_secret_survives_in_any_encoding(encode: Encoding, name: str, value: str) -> None:
    """A password may hold any character, also those with a meaning in JSON, URLs or HTML."""
    assume(not any(form in encode(name, "") for form in forms(value)))  # the surrounding text happens to contain it
    shown = mask(encode(name, value))
    assert [form for form in forms(value) if form in shown] == []


@pytest.mark.parametrize("wrap", HEADERS.values(), ids=HEADERS)
@given(
    value=st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=";"), min_size=12, max_size=80)
)
def test_no_credential_survives_in_a_header(wrap: Callable[[str], str], value: str) -> None:
    """Cookies and Authorization headers are worth as much as a password."""
    assume(value not in wrap(""))  # the surrounding text happens to contain it
    assert value not in mask(wrap(value))


@given(
    before=st.sampled_from(["", "token ", "see <", "(", "\n", "'", "/", "="]),
    token=TOKENS.filter(lambda t: "_" in t[:5]),
)
def test_our_own_tokens_are_known_wherever_they_stand(before: str, token: str) -> None:
    """The prefix identifies them in prose and on error pages, too."""
    assert not token.startswith(("AT_", "RT_", "SPL__")) or token not in mask(f"{before}{token}")


@given(name=st.sampled_from(TOKEN_NAMES), token=TOKENS)
def test_masking_twice_changes_nothing_more(name: str, token: str) -> None:
    """Messages are masked when they are recorded and again when they are shown."""
    once = mask(json.dumps({name: token, "client_secret": token}) + f"\nAuthorization: Bearer {token}")
    assert mask(once) == once


@given(value=SECRETS, name=st.sampled_from([*SECRET_NAMES, *TOKEN_NAMES]))
def test_masked_json_is_json(value: str, name: str) -> None:
    """An archive of masked exchanges must still open."""
    shown = json.loads(mask(json.dumps({"a": [1, "b"], name: value, "scope": "user profile"})))
    assert (shown["a"], shown["scope"]) == ([1, "b"], "user profile")


def test_a_shortened_token_can_be_told_from_another() -> None:
    """Readers can see that a refresh gave new tokens, but cannot use them."""
    assert shorten("AT_AcbgXXXXXXXXXXXXXXXXyUfQ") == "AT_Acbg...yUfQ"


def test_a_short_token_is_left_out() -> None:
    """Eight of its twelve characters would reveal too much."""
    assert shorten("SPL__abcdefghijkl") == "SPL__..."


def test_numbers_and_nothing_are_masked_as_json() -> None:
    """A careless client sends its secret as a number."""
    assert json.loads(mask('{"password": 123456, "code": null, "token": ""}')) == {
        "password": "...",
        "code": None,
        "token": "",
    }


@pytest.mark.parametrize(
    "text",
    [
        "GET /authorise/?response_type=code&client_id=presc_man_123&scope=user%20profile&state=xyzABC123 HTTP/1.1",
        '{"token_type": "Bearer", "expires_in": 3600, "scope": "user profile"}',
        '{"error": "invalid_token", "error_description": "an access token is required"}',
        "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256",
        'WWW-Authenticate: Bearer realm="oauth_service", error="invalid_token"',
        'HTTP/1.1 200 OK\nContent-Type: application/json\nCache-Control: no-store\n\n{"sub": "1", "name": "Alice"}',
        '<label for="id_password">Password</label><input type="password" name="password" required>',
        '<input type="hidden" name="state" value="xyzABC123">',
        '{"grant_type": "authorization_code", "token_endpoint_auth_methods_supported": ["client_secret_post"]}',
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    """A transcript in which everything is masked proves nothing."""
    assert mask(text) == text


def test_a_whole_exchange_is_masked_in_each_of_its_parts() -> None:
    """Stored and exported exchanges must be as safe as those shown."""
    secret = "Zq7-a-secret-that-stands-out-Zq7"
    exchange = masked(
        replace(
            APP,
            url=f"http://localhost:8000/callback?code={secret}",
            request_headers=(("Authorization", f"Bearer {secret}"), ("Cookie", f"a={secret}"), ("X-CSRFToken", secret)),
            request_body=f"client_secret={secret}",
            response_headers=(("Location", f"/?access_token={secret}"), ("set-cookie", f"a={secret}")),
            response_body=f'{{"refresh_token": "{secret}"}}',
        )
    )
    assert secret not in exchange.to_json() + request_text(exchange) + response_text(exchange)


def test_a_cookie_without_a_name_is_all_secret() -> None:
    """Browsers accept such cookies."""
    assert mask("Cookie: abcdefghijkl; a=b") == "Cookie: ...; a=..."


def test_a_masked_header_is_its_value_alone() -> None:
    """Archives keep names and values apart."""
    assert mask_header("Cookie", "sessionid=abc; csrftoken=def") == "sessionid=...; csrftoken=..."
