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
        secret_changed_at: when the newest secret was made; None if it was made before the server recorded that.
        previous_secret_used_at: the last use of the previous secret, which is recorded once an hour at most; None
            if it was not used since secret_changed_at.
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
    secret_changed_at: datetime | None = None
    previous_secret_used_at: datetime | None = None


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
            "The client does not have to use PKCE.",
            why="Without PKCE, the server cannot detect a stolen code in another browser's session (RFC 9700 section 2.1.1).",
            remedy="Change the app to send a code_challenge, then tick “requires PKCE” in the admin.",
        )


def secret_findings(client: Registration) -> Iterator[Finding]:
    """Judge the secrets of a registration."""
    if not client.uses_secret:
        return
    if not client.has_secret:
        yield warning(
            "client-without-secret",
            "The client is confidential, but has no secret.",
            why="The server refuses all its token requests.",
            remedy="Give it a secret in the admin, or make it public if it cannot keep a secret.",
        )
    if client.is_unreadable:
        yield warning(
            "client-secret-unreadable",
            "The client's secret was encrypted with a token key that this server does not have.",
            why="The server cannot verify its assertions (client_secret_jwt), and refuses all its requests.",
            remedy="Add the earlier key to OAUTH_SERVICE_TOKEN_KEY_FALLBACKS, or rotate the secret.",
        )
    if client.is_of_earlier_key:
        yield note(
            "client-secret-under-earlier-key",
            "The client's secret is encrypted with an earlier token key.",
            why="Without that key, the secret is lost. The server encrypts it with the new key when the client next "
            "authenticates (client_secret_jwt).",
            remedy="Keep the key in OAUTH_SERVICE_TOKEN_KEY_FALLBACKS until then, or rotate the secret.",
        )
    if client.has_chosen_secret:
        yield warning(
            "client-with-chosen-secret",
            "A person chose the client's secret.",
            why="Such a secret is easier to guess, and each new process has to compute a slow password hash to check it.",
            remedy="Rotate the secret in the admin. The previous one stays valid until you end it.",
        )
    if client.has_previous_secret:
        yield note(
            "client-with-two-secrets",
            f"The client's previous secret is still valid. {_use_of_previous_secret(client)}",
            why="Other people may know the previous secret.",
            remedy="End the previous secret in the admin when the app uses the new one.",
        )


def _use_of_previous_secret(client: Registration) -> str:
    if client.previous_secret_used_at:
        return f"It was last used at {client.previous_secret_used_at:%Y-%m-%d %H:%M} UTC, or up to an hour later."
    if client.secret_changed_at:
        return (
            f"It has not been used since the newest secret was made, at {client.secret_changed_at:%Y-%m-%d %H:%M} UTC."
        )
    return "Its last use is unknown: the secrets were made before the server recorded it."


def _of_redirect_uris(client: Registration, *, is_production: bool) -> Iterator[Finding]:
    if "authorization_code" in client.grant_types and not client.redirect_uris:
        yield warning(
            "client-without-redirect-uri",
            "The client has no redirect URI.",
            why="It cannot receive an authorization response.",
            remedy="Register its redirect URI, or remove authorization_code from its grant types.",
        )
    for uri in client.redirect_uris:
        if fault := redirect_uri.fault_of(uri):
            yield warning(
                "redirect-uri-not-allowed",
                f"The client's redirect URI {uri} {fault}.",
                why="Such a URI can no longer be registered: others may read codes that are sent to it, or the codes get lost.",
                remedy="Replace the redirect URI in the admin.",
            )
        elif is_production and not client.is_native and urlsplit(uri).scheme == "http":
            yield warning(
                "redirect-uri-of-development",
                f"The client's redirect URI {uri} is on the user's own machine.",
                why="Any program on that machine can receive the codes of this web application.",
                remedy="Remove it from the registration in production. If the client is a native app, register it as native.",
            )


def _of_own_tokens(client: Registration) -> Iterator[Finding]:
    if {"client_credentials", "authorization_code"} <= set(client.grant_types) and not client.has_own_scope:
        yield note(
            "client-without-own-scope",
            "The client may get every scope for itself that it asks users for.",
            why="With client_credentials, it gets these scopes and no user has to allow them.",
            remedy="In “Client credentials scope”, tick the scopes that it needs without a user, or remove client_credentials.",
        )


def _of_exchange(client: Registration) -> Iterator[Finding]:
    if client.exchanges:
        yield warning(
            "exchange-without-policy",
            "The client may exchange users' tokens, and no policy limits the exchange.",
            why="Anyone who has its secret and a token of such an app gets all scopes that both clients may have (RFC 8693).",
            remedy="Set OAUTH_SERVICE_EXCHANGE_POLICY to a function that limits or refuses exchanges. "
            f"See {documentation.page('token-exchange')}.",
        )


def _of_words(client: Registration, scopes: frozenset[str], grant_types: frozenset[str]) -> Iterator[Finding]:
    if unknown := sorted(set(client.scope) - scopes):
        yield warning(
            "client-with-unknown-scope",
            f"The client's scope has {', '.join(unknown)}, which OAUTH_SERVICE_SCOPES does not list.",
            why="The consent page shows users the name of the scope instead of a description.",
            remedy="Add the scope to the setting, or untick it in the admin.",
        )
    if unknown := sorted(set(client.grant_types) - grant_types):
        yield warning(
            "client-with-unknown-grant-type",
            f"The client's grant types have {', '.join(unknown)}, which this server does not support.",
            why="The server refuses requests with an unsupported grant type.",
            remedy="Untick the grant type in the admin.",
        )


def _of_use(client: Registration, *, now: datetime) -> Iterator[Finding]:
    if not client.has_consents and now - client.created_at > UNUSED_FOR:
        yield note(
            "client-never-used",
            "No user is connected to this client.",
            why="Every registration can be abused, even if no user needs it.",
            remedy="Deactivate the client in the admin. You can activate it again later.",
        )
