"""Descriptions of grant types (RFC 6749 section 1.3), from which forms, OpenAPI and metrics are derived."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

AUTHORIZATION_CODE = "authorization_code"
REFRESH_TOKEN = "refresh_token"
CLIENT_CREDENTIALS = "client_credentials"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def scopes_of(text: str) -> dict[str, str]:
    """
    Return the scope that each grant type is limited to. A grant type without a limit may give the client's whole scope.

    Args:
        text: one limit a line: the name of a grant type, then its scope, separated by spaces.
    """
    lines = [line.split() for line in text.splitlines()]
    return {words[0]: " ".join(words[1:]) for words in lines if words}


def faults_of_scopes(text: str, *, grant_types: str, scope: str) -> Iterator[str]:
    """
    Yield a sentence for each fault in the text of scopes_of().

    Args:
        grant_types: of the client, separated by spaces.
        scope: of the client, with what it implies.
    """
    names = [line.split()[0] for line in text.splitlines() if line.strip()]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{name} has a line already: one is enough."
    for name, limit in scopes_of(text).items():
        if name == CLIENT_CREDENTIALS:
            yield f"{name}: set the client credentials scope instead."
        elif name not in grant_types.split():
            yield f"{name[:100]} is not one of its grant types."
        elif not limit:
            yield f"{name} needs a scope: take it from the grant types to allow none."
        elif unknown := sorted(set(limit.split()) - set(scope.split())):
            yield f"{name}: its scope has no {', '.join(unknown)[:200]}."


def always() -> bool:
    """Default of GrantTypeDescription.is_on: the grant type cannot be switched off."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantTypeDescription:
    """
    The description of a grant type.

    Attributes:
        name: value of the grant_type parameter; also its label in the metrics.
        clause: the specification that defines its token request.
        meaning: words for the admin; may be a lazy translation.
        required, optional: names of its parameters, apart from those of client authentication.
        repeatable: those of them that may be sent more than once.
        renews: True if it only renews what another grant type gave.
        is_on: returns whether this server offers it now.
        switch: what a project needs to offer it; "" if it cannot be switched off.
        needs_issuer: True if it needs the issuer identifier of this server, even without OpenID Connect.
    """

    name: str
    clause: str
    meaning: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    repeatable: frozenset[str] = frozenset()
    renews: bool = False
    is_on: Callable[[], bool] = always
    switch: str = ""
    needs_issuer: bool = False
