"""Findings about registered clients: settings that are unsafe or cannot work (RFC 9700 section 2)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain
from urllib.parse import urlsplit

from ... import documentation
from ...protocol import redirect_uri
from .finding import Finding, note, warning

UNUSED_FOR = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """
    A registered client.

    Attributes:
        scope, grant_types: as registered, including values that the server does not know.
        has_chosen_secret: True if a person chose the secret.
        has_own_scope: True if client credentials have a scope of their own.
        exchanges: True if the client may exchange tokens and no policy is set.
        is_unreadable: True if no token key of this server decrypts its secret, which is kept encrypted.
        is_of_earlier_key: True if an earlier token key decrypts it.
    """

    client_id: str
    is_public: bool
    is_native: bool
    is_active: bool
    requires_pkce: bool
    redirect_uris: tuple[str, ...]
    scope: tuple[str, ...]
    grant_types: tuple[str, ...]
    uses_secret: bool
    has_secret: bool
    has_chosen_secret: bool
    has_previous_secret: bool
    has_consents: bool
    created_at: datetime
    has_own_scope: bool = True
    exchanges: bool = False
    is_unreadable: bool = False
    is_of_earlier_key: bool = False


def findings(
    client: Registration, *, scopes: frozenset[str], grant_types: frozenset[str], is_production: bool, now: datetime
) -> Iterator[Finding]:
    """
    Judge one registration. An inactive client has no findings, because it can do no harm.

    Args:
        scopes: the scopes of this server.
        grant_types: the grant types of this server.
        is_production: True if DEBUG is off; settings for development are then reported.
    """
    if client.is_active:
        found = chain(
            _of_pkce(client),
            secret_findings(client),
            _of_redirect_uris(client, is_production=is_production),
            _of_words(client, scopes, grant_types),
            _of_own_tokens(client),
            _of_exchange(client),
            _of_use(client, now=now),
        )
        yield from (replace(finding, about=client.client_id) for finding in found)


def _of_pkce(client: Registration) -> Iterator[Finding]:
    if not client.requires_pkce and not client.is_public:
        yield warning(
            "client-without-pkce",
            "It may ask without PKCE.",
            why="A code that was stolen and put into another browser's session is not noticed (RFC 9700 section 2.1.1).",
            remedy="Let the app send a code_challenge, then tick “requires PKCE” in the admin.",
        )


def secret_findings(client: Registration) -> Iterator[Finding]:
    """Judge the secrets of a registration."""
    if not client.uses_secret:
        return
    if not client.has_secret:
        yield warning(
            "client-without-secret",
            "It is confidential, but has no secret.",
            why="Every token request of it is refused.",
            remedy="Give it a secret in the admin, or make it public if it runs where no secret can be kept.",
        )
    if client.is_unreadable:
        yield warning(
            "client-secret-unreadable",
            "Its secret was encrypted under a token key that this server has not.",
            why="None of its assertions can be verified (client_secret_jwt): every request of it is refused.",
            remedy="Add the earlier key to OAUTH_SERVICE_TOKEN_KEY_FALLBACKS, or rotate the secret.",
        )
    if client.is_of_earlier_key:
        yield note(
            "client-secret-under-earlier-key",
            "Its secret is encrypted under an earlier token key.",
            why="It is encrypted anew when the client next authenticates (client_secret_jwt); without the fallback it is lost.",
            remedy="Keep the fallback until then, or rotate the secret.",
        )
    if client.has_chosen_secret:
        yield warning(
            "client-with-chosen-secret",
            "Its secret was chosen by a person.",
            why="It can be guessed, and checking it costs a password hash in each new process.",
            remedy="Rotate it in the admin; the old one stays good until the app has the new one.",
        )
    if client.has_previous_secret:
        yield note(
            "client-with-two-secrets",
            "Its previous secret is still good.",
            why="A secret is rotated because the old one may be known.",
            remedy="End the previous one in the admin once the app uses the new one.",
        )


def _of_redirect_uris(client: Registration, *, is_production: bool) -> Iterator[Finding]:
    if "authorization_code" in client.grant_types and not client.redirect_uris:
        yield warning(
            "client-without-redirect-uri",
            "It has no redirect URI.",
            why="No answer can reach it.",
            remedy="Register where it waits for answers, or take authorization_code from its grant types.",
        )
    for uri in client.redirect_uris:
        if fault := redirect_uri.fault_of(uri):
            yield warning(
                "redirect-uri-not-allowed",
                f"Its redirect URI {uri} {fault}.",
                why="It could not be registered today: codes sent there may be read on the way, or never arrive.",
                remedy="Replace it in the admin.",
            )
        elif is_production and not client.is_native and urlsplit(uri).scheme == "http":
            yield warning(
                "redirect-uri-of-development",
                f"Its redirect URI {uri} leads to the user's own machine.",
                why="Whatever listens there gets the codes of a web application.",
                remedy="Remove it from the production registration; a native app is registered as one.",
            )


def _of_own_tokens(client: Registration) -> Iterator[Finding]:
    if {"client_credentials", "authorization_code"} <= set(client.grant_types) and not client.has_own_scope:
        yield note(
            "client-without-own-scope",
            "It may get for itself all that it asks people for.",
            why="By client credentials it has that scope without anybody allowing it.",
            remedy="Tick in “Scope for itself” what it needs without a person, or take client_credentials from it.",
        )


def _of_exchange(client: Registration) -> Iterator[Finding]:
    if client.exchanges:
        yield warning(
            "exchange-without-policy",
            "It may exchange tokens of people, and no policy looks at what for.",
            why="Whoever holds its secret and any token of those apps gets all that both may have (RFC 8693).",
            remedy="Set OAUTH_SERVICE_EXCHANGE_POLICY to a function that narrows or refuses. "
            f"See {documentation.page('token-exchange')}.",
        )


def _of_words(client: Registration, scopes: frozenset[str], grant_types: frozenset[str]) -> Iterator[Finding]:
    if unknown := sorted(set(client.scope) - scopes):
        yield warning(
            "client-with-unknown-scope",
            f"Its scope has {', '.join(unknown)}, which OAUTH_SERVICE_SCOPES has not.",
            why="The consent page shows people the bare name instead of words.",
            remedy="Add it to the setting, or untick it in the admin.",
        )
    if unknown := sorted(set(client.grant_types) - grant_types):
        yield warning(
            "client-with-unknown-grant-type",
            f"Its grant types have {', '.join(unknown)}, which this server has not.",
            why="A request with it is refused.",
            remedy="Untick it in the admin.",
        )


def _of_use(client: Registration, *, now: datetime) -> Iterator[Finding]:
    if not client.has_consents and now - client.created_at > UNUSED_FOR:
        yield note(
            "client-never-used",
            "Nobody has ever connected it, or everybody has left.",
            why="A registration that nobody misses is one more that can be abused.",
            remedy="Deactivate it in the admin; it can come back.",
        )
