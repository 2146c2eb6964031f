"""Client authentication: HTTP Basic or the body, and the possible readings of a secret."""

import base64
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_service.protocol import client_authentication
from oauth_service.protocol.client_authentication import credentials
from oauth_service.protocol.errors import InvalidClient, InvalidRequest
from oauth_service.protocol.parameters import Parameters
from oauth_service.protocol.secret import Secret
from tests.clauses import clause

MALFORMED = "the Authorization header is not well-formed HTTP Basic"


def basic(text: str | bytes) -> str:
    """Return an Authorization header for exactly these characters."""
    return "Basic " + base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def read(authorization: str = "", **body: str) -> tuple[str, tuple[str, ...]]:
    """Return the client_id of a request, and every reading of its secret."""
    found = credentials(authorization, Parameters(body.items()))
    return found.client_id, tuple(secret.reveal() for secret in found.secrets)


# -- credentials -----------------------------------------------------------------------------------------------------


@clause("RFC 6749", "2.3.1")
def test_the_rfcs_basic_example_verbatim() -> None:
    """Section 2.3.1 has this header."""
    assert read("Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW") == ("s6BhdRkqt3", ("gX1fBat3bV",))


@clause("RFC 6749", "2.3.1")
def test_the_rfcs_body_example_verbatim() -> None:
    """Section 2.3.1 has this form."""
    assert read(client_id="s6BhdRkqt3", client_secret="7Fjfp0ZBr1KtDRbnfVdmIw") == (
        "s6BhdRkqt3",
        ("7Fjfp0ZBr1KtDRbnfVdmIw",),
    )


@clause("RFC 6749", "2.3.1")
@given(secret=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_a_form_encoded_secret_is_read_back(secret: str) -> None:
    """ "Encoded using the application/x-www-form-urlencoded encoding algorithm": colons, percent signs, any script."""
    assert secret in read(basic(f"s6BhdRkqt3:{quote_plus(secret)}"))[1]


@given(secret=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_a_raw_secret_is_read_back(secret: str) -> None:
    """Many clients do not encode their secrets. Both readings are only ever compared, so trying both is safe."""
    assert secret in read(basic(f"s6BhdRkqt3:{secret}"))[1]


@pytest.mark.parametrize(
    ("sent", "readings"),
    [
        ("plain", ("plain",)),
        ("a+b", ("a b", "a+b")),
        ("a%2Bb", ("a+b", "a%2Bb")),
        ("a:b", ("a:b",)),
        ("a%00b", ("a%00b",)),
        ("", ()),
    ],
)
def test_there_are_at_most_two_readings(sent: str, readings: tuple[str, ...]) -> None:
    """The reading of the specification comes first; an empty secret counts as none."""
    assert read(basic(f"client:{sent}")) == ("client", readings)


def test_the_clients_name_is_form_decoded_too() -> None:
    """Section 2.3.1 encodes the client_id, too."""
    assert read(basic("my%20client:secret"))[0] == "my client"


@pytest.mark.parametrize("authorization", ["basic YTpi", "BASIC YTpi", "Basic   YTpi", " Basic YTpi "])
def test_the_schemes_name_is_case_insensitive(authorization: str) -> None:
    """RFC 9110 section 11.1 says so."""
    assert read(authorization) == ("a", ("b",))


@clause("RFC 6749", "3.2.1")
def test_a_public_client_names_itself() -> None:
    """A public client has no secret to prove its identity."""
    assert read(client_id="public_app") == ("public_app", ())


@clause("RFC 6749", "3.2.1")
def test_the_same_client_id_may_stand_in_the_body_besides() -> None:
    """client_id is not a credential, and many clients repeat it."""
    assert read(basic("a:b"), client_id="a") == ("a", ("b",))


# -- refusals --------------------------------------------------------------------------------------------------------


def test_no_credentials_are_an_invalid_client() -> None:
    """Section 5.2 lists "no client authentication included" under invalid_client."""
    with pytest.raises(InvalidClient) as refusal:
        read()
    assert refusal.value.description == "client authentication is missing"


def test_a_secret_without_a_client_id_is_an_invalid_client() -> None:
    """The secret does not say which client it belongs to."""
    with pytest.raises(InvalidClient):
        read(client_secret="b")


@clause("RFC 6749", "2.3")
def test_two_methods_are_an_invalid_request() -> None:
    """ "The client MUST NOT use more than one authentication method in each request", the same secret twice included."""
    with pytest.raises(InvalidRequest) as refusal:
        read(basic("a:b"), client_id="a", client_secret="b")
    assert (
        refusal.value.description == "client credentials were sent twice: in the Authorization header and in the body"
    )


def test_two_names_are_an_invalid_request() -> None:
    """A client must not authenticate as one client and be treated as another."""
    with pytest.raises(InvalidRequest) as refusal:
        read(basic("a:b"), client_id="c")
    assert refusal.value.description == "client_id in the body differs from the one in the Authorization header"


@pytest.mark.parametrize(
    "authorization",
    [
        "Basic",
        "Basic ",
        "Basic ?",
        "Basic YTpi YTpi",
        "Basic YTp",
        "Bearer YTpi",
        "YTpi",
        "Basic " + "é",
        basic("no-colon"),
        basic(":secret-only"),
        basic(b"a:\xff"),
        basic("a\0b:c"),
        basic("a:b\0"),
        basic("a%00b:c"),
    ],
)
def test_a_malformed_header_is_an_invalid_client(authorization: str) -> None:
    """The body is never used instead: that would give one request two readings. A NUL byte breaks databases."""
    with pytest.raises(InvalidClient) as refusal:
        read(authorization, client_id="a")
    assert refusal.value.description == MALFORMED


@given(authorization=st.text(min_size=1) | st.binary().map(basic) | st.text().map(basic))
def test_no_header_breaks_the_reading(authorization: str) -> None:
    """Every header is read or refused, and every client_id that was read can be looked up in any database."""
    try:
        client_id, secrets = read(authorization)
    except InvalidClient:
        return
    assert client_id
    assert "\0" not in client_id + "".join(secrets)


# -- secrets that the server makes -----------------------------------------------------------------------------------


def test_a_new_secret_is_256_random_bits() -> None:
    """Such a secret needs no slow hash; in base64url it has 43 characters."""
    made = {client_authentication.new_secret() for _ in range(50)}
    assert ({len(secret) for secret in made}, len(made)) == ({43}, 50)


def test_a_hash_of_a_secret_is_its_sha256() -> None:
    """The vector "abc" is from FIPS 180-2. A change of format would lock every client out."""
    assert client_authentication.hash_of("abc") == (
        "sha256$ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


def test_a_secret_matches_its_own_hash_only() -> None:
    """No other comparison lets a client in."""
    kept = client_authentication.hash_of("abc")
    assert [client_authentication.matches(Secret(secret), kept) for secret in ("abc", "abd", "ABC", "", kept)] == [
        True,
        False,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("kept", "is_server_made"),
    [("sha256$ba78", True), ("pbkdf2_sha256$1000000$salt$hash", False), ("md5$salt$hash", False), ("", False)],
)
def test_a_persons_secret_is_told_from_a_made_one(kept: str, is_server_made: bool) -> None:
    """A person's secret needs a slow hash, a generated one does not."""
    assert client_authentication.is_server_made(kept) == is_server_made


def test_credentials_do_not_show_themselves() -> None:
    """The repr ends up in tracebacks and logs."""
    assert "gX1fBat3bV" not in repr(credentials("Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW", Parameters([])))
