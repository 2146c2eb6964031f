"""Request parameters, in form or JSON (RFC 6749 sections 3.1, 3.2 and Appendix B)."""

import json
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qsl

from .errors import InvalidRequest
from .secret import Secret

MAX_PARAMETERS = 100

# Must never be in a URL, which logs, histories and Referer headers keep (RFC 6749 section 2.3.1).
NEVER_IN_A_QUERY = frozenset(
    {
        "access_token",
        "actor_token",
        "assertion",
        "client_assertion",
        "client_secret",
        "code",
        "code_verifier",
        "device_code",
        "password",
        "refresh_token",
        "subject_token",
        "token",
    }
)


class Parameters:
    """
    The parameters of one request, each a str. An empty value counts as absent (RFC 6749 section 3.1).

    The repr shows names only: values may be secrets.
    """

    __slots__ = ("_repeated", "_values")

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        """
        Args:
            pairs: names and values in the order sent, repeats included.

        Raises:
            InvalidRequest: a NUL byte, or text that is not Unicode (lone surrogates).
        """
        self._values: dict[str, str] = {}
        repeated: dict[str, list[str]] = {}
        for name, value in pairs:
            if "\0" in name or "\0" in value:
                raise InvalidRequest("a parameter contains a NUL byte")
            try:
                (name + value).encode()
            except UnicodeEncodeError as cause:
                raise InvalidRequest("a parameter is not valid Unicode text") from cause
            if name in self._values:
                repeated.setdefault(name, [self._values[name]]).append(value)
            self._values[name] = value
        self._repeated = repeated

    def get(self, name: str) -> str:
        """
        Return the value, or "" if absent.

        Raises:
            InvalidRequest: the parameter was sent more than once (RFC 6749 section 3.1).
        """
        if name in self._repeated:
            raise InvalidRequest(f"{name} was sent more than once")
        return self._values.get(name, "")

    def words(self, name: str) -> frozenset[str]:
        """Return all words of a space-delimited parameter, repeats of the parameter included."""
        return frozenset(word for value in self.get_all(name) for word in value.split())

    def require(self, name: str) -> str:
        """
        Return the value of a required parameter.

        Raises:
            InvalidRequest: absent, empty or repeated.
        """
        value = self.get(name)
        if not value:
            raise InvalidRequest(f"{name} is missing")
        return value

    def secret(self, name: str) -> Secret:
        """
        Return the value of a parameter that is a secret; empty if absent.

        Raises:
            InvalidRequest: the parameter was sent more than once (RFC 6749 section 3.1).
        """
        return Secret(self.get(name))

    def get_all(self, name: str) -> tuple[str, ...]:
        """Return all values of a parameter that may be repeated, in the order sent, without empty ones."""
        values = self._repeated.get(name) or [self._values.get(name, "")]
        return tuple(value for value in values if value)

    def refuse_repeats(self, *, allowed: frozenset[str] = frozenset()) -> None:
        """
        Refuse repeated parameters: they "MUST NOT be included more than once" (RFC 6749 section 3.2).

        Args:
            allowed: names that a specification lets a client repeat.

        Raises:
            InvalidRequest: another parameter was repeated.
        """
        if repeated := sorted(self._repeated.keys() - allowed):
            raise InvalidRequest("a parameter was sent more than once", detail=f"repeated: {repeated}")

    def is_repeated(self, name: str) -> bool:
        """Tell whether the parameter was sent more than once."""
        return name in self._repeated

    def __contains__(self, name: object) -> bool:
        return bool(self._values.get(name)) if isinstance(name, str) else False

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def items(self) -> Iterable[tuple[str, str]]:
        """Return names and values; the last value if a parameter is repeated."""
        return self._values.items()

    def __repr__(self) -> str:
        return f"Parameters({', '.join(sorted(self._values))})"


def from_form(text: bytes) -> Parameters:
    """
    Read application/x-www-form-urlencoded, from a body or a query string.

    Raises:
        InvalidRequest: not UTF-8, too many parameters, or a NUL byte.

    RFC 6749 Appendix B.
    """
    try:
        return Parameters(
            parse_qsl(text.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
        )
    except UnicodeDecodeError as cause:
        raise InvalidRequest("the parameters are not valid UTF-8") from cause
    except ValueError as cause:
        raise InvalidRequest("too many parameters") from cause


def from_json(text: bytes) -> Parameters:
    """
    Read one flat JSON object of strings.

    Raises:
        InvalidRequest: malformed, not an object, a member that is not a string, or a repeated member.
    """
    return _flat(_pairs_of(text))


def from_json_with_object(text: bytes, name: str) -> tuple[Parameters, Parameters]:
    """
    Read a JSON object of strings, one member of which is itself a flat object of strings.

    Args:
        name: of that member.

    Returns:
        the other members, and those of that member: none if it is absent.

    Raises:
        InvalidRequest: as from_json(); the sentence says which of the two objects is wrong.
    """
    pairs = _pairs_of(text)
    inner: list[object] = [value for each, value in pairs if each == name]
    if len(inner) > 1:
        raise InvalidRequest("a parameter was sent more than once", detail=f"repeated: {name}")
    flat = _flat(_Pairs(pair for pair in pairs if pair[0] != name))
    if not inner:
        return flat, Parameters(())
    if not isinstance(found := inner[0], _Pairs):
        raise InvalidRequest(f"{name} is not an object")
    if not all(isinstance(value, str) for _, value in found):
        raise InvalidRequest(f"every member of {name} must be a string")
    return flat, _flat(found)


def _pairs_of(text: bytes) -> "_Pairs":
    try:
        pairs = json.loads(text.decode(), object_pairs_hook=_Pairs)
    except UnicodeDecodeError as cause:
        raise InvalidRequest("the body is not valid UTF-8") from cause
    except (ValueError, RecursionError) as cause:
        raise InvalidRequest("the body is not valid JSON") from cause
    if not isinstance(pairs, _Pairs):
        raise InvalidRequest("the JSON body is not an object")
    return pairs


def _flat(pairs: "_Pairs") -> Parameters:
    if len(pairs) > MAX_PARAMETERS:
        raise InvalidRequest("too many parameters")
    if not all(isinstance(value, str) for _, value in pairs):
        raise InvalidRequest("every member of the JSON object must be a string")
    return Parameters(pairs)


class _Pairs(list[tuple[str, str]]):
    """A JSON object as its pairs, which shows repeated members and tells objects from arrays."""


def refuse_secrets(query: Parameters) -> None:
    """
    Refuse parameters in a query string that must never be in one.

    Raises:
        InvalidRequest: a secret-bearing parameter is in the URL; the sentence names it.
    """
    for name in sorted(NEVER_IN_A_QUERY.intersection(query)):
        raise InvalidRequest(f"{name} must be sent in the body, never in the URL")
