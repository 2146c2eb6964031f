"""Sealed codes and tokens: their content cannot be changed, moved or forged."""

import base64
import json
import string
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oauth_service.protocol import sealed
from oauth_service.protocol.sealed import AccessToken, Actor, AuthorizationCode, Payload, RefreshToken, Unproven

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
SECRET, OTHER_SECRET = bytes(range(32, 64)), bytes(range(64, 96))
ROW, OTHER_ROW = UUID("00112233-4455-6677-8899-aabbccddeeff"), UUID("ffeeddcc-bbaa-9988-7766-554433221100")
TOKEN = UUID("12345678-1234-5678-1234-567812345678")

KINDS: tuple[type[Payload], ...] = (AuthorizationCode, RefreshToken, AccessToken)
EXAMPLES: tuple[Payload, ...] = (
    AuthorizationCode(code_id=ROW),
    RefreshToken(grant_id=ROW, generation=7),
    AccessToken(row_id=ROW, token_id=TOKEN, expires_at=1_800_000_000, scope=""),
    AccessToken(row_id=ROW, token_id=TOKEN, expires_at=1_800_000_000, scope="user profile"),
    AccessToken(row_id=ROW, token_id=TOKEN, expires_at=1_800_000_000, scope="user", is_own=True),
    AccessToken(
        row_id=ROW,
        token_id=TOKEN,
        expires_at=1_800_000_000,
        audience=("https://api.example.com",),
        act=(Actor(sub="service"),),
    ),
)
each_example = pytest.mark.parametrize(
    "payload", EXAMPLES, ids=["code", "refresh", "access", "narrowed access", "own access", "access for a resource"]
)

BASE64URL = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"  # in the order of their values
STRANGE = "=+/. \n\0é"


def opens(kind: type[Payload], text: str, *, keys: Iterable[bytes] = (KEY,), secret: bytes = SECRET) -> bool:
    """Return whether a text is a genuine code or token of a kind."""
    try:
        sealed.read(kind, text).verify(tuple(keys), secret)
    except Unproven:
        return False
    return True


def taken(kind: type[Payload], texts: Iterable[str]) -> list[str]:
    """Return the forgeries that open; there should be none."""
    return [text for text in texts if opens(kind, text)]


def bytes_of(text: str, kind: type[Payload]) -> bytes:
    """Return the decoded text after the prefix."""
    body = text.removeprefix(kind.prefix)
    return base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))


def text_of(sealed_bytes: bytes, kind: type[Payload]) -> str:
    """Encode the bytes as a text again."""
    return kind.prefix + base64.urlsafe_b64encode(sealed_bytes).rstrip(b"=").decode()


# -- accepted tokens -------------------------------------------------------------------------------------------------

uuids, numbers = st.uuids(), st.integers(0, 2**63 - 1)
texts = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
access_tokens = st.builds(
    AccessToken,
    row_id=uuids,
    token_id=uuids,
    expires_at=numbers,
    scope=texts,
    is_own=st.booleans(),
    audience=st.lists(words, max_size=3).map(tuple),
    client_id=words,
    act=st.lists(st.builds(Actor, sub=words, iss=words, client_id=words), max_size=3).map(tuple),
    jkt=texts,
    x5t_s256=texts,
    auth_time=numbers,
    acr=words,
)
payloads: st.SearchStrategy[Payload] = st.one_of(
    st.builds(AuthorizationCode, code_id=uuids),
    st.builds(RefreshToken, grant_id=uuids, generation=numbers),
    access_tokens,
)


@given(payload=payloads, key=st.binary(min_size=32, max_size=32), secret=st.binary(min_size=32, max_size=32))
def test_what_was_sealed_opens_again(payload: Payload, key: bytes, secret: bytes) -> None:
    """Every payload comes back unchanged."""
    text = sealed.seal(payload, key, secret)
    claim = sealed.read(type(payload), text)
    assert (claim.row_id, claim.verify([key], secret)) == (payload.row_id, payload)


@given(payload=payloads)
def test_a_token_is_made_of_characters_that_need_no_quoting(payload: Payload) -> None:
    """URLs, headers (the b64token of RFC 6750 section 2.1) and JSON transport it unchanged."""
    assert set(sealed.seal(payload, KEY, SECRET)) <= set(BASE64URL)


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (EXAMPLES[0], "SPL__AQARIjNEVWZ3iJmqu8zd7v9criJS36P0gdFDmOHLEfvjukJTn3FNcavGrtkjoal8Zw"),
        (EXAMPLES[1], "RT_AQARIjNEVWZ3iJmqu8zd7v8AAAAAAAAAB5jrJ3y87gUq46tueTWiGSJr41DfzeXYKQHCZMs-ORAV"),
        (
            EXAMPLES[3],
            "AT_AQARIjNEVWZ3iJmqu8zd7v8SNFZ4EjRWeBI0VngSNFZ4AAAAAGtJ0gB1c2VyIHByb2ZpbGWreY0v95bskIILekW49tADuFNji1-OmsqSJix-VvC6AQ",
        ),
        (
            EXAMPLES[4],
            "AT_AgARIjNEVWZ3iJmqu8zd7v8SNFZ4EjRWeBI0VngSNFZ4AAAAAGtJ0gB7InMiOiJ1c2VyIiwibyI6MX2qfM3MHBM_5M3F5dMRyqp7YWnqOs35yHoqOuMI4h3c9A",
        ),
        (
            EXAMPLES[5],
            "AT_AgARIjNEVWZ3iJmqu8zd7v8SNFZ4EjRWeBI0VngSNFZ4AAAAAGtJ0gB7ImEiOlsiaHR0cHM6Ly9hcGkuZXhhbXBsZS5jb20iXSwiZCI6W3sic3ViIjoic2VydmljZSJ9XX3zOsWNm95oddU6A0Ql6xt236fIL3bX7GivqDOyF6B9ww",
        ),
    ],
    ids=["code", "refresh", "access", "own access", "access for a resource"],
)
def test_the_format_does_not_change_unnoticed(payload: Payload, text: str) -> None:
    """If a new version of the server sealed differently, every session would end."""
    assert sealed.seal(payload, KEY, SECRET) == text


def test_a_refresh_token_is_a_function_of_grant_and_generation() -> None:
    """A retry gets the same successor that was lost, without storing any of it."""
    first, again = (sealed.seal(RefreshToken(grant_id=ROW, generation=3), KEY, SECRET) for _ in range(2))
    assert first == again


@each_example
def test_a_key_that_was_replaced_still_opens(payload: Payload) -> None:
    """Rotating the server's key ends no session."""
    assert opens(type(payload), sealed.seal(payload, OTHER_KEY, SECRET), keys=(KEY, OTHER_KEY))


# -- refused tokens --------------------------------------------------------------------------------------------------


@each_example
def test_a_key_that_was_retired_opens_nothing(payload: Payload) -> None:
    """For the same reason, a server does not open the tokens of another server."""
    assert not opens(type(payload), sealed.seal(payload, OTHER_KEY, SECRET), keys=(KEY,))


@each_example
def test_without_any_key_nothing_opens(payload: Payload) -> None:
    """An empty list of keys is not a wildcard."""
    assert not opens(type(payload), sealed.seal(payload, KEY, SECRET), keys=())


@each_example
def test_another_rows_secret_opens_nothing(payload: Payload) -> None:
    """A stolen server key alone is not enough to forge a token."""
    assert not opens(type(payload), sealed.seal(payload, KEY, OTHER_SECRET))


@each_example
@pytest.mark.parametrize("secret", [SECRET, OTHER_SECRET], ids=["own secret", "the other row's secret"])
def test_a_token_cannot_be_moved_to_another_row(payload: Payload, secret: bytes) -> None:
    """The owner of one grant cannot turn its token into a token of another grant."""
    kind = type(payload)
    moved = bytes_of(sealed.seal(payload, KEY, SECRET), kind).replace(ROW.bytes, OTHER_ROW.bytes, 1)
    assert sealed.read(kind, text_of(moved, kind)).row_id == OTHER_ROW
    assert not opens(kind, text_of(moved, kind), secret=secret)


@each_example
def test_every_truncation_is_refused(payload: Payload) -> None:
    """All shorter texts are refused, cut at the end or at the front."""
    text = sealed.seal(payload, KEY, SECRET)
    assert taken(type(payload), [text[:length] for length in range(len(text))]) == []
    assert taken(type(payload), [text[start:] for start in range(1, len(text) + 1)]) == []


@each_example
def test_every_truncation_of_its_bytes_is_refused(payload: Payload) -> None:
    """Whole bytes are removed, so that the text stays valid base64url; the MAC must not cover a shorter payload."""
    kind = type(payload)
    whole = bytes_of(sealed.seal(payload, KEY, SECRET), kind)
    assert taken(kind, [text_of(whole[:length], kind) for length in range(len(whole))]) == []


@each_example
def test_every_bit_flip_is_refused(payload: Payload) -> None:
    """Each bit of the version, the payload and the MAC counts."""
    kind = type(payload)
    whole = bytes_of(sealed.seal(payload, KEY, SECRET), kind)

    def flipped() -> Iterator[str]:
        for index, byte in enumerate(whole):
            for bit in range(8):
                yield text_of(whole[:index] + bytes([byte ^ 1 << bit]) + whole[index + 1 :], kind)

    assert taken(kind, flipped()) == []


@each_example
def test_every_changed_character_is_refused(payload: Payload) -> None:
    """Each token has only one spelling: the unused bits of base64url's last character count, too."""
    text = sealed.seal(payload, KEY, SECRET)

    def changed() -> Iterator[str]:
        for index, own in enumerate(text):
            yield from (text[:index] + other + text[index + 1 :] for other in BASE64URL + STRANGE if other != own)

    assert taken(type(payload), changed()) == []


@each_example
def test_every_added_character_is_refused(payload: Payload) -> None:
    """
    Padding and white space are refused, too: a token that is compared, logged or revoked by its text must have only one
    text.
    """
    text = sealed.seal(payload, KEY, SECRET)

    def longer() -> Iterator[str]:
        for index in range(len(text) + 1):
            yield from (text[:index] + other + text[index:] for other in "A_-" + STRANGE)

    assert taken(type(payload), longer()) == []


@pytest.mark.parametrize("bits", range(1, 16))
def test_a_second_spelling_of_the_same_bytes_is_refused(bits: int) -> None:
    """73 bytes leave four unused bits in the last character of base64url, which decoders are free to ignore."""
    payload = AccessToken(row_id=ROW, token_id=TOKEN, expires_at=1, scope="")
    text = sealed.seal(payload, KEY, SECRET)
    respelt = text[:-1] + BASE64URL[BASE64URL.index(text[-1]) | bits]
    assert (bytes_of(respelt, AccessToken), respelt == text) == (bytes_of(text, AccessToken), False)
    assert not opens(AccessToken, respelt)


@each_example
@pytest.mark.parametrize("other", KINDS)
def test_a_swapped_prefix_is_refused(payload: Payload, other: type[Payload]) -> None:
    """A code is not a refresh token, and a refresh token is not an access token, although they share row and secret."""
    kind = type(payload)
    if other is not kind:
        assert not opens(other, other.prefix + sealed.seal(payload, KEY, SECRET).removeprefix(kind.prefix))


class Lookalike(RefreshToken):
    """Another kind with the same layout as a refresh token."""

    prefix = "XX_"


def test_a_kind_of_the_same_layout_is_still_another_kind() -> None:
    """The kind is part of the key, so the test must not rely on layouts of different length."""
    text = sealed.seal(Lookalike(grant_id=ROW, generation=7), KEY, SECRET)
    assert opens(Lookalike, text)
    assert not opens(RefreshToken, RefreshToken.prefix + text.removeprefix("XX_"))


@each_example
def test_a_mac_made_with_half_of_the_key_is_refused(payload: Payload) -> None:
    """A stolen database has the rows' secrets but not the server's key; a stolen key comes without the rows."""
    kind = type(payload)
    forged = [sealed.seal(payload, key, secret) for key, secret in [(b"", SECRET), (SECRET, SECRET), (KEY, b"")]]
    assert taken(kind, forged) == []


@pytest.mark.parametrize("kind", KINDS)
@given(text=st.text())
def test_no_text_breaks_the_reading(kind: type[Payload], text: str) -> None:
    """Any text that is sent as a token is refused, and nothing worse happens."""
    assert not opens(kind, text)
    assert not opens(kind, kind.prefix + text)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=200)
@given(content=st.binary(max_size=120), version=st.sampled_from([b"\1", b"\0", b"\2", b""]))
def test_no_bytes_break_the_reading(kind: type[Payload], content: bytes, version: bytes) -> None:
    """The content is any well-formed base64url, including the right version."""
    assert not opens(kind, text_of(version + content, kind))


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_longer_than_any_token_is_refused_unread(kind: type[Payload]) -> None:
    """The server must not decode megabytes."""
    with pytest.raises(Unproven) as refusal:
        sealed.read(kind, kind.prefix + "AAAA" * 1024)
    assert refusal.value.detail == f"not a text that starts with {kind.prefix}"


# -- differences from the row -------------------------------------------------------------------------------------------


def of_map(members: object, *, version: int = 2) -> str:
    """Return a genuine access token with this map."""

    class Forged(AccessToken):
        @property
        def version(self) -> int:
            return version

        def pack(self) -> bytes:
            text = members if isinstance(members, str) else json.dumps(members, separators=(",", ":"))
            return super()._layout.pack(ROW.bytes, TOKEN.bytes, 1) + text.encode()

    return sealed.seal(Forged(row_id=ROW, token_id=TOKEN, expires_at=1), KEY, SECRET)


@given(token=access_tokens)
def test_a_token_that_differs_in_nothing_but_scope_is_of_the_first_version(token: AccessToken) -> None:
    """Servers that know only version 1 can still read it, and the guide's messages stay unchanged."""
    plain = replace(AccessToken(row_id=ROW, token_id=TOKEN, expires_at=1), scope=token.scope)
    own = ("row_id", "token_id", "expires_at", "scope")
    differs = any(getattr(token, each.name) for each in fields(AccessToken) if each.name not in own)
    assert (plain.version, token.version) == (1, 2 if differs else 1)


def test_a_map_is_read() -> None:
    """The valid form of the forgeries below opens."""
    token = sealed.read(AccessToken, of_map({"a": ["https://a.example"], "d": [{"sub": "s"}]})).verify([KEY], SECRET)
    assert (token.audience, token.act) == (("https://a.example",), (Actor(sub="s"),))


@pytest.mark.parametrize(
    "members",
    [
        {"a": ["https://a.example"], "z": 1},
        {"z": 1},
        {"a": ["https://a.example"], "d": [{"sub": "s", "exp": "1"}]},
        {"a": ["https://a.example"], "d": [{"sub": 1}]},
        {"a": ["https://a.example"], "d": ["s"]},
        {"a": "https://a.example"},
        {"a": [1]},
        {"a": []},
        {"o": 2},
        {"o": True},
        {"o": "1"},
        {"t": -1},
        {"t": 1.5},
        {"s": "user"},
        {"s": "", "o": 1},
        {"o": 1, "s": "user"},
        {"j": None},
        {},
        [],
        '{"o": 1}',
        '{"o":1,"o":1}',
        '{"o":1} ',
        '{"o":1',
        "[" * 2500,
        "",
    ],
    ids=lambda members: str(members)[:40],
)
def test_a_map_that_cannot_be_honoured_is_refused(members: object) -> None:
    """
    The token is genuine, but an unknown member could be one that restricts the token.

    Each token also has only one spelling.
    """
    with pytest.raises(Unproven):
        sealed.read(AccessToken, of_map(members))


@pytest.mark.parametrize("version", [0, 3, 255])
def test_a_version_that_is_not_known_is_refused(version: int) -> None:
    """A later release may have changed the meaning of the token, so even a genuine one is refused."""
    with pytest.raises(Unproven):
        sealed.read(AccessToken, of_map({"o": 1}, version=version))


@pytest.mark.parametrize("kind", [AuthorizationCode, RefreshToken])
def test_only_access_tokens_have_a_second_version(kind: type[Payload]) -> None:
    """Codes and refresh tokens have only one layout."""
    assert (sorted(kind.versions), sorted(AccessToken.versions)) == ([1], [1, 2])


def test_a_token_that_nobody_could_read_again_is_not_made() -> None:
    """A client must not get a token that is refused when it is used."""
    with pytest.raises(ValueError, match="a token of"):
        sealed.seal(AccessToken(row_id=ROW, token_id=TOKEN, expires_at=1, audience=("x" * 4000,)), KEY, SECRET)


# -- reprs and messages ----------------------------------------------------------------------------------------------


@each_example
def test_a_claim_does_not_show_what_it_was_read_from(payload: Payload) -> None:
    """The repr ends up in tracebacks and logs."""
    text = sealed.seal(payload, KEY, SECRET)
    claim = sealed.read(type(payload), text)
    whole = bytes_of(text, type(payload))
    assert repr(whole[-32:])[2:-1] not in repr(claim)
    assert text not in repr(claim)


@each_example
def test_a_refusal_tells_neither_the_token_nor_the_reason(payload: Payload) -> None:
    """The client gets the same sentence for all reasons; the log gets the row's id, never the text."""
    text = sealed.seal(payload, OTHER_KEY, SECRET)
    with pytest.raises(Unproven) as refusal:
        sealed.read(type(payload), text).verify([KEY], SECRET)
    assert (refusal.value.description, refusal.value.detail) == ("the token is not genuine", f"wrong MAC for {ROW}")
