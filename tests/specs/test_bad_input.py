"""Bad input: the RFC's error as JSON, a sentence that names the fault, and no code or token that is lost."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from oauth_service.models import AuthorizationCode, Consent, Grant, RevokedToken
from tests.clauses import clause
from tests.guide import FORM, JSON, REDIRECT_URI, SECRET, Guide, basic
from tests.specs.answers import is_page, refusal_of

REQUESTS = ["code", "refresh_token", "revocation"]


class Request:
    """A valid request, to be made invalid; and a check whether its code or token can still be used."""

    def __init__(self, guide: Guide, kind: str) -> None:
        self.guide = guide
        self.kind = kind
        self.path = "/oauth/revoke/" if kind == "revocation" else "/token/"
        body = {"client_id": guide.client.client_id, "client_secret": SECRET}
        match kind:
            case "code":
                self.secret = guide.code()
                body |= {"grant_type": "authorization_code", "code": self.secret, "redirect_uri": REDIRECT_URI}
            case "refresh_token":
                self.secret = guide.tokens()["refresh_token"]
                body |= {"grant_type": "refresh_token", "refresh_token": self.secret}
            case _:
                self.secret = guide.tokens()["refresh_token"]
                body |= {"token": self.secret}
        self.body: dict[str, Any] = body
        self.rows = self.count()

    def send(self, body: bytes | str, content_type: str = JSON, *, query: str = "", **headers: str) -> Any:
        """Send the request by POST."""
        return self.guide.server.generic(
            "POST", self.path + query, body, content_type=content_type, headers=headers or None
        )

    def count(self) -> tuple[int, ...]:
        """Count the rows of each kind."""
        return tuple(model.objects.count() for model in (Consent, AuthorizationCode, Grant, RevokedToken))

    def is_unspent(self) -> bool:
        """Return whether nothing changed: the rows are the same, and the code or token can still be used, once."""
        if self.count() != self.rows:
            return False
        use = self.guide.exchange if self.kind == "code" else self.guide.refresh
        return bool(use(self.secret).status_code == 200)


@pytest.fixture(params=REQUESTS)
def request_(guide: Guide, request: pytest.FixtureRequest) -> Request:
    """Return each kind of request that a client's server sends."""
    return Request(guide, request.param)


def spoilt(body: dict[str, Any], how: str) -> tuple[bytes, str, str]:
    """Return body, content type and query of a request with one fault."""
    text = json.dumps(body)
    form = urlencode(body)
    first = next(iter(body))
    bodies: dict[str, tuple[bytes | str, str, str]] = {
        "truncated JSON": (text[:-1], JSON, ""),
        "no JSON": (form, JSON, ""),
        "two JSON values": (text + text, JSON, ""),
        "single quotes": (text.replace('"', "'"), JSON, ""),
        "a byte order mark": ("\ufeff" + text, JSON, ""),
        "deep JSON": ("[" * 20_000, JSON, ""),
        "a huge number": ('{"a":' + "9" * 5_000 + "}", JSON, ""),
        "a JSON array": (f"[{text}]", JSON, ""),
        "a JSON string": (json.dumps(text), JSON, ""),
        "null": ("null", JSON, ""),
        "a number": ("1", JSON, ""),
        "a nested object": (json.dumps(body | {"extra": {"a": "b"}}), JSON, ""),
        "a nested array": (json.dumps(body | {first: [body[first]]}), JSON, ""),
        "a number for a string": (json.dumps(body | {first: 1}), JSON, ""),
        "null for a string": (json.dumps(body | {first: None}), JSON, ""),
        "true for a string": (json.dumps(body | {first: True}), JSON, ""),
        "NaN for a string": (json.dumps(body | {first: float("nan")}), JSON, ""),
        "a repeated JSON key": (f'{{{json.dumps(first)}:"x",{text[1:]}', JSON, ""),
        "a repeated form field": (f"{form}&{first}=x", FORM, ""),
        "a lone surrogate": (text[:-1] + ',"extra":"\\ud800"}', JSON, ""),
        "a NUL byte in JSON": (text[:-1] + ',"extra":"a\\u0000b"}', JSON, ""),
        "a NUL byte in a form": (f"{form}&extra=a%00b", FORM, ""),
        "a NUL byte in a name": (f"{form}&a%00b=x", FORM, ""),
        "bad UTF-8 in JSON": (text.encode()[:-1] + b',"extra":"\xff"}', JSON, ""),
        "bad UTF-8 in a form": (f"{form}&extra=%ff%fe", FORM, ""),
        "raw bad UTF-8 in a form": (form.encode() + b"&extra=\xc3\x28", FORM, ""),
        "UTF-16": (text.encode("utf-16"), JSON, ""),
        "another charset": (text, f"{JSON}; charset=iso-8859-1", ""),
        "plain text": (form, "text/plain", ""),
        "XML": ("<a/>", "application/xml", ""),
        "a file upload": (
            '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
            "",
        ),
        "a JSON dialect": (text, "application/vnd.api+json", ""),
        "no content type": (text, "", ""),
        "101 parameters": (form + "".join(f"&p{number}=x" for number in range(101)), FORM, ""),
        "101 members": (json.dumps(body | {f"p{number}": "x" for number in range(101)}), JSON, ""),
        "a secret in the URL": (text, JSON, "?client_secret=x"),
        "a token in the URL": (text, JSON, "?token=x"),
        "bad UTF-8 in the URL": (text, JSON, "?a=%ff"),
        "a NUL byte in the URL": (text, JSON, "?a=%00"),
    }
    raw, content_type, query = bodies[how]
    return raw.encode() if isinstance(raw, str) else raw, content_type, query


SENTENCES = {
    "truncated JSON": "the body is not valid JSON",
    "no JSON": "the body is not valid JSON",
    "two JSON values": "the body is not valid JSON",
    "single quotes": "the body is not valid JSON",
    "a byte order mark": "the body is not valid JSON",
    "deep JSON": "the body is not valid JSON",
    "a huge number": "the body is not valid JSON",
    "a JSON array": "the JSON body is not an object",
    "a JSON string": "the JSON body is not an object",
    "null": "the JSON body is not an object",
    "a number": "the JSON body is not an object",
    "a nested object": "every member of the JSON object must be a string",
    "a nested array": "every member of the JSON object must be a string",
    "a number for a string": "every member of the JSON object must be a string",
    "null for a string": "every member of the JSON object must be a string",
    "true for a string": "every member of the JSON object must be a string",
    "NaN for a string": "every member of the JSON object must be a string",
    "a repeated JSON key": "a parameter was sent more than once",
    "a repeated form field": "a parameter was sent more than once",
    "a lone surrogate": "a parameter is not valid Unicode text",
    "a NUL byte in JSON": "a parameter contains a NUL byte",
    "a NUL byte in a form": "a parameter contains a NUL byte",
    "a NUL byte in a name": "a parameter contains a NUL byte",
    "bad UTF-8 in JSON": "the body is not valid UTF-8",
    "bad UTF-8 in a form": "the parameters are not valid UTF-8",
    "raw bad UTF-8 in a form": "the parameters are not valid UTF-8",
    "UTF-16": "the body is not valid UTF-8",
    "another charset": "the charset must be UTF-8",
    "plain text": f"the Content-Type must be {FORM} or {JSON}",
    "XML": f"the Content-Type must be {FORM} or {JSON}",
    "a file upload": f"the Content-Type must be {FORM} or {JSON}",
    "a JSON dialect": f"the Content-Type must be {FORM} or {JSON}",
    "no content type": f"the Content-Type must be {FORM} or {JSON}",
    "101 parameters": "too many parameters",
    "101 members": "too many parameters",
    "a secret in the URL": "client_secret must be sent in the body, never in the URL",
    "a token in the URL": "token must be sent in the body, never in the URL",
    "bad UTF-8 in the URL": "the parameters are not valid UTF-8",
    "a NUL byte in the URL": "a parameter contains a NUL byte",
}


def test_a_malformed_request_is_told_what_is_wrong_and_costs_nothing(request_: Request) -> None:
    """The answer is invalid_request, never a 5xx. The code or token stays valid, as the request did not prove possession."""
    told = {}
    for how in SENTENCES:
        body, content_type, query = spoilt(request_.body, how)
        response = request_.send(body, content_type, query=query)
        assert (how, *refusal_of(response)) == (how, 400, "invalid_request")
        told[how] = response.json()["error_description"]
    assert told == SENTENCES
    assert request_.is_unspent()


@clause("RFC 9110", "15.5.14")
@pytest.mark.parametrize("content_type", [FORM, JSON])
def test_a_body_over_the_limit_is_not_read(request_: Request, content_type: str) -> None:
    """The answer is 413 (Content Too Large), and its sentence names the limit; a body just within the limit is read."""
    padding = 65_536 - len(json.dumps(request_.body | {"extra": ""}))
    much = {"extra": "x" * (padding + 1)} if content_type == JSON else {"extra": "x" * 65_536}
    text = json.dumps(request_.body | much) if content_type == JSON else urlencode(request_.body | much)
    response = request_.send(text, content_type)
    assert refusal_of(response) == (413, "invalid_request")
    assert response.json()["error_description"] == "the body is longer than 65536 bytes"
    assert request_.is_unspent()


def test_a_body_just_within_the_limit_is_read(guide: Guide) -> None:
    """A body of exactly the largest size is read."""
    within = Request(guide, "code")
    padding = 65_536 - len(json.dumps(within.body | {"extra": ""}))
    assert within.send(json.dumps(within.body | {"extra": "x" * padding})).status_code == 200


@pytest.mark.parametrize("length", ["abc", "1e3", "-1", "1 2"])
def test_a_content_length_that_is_no_number_breaks_nothing(guide: Guide, length: str) -> None:
    """Some servers in front of Django let such a header through."""
    spoilt_request = Request(guide, "code")
    response = guide.server.generic(
        "POST", "/token/", json.dumps(spoilt_request.body), content_type=JSON, CONTENT_LENGTH=length
    )
    assert refusal_of(response) == (400, "invalid_request")
    assert spoilt_request.is_unspent()


def test_a_content_length_of_thousands_of_digits_breaks_nothing(guide: Guide) -> None:
    """Python does not parse numbers of that length; the body is too large in any case."""
    spoilt_request = Request(guide, "code")
    response = guide.server.generic(
        "POST", "/token/", json.dumps(spoilt_request.body), content_type=JSON, CONTENT_LENGTH="9" * 5_000
    )
    assert refusal_of(response) == (413, "invalid_request")
    assert spoilt_request.is_unspent()


@clause("RFC 6749", "2.3")
def test_credentials_that_come_twice_are_refused(request_: Request) -> None:
    """The request is refused even if both the header and the body are right."""
    response = request_.send(json.dumps(request_.body), Authorization=basic("presc_man_123", SECRET))
    assert refusal_of(response) == (400, "invalid_request")
    assert "sent twice" in response.json()["error_description"]
    assert request_.is_unspent()


@clause("RFC 6749", "3.2.1")
@pytest.mark.parametrize("secret", ["wrong", "", "x" * 10_000, "\u00fc", "' OR ''='"])
def test_a_wrong_secret_costs_nothing(request_: Request, secret: str) -> None:
    """Guessing secrets must not use up codes."""
    response = request_.send(json.dumps(request_.body | {"client_secret": secret}))
    assert refusal_of(response) == (401, "invalid_client")
    assert request_.is_unspent()


@clause("RFC 6749", "3.2")
@pytest.mark.parametrize("as_form", [True, False], ids=["form", "JSON"])
def test_unknown_parameters_are_ignored(request_: Request, as_form: bool) -> None:
    """Libraries add parameters of their own: assertions, audiences, display hints."""
    body = request_.body | {"audience": "https://api.example", "client_assertion_": "x", "\u00fc": "\u00fc", "a": ""}
    text, content_type = (urlencode(body), FORM) if as_form else (json.dumps(body), JSON)
    assert request_.send(text, content_type).status_code == 200


@clause("RFC 6749", "3.2")
@pytest.mark.parametrize("as_form", [True, False], ids=["form", "JSON"])
def test_empty_parameters_are_absent_ones(request_: Request, as_form: bool) -> None:
    """For each required parameter, the sentence says that it is missing."""
    for name in [name for name in request_.body if name not in ("client_id", "client_secret", "redirect_uri")]:
        body = request_.body | {name: ""}
        text, content_type = (urlencode(body), FORM) if as_form else (json.dumps(body), JSON)
        response = request_.send(text, content_type)
        assert refusal_of(response) == (400, "invalid_request")
        assert response.json()["error_description"] == f"{name} is missing"
    assert request_.is_unspent()


@clause("RFC 6749", "5.2")
@pytest.mark.parametrize("grant_type", ["password", "x" * 10_000, "\u00fc", "authorization_code refresh_token", "None"])
@pytest.mark.parametrize("kind", ["code", "refresh_token"])
def test_an_unknown_grant_type_is_named_as_such(guide: Guide, kind: str, grant_type: str) -> None:
    """The answer repeats nothing of the request."""
    sent = Request(guide, kind)
    response = sent.send(json.dumps(sent.body | {"grant_type": grant_type}))
    assert refusal_of(response) == (400, "unsupported_grant_type")
    assert response.json()["error_description"] == "grant_type is not supported"
    assert sent.is_unspent()


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "query", ["access_token=AT_x", "a=%ff", "a=%00", "&".join(f"p{number}" for number in range(101))]
)
def test_userinfo_refuses_what_is_wrong_in_its_url(guide: Guide, query: str, method: str) -> None:
    """The token in the header is valid, and stays valid."""
    access_token = guide.tokens()["access_token"]
    response = guide.server.generic(method, f"/userinfo/?{query}", headers={"Authorization": f"Bearer {access_token}"})
    assert refusal_of(response) == (400, "invalid_request")
    assert response["WWW-Authenticate"].startswith('Bearer realm="oauth_service", error="invalid_request"')
    assert guide.is_alive(access_token)


def test_userinfo_does_not_read_a_body(guide: Guide) -> None:
    """Only the token in the header counts, whatever the body contains."""
    headers = {"Authorization": f"Bearer {guide.tokens()['access_token']}"}
    statuses = {}
    for how in SENTENCES:
        body, content_type, _ = spoilt({"a": "b"}, how)
        response = guide.server.generic("POST", "/userinfo/", body, content_type=content_type, headers=headers)
        statuses[how] = response.status_code
    assert set(statuses.values()) == {200}, statuses


@pytest.mark.parametrize("path", ["/authorise/", "/oauth/deauthorise/"])
def test_a_person_is_told_on_a_page(guide: Guide, path: str) -> None:
    """Faulty forms cause no redirect and no 5xx, and neither give nor withdraw consent."""
    guide.tokens()
    form = guide.request(response_type="") if path == "/authorise/" else {"client_id": guide.client.client_id}
    astray = []
    for how in SENTENCES:
        body, content_type, query = spoilt(form, how)
        if not is_page(guide.browser.generic("POST", path + query, body, content_type=content_type)):
            astray.append(how)
    assert astray == []
    assert (Consent.objects.count(), AuthorizationCode.objects.count(), Grant.objects.count()) == (1, 0, 1)


@pytest.mark.parametrize(
    "query", ["a=%ff", "a=%00", "state=%ed%a0%80", "&".join(f"p{number}" for number in range(101))]
)
def test_an_authorization_request_that_cannot_be_read_leads_nowhere(guide: Guide, query: str) -> None:
    """The client is unknown until the request has been read."""
    guide.browser.force_login(guide.alice)
    assert is_page(guide.browser.get(f"/authorise/?{urlencode(guide.request())}&{query}"))
