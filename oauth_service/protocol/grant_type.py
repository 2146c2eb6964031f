"""What a grant type says about itself (RFC 6749 section 1.3); forms, OpenAPI and metrics derive from it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

AUTHORIZATION_CODE = "authorization_code"
REFRESH_TOKEN = "refresh_token"
CLIENT_CREDENTIALS = "client_credentials"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def scopes_of(text: str) -> dict[str, str]:
    """
    What a client is limited to, by grant type. A grant type that is not named may give all of the client's scope.

    Args:
        text: one a line: the name of a grant type, then its scope, separated by spaces.
    """
    lines = [line.split() for line in text.splitlines()]
    return {words[0]: " ".join(words[1:]) for words in lines if words}


def faults_of_scopes(text: str, *, grant_types: str, scope: str) -> Iterator[str]:
    """
    What is wrong with the limits of scopes_of(), as sentences.

    Args:
        grant_types: of the client, separated by spaces.
        scope: of the client, with what it implies.
    """
    names = [line.split()[0] for line in text.splitlines() if line.strip()]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{name} has a line already: one is enough."
    for name, limit in scopes_of(text).items():
        if name == CLIENT_CREDENTIALS:
            yield f"{name}: what it may get for itself is its scope for itself."
        elif name not in grant_types.split():
            yield f"{name[:100]} is none of its grant types."
        elif not limit:
            yield f"{name} needs a scope: take it from the grant types to allow none."
        elif unknown := sorted(set(limit.split()) - set(scope.split())):
            yield f"{name}: its scope has no {', '.join(unknown)[:200]}."


def always() -> bool:
    """Every server has it."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantTypeDescription:
    """
    One grant type.

    Attributes:
        name: value of the grant_type parameter; also its label in the metrics.
        clause: the specification that defines its token request.
        meaning: words for the admin; may be a lazy translation.
        required, optional: names of its parameters, besides those of client authentication.
        repeatable: those of them that may be sent more than once.
        renews: whether it only renews what another grant type gave.
        is_on: tells whether this server has it now.
        needs_issuer: whether it asks for the issuer identifier of this server, also without OpenID Connect.
    """

    name: str
    clause: str
    meaning: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    repeatable: frozenset[str] = frozenset()
    renews: bool = False
    is_on: Callable[[], bool] = always
    needs_issuer: bool = False
