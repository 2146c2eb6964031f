"""Parameters in form and JSON: each input has one reading, and none breaks the server."""

import json
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from oauth_service.protocol.errors import InvalidRequest
from oauth_service.protocol.parameters import (
    MAX_PARAMETERS,
    NEVER_IN_A_QUERY,
    Parameters,
    from_form,
    from_json,
    refuse_secrets,
)
from tests.clauses import clause

Reader = Callable[[bytes], Parameters]
READERS = pytest.mark.parametrize("read", [from_form, from_json])


def refusal_of(read: Reader, text: bytes) -> str:
    """Return the sentence of the refusal."""
    with pytest.raises(InvalidRequest) as refusal:
        read(text)
    return refusal.value.description


# -- reading ---------------------------------------------------------------------------------------------------------

names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
flat = st.dictionaries(names, names, max_size=20)


@given(sent=flat)
def test_a_form_comes_back_as_it_was_sent(sent: dict[str, str]) -> None:
    """Every Unicode text survives form encoding (RFC 6749 Appendix B)."""
    assert dict(from_form(urlencode(sent).encode()).items()) == sent


@given(sent=flat, ascii_only=st.booleans())
def test_a_json_object_comes_back_as_it_was_sent(sent: dict[str, str], ascii_only: bool) -> None:
    """JSON may or may not escape characters."""
    assert dict(from_json(json.dumps(sent, ensure_ascii=ascii_only).encode()).items()) == sent


@clause("RFC 6749", "B")
def test_the_appendix_b_example_is_read_verbatim() -> None:
    """Space, percent, ampersand, plus, pound and euro sign: form encoding of UTF-8."""
    assert from_form(b"key=+%25%26%2B%C2%A3%E2%82%AC").get("key") == " %&+£€"


@clause("RFC 6749", "3.1")
@pytest.mark.parametrize("parameters", [from_form(b"state="), from_form(b"state"), from_json(b'{"state": ""}')])
def test_an_empty_parameter_is_an_absent_one(parameters: Parameters) -> None:
    """ "Parameters sent without a value MUST be treated as if they were omitted from the request." """
    assert (parameters.get("state"), "state" in parameters) == ("", False)


def test_a_required_parameter_must_have_a_value() -> None:
    """The sentence names the missing parameter."""
    with pytest.raises(InvalidRequest) as refusal:
        from_form(b"code=").require("code")
    assert refusal.value.description == "code is missing"


@READERS
def test_what_is_not_there_is_empty(read: Reader) -> None:
    """Callers need to handle neither None nor KeyError."""
    assert read(b"{}" if read is from_json else b"").get("state") == ""


# -- repeats ---------------------------------------------------------------------------------------------------------


@clause("RFC 6749", "3.1")
@pytest.mark.parametrize(
    "parameters",
    [
        from_form(b"scope=user&scope=profile"),
        from_form(b"scope=user&scope=user"),
        from_form(b"scope=&scope=user"),
        from_form(b"scope=user&scope="),
        from_form(b"scope=user&%73cope=profile"),
        from_json(b'{"scope": "user", "scope": "profile"}'),
        from_json(b'{"scope": "user", "sc\\u006fpe": "user"}'),
    ],
)
def test_a_repeated_parameter_has_no_value(parameters: Parameters) -> None:
    """Parameter pollution exploits two parsers that choose differently, so no value is used."""
    with pytest.raises(InvalidRequest) as named:
        parameters.get("scope")
    with pytest.raises(InvalidRequest) as whole:
        parameters.refuse_repeats()
    assert (named.value.description, whole.value.description, parameters.is_repeated("scope")) == (
        "scope was sent more than once",
        "a parameter was sent more than once",
        True,
    )


def test_a_repeat_of_another_parameter_does_not_hide_this_one() -> None:
    """Each endpoint decides about repeats; client_id is still known when state was sent twice."""
    parameters = from_form(b"client_id=a&state=1&state=2")
    assert (parameters.get("client_id"), parameters.is_repeated("client_id")) == ("a", False)


def test_no_repeats_are_not_refused() -> None:
    """The check must be able to pass."""
    from_form(b"a=1&b=1").refuse_repeats()


# -- malformed -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"", "the body is not valid JSON"),
        (b"{", "the body is not valid JSON"),
        (b"grant_type=authorization_code", "the body is not valid JSON"),
        (b'{"a": "1"} {"b": "2"}', "the body is not valid JSON"),
        (b"{'a': '1'}", "the body is not valid JSON"),
        (b'{"a": "1",}', "the body is not valid JSON"),
        (b'{"a": "\x01"}', "the body is not valid JSON"),
        (b"\xef\xbb\xbf{}", "the body is not valid JSON"),
        (b'{"a": ' + b"1" * 5_000 + b"}", "the body is not valid JSON"),
        (b"[" * 60_000, "the body is not valid JSON"),
        (b'{"a":' * 10_000, "the body is not valid JSON"),
        (b"[" * 60_000 + b"]" * 60_000, "the body is not valid JSON"),
        (b"\xff{}", "the body is not valid UTF-8"),
        ('{"a": "1"}'.encode("utf-16"), "the body is not valid UTF-8"),
        (b'{"a": "\xc0\x80"}', "the body is not valid UTF-8"),
        (b'{"a": "\xed\xa0\x80"}', "the body is not valid UTF-8"),
        (b"[]", "the JSON body is not an object"),
        (b'["grant_type", "code"]', "the JSON body is not an object"),
        (b'[["grant_type", "code"]]', "the JSON body is not an object"),
        (b'"text"', "the JSON body is not an object"),
        (b"null", "the JSON body is not an object"),
        (b"17", "the JSON body is not an object"),
        (b'{"a": null}', "every member of the JSON object must be a string"),
        (b'{"a": 1}', "every member of the JSON object must be a string"),
        (b'{"a": 1e400}', "every member of the JSON object must be a string"),
        (b'{"a": NaN}', "every member of the JSON object must be a string"),
        (b'{"a": true}', "every member of the JSON object must be a string"),
        (b'{"a": ["1"]}', "every member of the JSON object must be a string"),
        (b'{"a": {"b": "1"}}', "every member of the JSON object must be a string"),
        (b'{"a": {}}', "every member of the JSON object must be a string"),
        (b'{"a": "1", "a": 2}', "every member of the JSON object must be a string"),
        (b'{"a": "\\u0000"}', "a parameter contains a NUL byte"),
        (b'{"\\u0000": "a"}', "a parameter contains a NUL byte"),
        (b'{"a": "\\ud800"}', "a parameter is not valid Unicode text"),
        (b'{"a": "\\udc00\\ud800"}', "a parameter is not valid Unicode text"),
        (b'{"\\ud800": "\\udc00"}', "a parameter is not valid Unicode text"),
    ],
)
def test_malformed_json_is_refused_by_name(text: bytes, sentence: str) -> None:
    """The sentence tells a developer what is wrong."""
    assert refusal_of(from_json, text) == sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"a=\xff", "the parameters are not valid UTF-8"),
        (b"a=%ff", "the parameters are not valid UTF-8"),
        (b"%ff=a", "the parameters are not valid UTF-8"),
        (b"a=%c0%80", "the parameters are not valid UTF-8"),
        (b"a=%ed%a0%80", "the parameters are not valid UTF-8"),
        (b"a=%00", "a parameter contains a NUL byte"),
        (b"a=\0", "a parameter contains a NUL byte"),
        (b"%00=a", "a parameter contains a NUL byte"),
    ],
)
def test_a_malformed_form_is_refused_by_name(text: bytes, sentence: str) -> None:
    """Nothing is silently replaced or dropped: values compared later must be the values that were sent."""
    assert refusal_of(from_form, text) == sentence


def test_parameters_are_counted_in_a_form() -> None:
    """The largest allowed number is read; one more is refused."""
    many = [(f"p{number}", "x") for number in range(MAX_PARAMETERS)]
    assert len(list(from_form(urlencode(many).encode()))) == MAX_PARAMETERS
    assert refusal_of(from_form, urlencode([*many, ("one", "more")]).encode()) == "too many parameters"


def test_parameters_are_counted_in_json() -> None:
    """Each repeat of a member counts."""
    many = ", ".join(['"p": "x"'] * MAX_PARAMETERS)
    assert from_json(f"{{{many}}}".encode()).is_repeated("p")
    assert refusal_of(from_json, f'{{{many}, "p": "x"}}'.encode()) == "too many parameters"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200)
@given(value=json_values)
def test_json_of_any_shape_is_read_or_refused(value: object) -> None:
    """The only exception is InvalidRequest; exactly the flat objects of strings are read."""
    text = json.dumps(value).encode()
    is_flat = (
        isinstance(value, dict)
        and all(isinstance(member, str) for member in value.values())
        and "\0" not in "".join([*value, *value.values()])
    )
    if is_flat:
        assert isinstance(value, dict)
        assert dict(from_json(text).items()) == value
    else:
        refusal_of(from_json, text)


@READERS
@settings(max_examples=300)
@given(text=st.binary(max_size=100) | st.text('{}[]"\\,:=&%+ud800aN1e\0', max_size=60).map(str.encode))
@example(text=b'{"a": "\\ud83d')
@example(text=b"%")
@example(text=b"%f")
@example(text=b"=&=&&")
def test_no_bytes_break_a_reader(read: Reader, text: bytes) -> None:
    """Bad input of a client must not become a 500 that the operator has to investigate."""
    try:
        parameters = read(text)
    except InvalidRequest:
        return
    assert all(isinstance(part, str) for pair in parameters.items() for part in pair)


# -- secrets in URLs and messages ------------------------------------------------------------------------------------


@clause("RFC 6749", "2.3.1")
@pytest.mark.parametrize("name", sorted(NEVER_IN_A_QUERY))
def test_a_secret_in_the_url_is_refused_by_name(name: str) -> None:
    """ "The parameters … MUST NOT be included in the request URI": logs and Referer headers keep it."""
    with pytest.raises(InvalidRequest) as refusal:
        refuse_secrets(from_form(f"state=1&{name}=very-secret".encode()))
    assert refusal.value.description == f"{name} must be sent in the body, never in the URL"


def test_what_may_stand_in_a_url_is_not_refused() -> None:
    """The check must be able to pass."""
    refuse_secrets(from_form(b"client_id=a&state=b&tokens=c"))


def test_the_repr_shows_names_only() -> None:
    """Values may be secrets, and the repr ends up in logs."""
    assert repr(from_form(b"code=very-secret&a=b")) == "Parameters(a, code)"


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (from_json, b"very-secret"),
        (from_json, b'{"very-secret": 1}'),
        (from_json, b'{"very-secret": "\\u0000"}'),
        (from_form, b"very-secret=\xff"),
        (from_form, b"a=very-secret%00"),
    ],
)
def test_a_refusal_does_not_repeat_what_was_sent(read: Reader, text: bytes) -> None:
    """Echoed input would let strangers choose the words of the server; in the log it may be a secret."""
    with pytest.raises(InvalidRequest) as refusal:
        read(text)
    assert "very-secret" not in f"{refusal.value.description} {refusal.value.detail}"


def test_a_parameter_that_may_be_repeated_has_all_its_values() -> None:
    """`resource` may be repeated (RFC 8707 section 2); all other repeats are still refused."""
    parameters = Parameters([("resource", "a"), ("resource", ""), ("resource", "b"), ("scope", "x")])
    parameters.refuse_repeats(allowed=frozenset({"resource"}))
    assert (parameters.get_all("resource"), parameters.get_all("scope"), parameters.get_all("none")) == (
        ("a", "b"),
        ("x",),
        (),
    )
    with pytest.raises(InvalidRequest):
        parameters.refuse_repeats()
