"""Clients that register themselves and manage their registration (RFC 7591, RFC 7592)."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils.translation import override

from .. import conf, database, signals
from ..guard import throttle
from ..models import Client, InitialAccessToken, Registration, Resource
from ..models.client import SECRETS
from ..models.registration import fetched_for
from ..protocol import (
    bearer,
    client_authentication,
    client_id_metadata_document,
    client_metadata,
    device_code,
    imitation,
    token_digest,
)
from ..protocol import registration as rules
from ..protocol.errors import (
    InvalidClientMetadata,
    InvalidRedirectURI,
    InvalidToken,
    MissingToken,
    RegistrationForbidden,
    TooManyRegistrations,
)
from ..protocol.secret import Secret
from . import key_sets, logo, sector, software_statements

OPEN, BY_TOKEN = "open", "token"
CHOICES = (OPEN, BY_TOKEN)
"""Values of OAUTH_SERVICE_REGISTRATION. Without one of them clients cannot register themselves."""
_SHOWN = ("name", "client_uri", "logo_uri", "policy_uri", "tos_uri")
DESCRIBED = ("translations", "software_id", "software_version", "software_statement")
"""The columns of a registration that set_registration_columns() sets."""
INITIAL_PREFIX, REGISTRATION_PREFIX = "IAT_", "RAT_"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Registered:
    """
    The registration as it is returned to the client (RFC 7591 section 3.2.1).

    Attributes:
        secret: the new client secret; empty if none was made.
        token: the registration access token.
    """

    registration: Registration
    secret: Secret
    token: Secret

    def members(self, *, issuer: str) -> dict[str, Any]:
        """Return the JSON members of the response."""
        registration, client = self.registration, self.registration.client
        metadata = client_metadata.metadata_of(client, openid=conf.is_openid(), is_for_client=True)
        if not client.token_endpoint_auth_method and not client.is_public:
            metadata["token_endpoint_auth_method"] = "client_secret_basic"
        path = reverse("oauth_service:registration", kwargs={"client_id": client.client_id})
        members: dict[str, Any] = {
            "client_id": client.client_id,
            "client_id_issued_at": int(registration.registered_at.timestamp()),
            "registration_access_token": self.token.reveal(),
            "registration_client_uri": urljoin(issuer, path),
        }
        if client.uses_secret:
            members |= {"client_secret": self.secret.reveal()} if self.secret else {}
            members["client_secret_expires_at"] = 0
        of_software = {
            "software_id": registration.software_id,
            "software_version": registration.software_version,
            rules.SOFTWARE_STATEMENT: registration.software_statement,
        }
        return {
            **members,
            **metadata,
            **registration.translated,
            **{name: value for name, value in of_software.items() if value},
        }


def initial_access_token(authorization: str, *, query: frozenset[str], now: datetime) -> InitialAccessToken | None:
    """
    Return the initial access token of a request; None if it has none and needs none.

    Args:
        authorization: the Authorization header, "" if absent.
        query: names of the parameters in the URL.

    Raises:
        BearerError: it is missing and needed, malformed, unknown, expired, revoked or used up.
    """
    try:
        text = bearer.token_of(authorization, query=query)
    except MissingToken:
        if conf.REGISTRATION() == OPEN:
            return None
        raise
    if found := InitialAccessToken.objects.presented(Secret(text), now=now):
        return found
    raise InvalidToken("the initial access token is not valid", detail="unknown, expired, revoked or used up")


def register(sent: Mapping[str, Any], initial: InitialAccessToken | None, *, issuer: str, now: datetime) -> Registered:
    """
    Register a client.

    Args:
        sent: the members of the request.
        initial: its initial access token. A request with None counts against the limits of open registration.
        issuer: of this server.

    Raises:
        TooManyFailures: too many clients were registered from this address.
        TooManyRegistrations: too many registered clients wait for a user.
        InvalidToken: the initial access token was used up or revoked in the meantime.
        OAuthError: the metadata cannot be registered (RFC 7591 section 3.2.2).
    """
    if initial is None:
        # Refuse before costly work: a sector identifier is fetched.
        throttle.REGISTRATIONS.count_request()
        refuse_without_room()
    negotiated, statement = _negotiated(sent, issuer=issuer, now=now)
    client = Client(**negotiated.columns, is_checked=False)
    client.name = client.name or client.client_id
    refuse_faults(client, now=now)
    secret, token = _new_secret(client), Secret(token_digest.new_token(REGISTRATION_PREFIX))
    registration = Registration(
        client=client,
        token_digest=token_digest.digest_of(token),
        initial_access_token=initial,
        address_digest=address_digest(),
        registered_at=now,
        purge_at=None if initial else now + conf.REGISTRATION_LIFETIME(),
    )
    set_registration_columns(registration, negotiated, statement)

    def commit() -> None:
        if initial is None:
            refuse_without_room()
        elif not InitialAccessToken.objects.use(initial, now=now):
            raise InvalidToken(
                "the initial access token is not valid", detail=f"token {initial.pk} was used up or revoked meanwhile"
            )
        client.pk = None
        client.save(force_insert=True)
        registration.client = client
        registration.save(force_insert=True)

    database.run_transaction(commit)
    announce_new(registration, f"initial access token {initial.pk}" if initial else "open registration")
    return Registered(registration=registration, secret=secret, token=token)


def authenticate(client_id: str, authorization: str, *, query: frozenset[str]) -> tuple[Registration, Secret]:
    """
    Return the registration that a request manages, and its token; in one statement.

    Raises:
        BearerError: the registration access token is missing, malformed, or not that of this client. For an unknown
            client the error is the same (RFC 7592 section 2.1).
        RegistrationForbidden: the operator deactivated the client.
    """
    token = Secret(bearer.token_of(authorization, query=query))
    # PostgreSQL takes no NUL bytes.
    registration = None if "\0" in client_id else Registration.objects.of_client(client_id)
    if registration is None or not token_digest.matches(token, registration.token_digest):
        raise InvalidToken("the registration access token is not valid", detail=f"of client {client_id[:100]!r}")
    if not registration.client.is_active:
        raise RegistrationForbidden("the client was switched off", detail=f"client {client_id} was deactivated")
    return registration, token


def replace(
    registration: Registration, token: Secret, sent: Mapping[str, Any], *, issuer: str, now: datetime
) -> Registered:
    """
    Replace a client's registration. Members that are left out get their defaults (RFC 7592 section 2.2).

    Raises:
        TooManyFailures: too many registrations came from this address. A client with an initial access token has no
            limit.
        InvalidToken: the client was deleted in the meantime.
        OAuthError: the metadata cannot be registered; the registration stays as it was.
    """
    if registration.initial_access_token_id is None:
        throttle.REGISTRATIONS.count_request()
    client, fetched_before = registration.client, fetched_for(registration.client)
    _check_identity(client, sent)
    negotiated, statement = _negotiated(sent, issuer=issuer, now=now)
    before = client_metadata.metadata_of(client, openid=conf.is_openid())
    columns = apply_metadata(client, negotiated, translated=registration.translated)
    refuse_faults(client, now=now)
    secret = Secret("") if client.uses_secret and client.secret_count else _new_secret(client)
    if not client.uses_secret:
        client.secret_hash = client.previous_secret_hash = ""
    if not client.uses_secret or not client.seals_secret:
        client.sealed_secret = client.previous_sealed_secret = None
    set_registration_columns(registration, negotiated, statement)

    def commit() -> None:
        written = {name: getattr(client, name) for name in (*columns, *SECRETS)}
        if not Client.objects.filter(pk=client.pk, is_active=True).update(**written):
            raise InvalidToken("the registration access token is not valid", detail="the client was deleted meanwhile")
        registration.save(update_fields=[*DESCRIBED])

    database.run_transaction(commit)
    signals.announce(
        signals.registration_changed,
        client_id=client.client_id,
        reason="by itself",
        changes=differences(before, client_metadata.metadata_of(client, openid=conf.is_openid())),
    )
    Registration.objects.expire_unused(fetched_before - fetched_for(client), now=now)
    if before.get("logo_uri") != client.logo_uri:
        logo.fetch_soon(client.logo_uri)
    return Registered(registration=registration, secret=secret, token=token)


def end(registration: Registration, *, now: datetime) -> None:
    """Delete a client, which ends everything that was issued to it (RFC 7592 section 2.3)."""
    client_id, fetched = registration.client.client_id, fetched_for(registration.client)
    registration.client.delete()
    Registration.objects.expire_unused(fetched, now=now)
    signals.announce(signals.registration_ended, client_id=client_id, reason="by itself")


def announce_new(registration: Registration, reason: str) -> None:
    """Announce a client that has just introduced itself, and fetch its logo."""
    client = registration.client
    if imitates := imitated_by(client, registration.translated):
        reason += f"; its name looks like that of {imitates}"
    signals.announce(
        signals.client_registered,
        client_id=client.client_id,
        reason=reason,
        changes=describe_client(client, registration),
    )
    logo.fetch_soon(client.logo_uri)


def apply_metadata(client: Client, negotiated: rules.Registration, *, translated: Mapping[str, str]) -> dict[str, Any]:
    """
    Set a client's columns to what it says of itself now; members that it leaves out get their defaults. Nothing is
    saved.

    Args:
        translated: the previous members with a language tag.

    Returns:
        the columns to write.
    """
    columns = _defaults() | dict(negotiated.columns)
    # A client cannot give up grant types that the operator added.
    besides = [name for name in client.grant_types.split() if name not in rules.GRANT_TYPES]
    columns["grant_types"] = " ".join([*columns["grant_types"].split(), *besides])
    columns["name"] = columns["name"] or client.client_id
    if any(columns[name] != getattr(client, name) for name in ("name", "redirect_uris")):
        # Users allowed something else under this client_id. Its new owner must not inherit their consent.
        columns["remembers_consent"] = False
    if _looks_different(client, columns) or dict(negotiated.translations) != translated:
        # Staff checked something else.
        columns["is_checked"] = columns["is_first_party"] = False
    for name, value in columns.items():
        setattr(client, name, value)
    return columns


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Describe the changes of a client's metadata, one member a line."""
    return "\n".join(
        f"{name}: {before.get(name, '')} → {after.get(name, '')}"
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name)
    )


def refuse_faults(client: Client, *, now: datetime) -> None:
    """
    Check the metadata of a client: its columns, its keys and its sector.

    Raises:
        InvalidRedirectURI: for redirect_uris.
        InvalidClientMetadata: for anything else.
    """
    names = {member.column: name for name, member in rules.OWN_MEMBERS.items()}
    try:
        with override(None):  # the messages go to the log, in English
            # A URL as client_id follows other rules, which were checked before.
            of_url = {"client_id"} if client_id_metadata_document.is_url(client.client_id) else set()
            client.full_clean(exclude=of_url, validate_unique=False)
    except ValidationError as refusal:
        # A scope limit of the operator for a grant type that the client gave up stays, in case the client returns to
        # it.
        found = {column: each for column, each in refusal.message_dict.items() if column != "grant_type_scopes"}
        faults = {names.get(column, column): each for column, each in found.items()}
        detail = "; ".join(f"{name}: {' '.join(sentences)}" for name, sentences in faults.items())[:1000]
        if "redirect_uris" in faults:
            raise InvalidRedirectURI("the redirect URIs cannot be registered", detail=detail) from refusal
        if faults:
            raise InvalidClientMetadata(f"{next(iter(faults))} cannot be registered", detail=detail) from refusal
    column, fault = key_sets.fault_of_client(client)
    if fault:
        raise InvalidClientMetadata(f"{names.get(column, column)} cannot be registered", detail=fault)
    if fault := sector.fault_of(client):
        Registration.objects.expire_unused({("sector_identifier_uri", client.sector_identifier_uri)}, now=now)
        raise InvalidClientMetadata("sector_identifier_uri cannot be registered", detail=fault)


def imitated_by(client: Client, translated: Mapping[str, str]) -> str:
    """Return the name of this service or of an operator's app that the client's name imitates; "" for none."""
    names = [client.name, *(text for name, text in translated.items() if name.startswith("client_name#"))]
    others = [conf.SERVICE_NAME(), *Registration.objects.operators_names()]
    return next(filter(None, (imitation.imitated(name, others) for name in names)), "")


def refuse_without_room() -> None:
    """
    Refuse another client while too many wait for a user.

    Raises:
        TooManyRegistrations: too many wait.
    """
    if not Registration.objects.has_room(most=conf.REGISTRATION_MOST_WAITING()):
        raise TooManyRegistrations(
            "too many clients wait to be connected: try again later",
            detail=f"{conf.REGISTRATION_MOST_WAITING.name} is {conf.REGISTRATION_MOST_WAITING()}",
        )


def _negotiated(sent: Mapping[str, Any], *, issuer: str, now: datetime) -> tuple[rules.Registration, str]:
    """Return the negotiated registration, and its software statement; "" for none."""
    statement = sent.get(rules.SOFTWARE_STATEMENT, "")
    if statement:
        # "the values [...] conveyed in the software statement MUST take precedence" (RFC 7591 section 3.1.1).
        sent = {**sent, **software_statements.verified_metadata(statement, audience=issuer, now=now)}
    return rules.negotiate(sent, offer()), statement


def offer() -> rules.Offer:
    """Return what clients can register at present; one statement if they may have scopes of resources."""
    wanted, known = conf.REGISTRATION_SCOPES(), dict.fromkeys(conf.SCOPES())
    apis: tuple[tuple[str, ...], ...] = ()
    if not wanted or not known.keys() >= set(wanted):
        apis = Resource.objects.open_scopes()
        known |= dict.fromkeys(sorted({name for api in apis for name in api}))
    return rules.Offer(
        grant_types=tuple(
            name for name in rules.GRANT_TYPES if name != device_code.GRANT_TYPE or conf.DEVICE_AUTHORIZATION()
        ),
        scope=tuple(name for name in known if not wanted or name in wanted),
        apis=apis,
        algorithms=tuple(conf.SIGNING_ALGORITHMS()),
        verifies_assertions=key_sets.is_available(),
        can_pair=bool(conf.PAIRWISE_KEY()),
        is_openid=conf.is_openid(),
        requires_pkce=conf.REGISTRATION_REQUIRES_PKCE(),
    )


def _defaults() -> dict[str, Any]:
    own = [member.column for member in rules.OWN_MEMBERS.values()]
    blank = Client()
    return {column: getattr(blank, column) for column in own}


def _looks_different(client: Client, columns: Mapping[str, Any]) -> bool:
    """Return whether users would see another app, or be redirected elsewhere."""
    return any(columns[name] != getattr(client, name) for name in ("redirect_uris", *_SHOWN))


def _check_identity(client: Client, sent: Mapping[str, Any]) -> None:
    # "The client MUST include its "client_id" field in the request, and it MUST be the same as its currently issued client
    # identifier" (RFC 7592 section 2.2); the same holds for a client_secret that it includes.
    if sent.get("client_id") != client.client_id:
        raise InvalidClientMetadata("client_id must be that of the registration")
    if (secret := sent.get("client_secret")) is None:
        return
    if not isinstance(secret, str) or not any(
        client_authentication.matches(Secret(secret), kept)
        for kept in client.secret_hashes
        if client_authentication.is_server_made(kept)
    ):
        raise InvalidClientMetadata("client_secret must be the current one: a client does not choose its own")


def _new_secret(client: Client) -> Secret:
    return Secret(client.make_secret() if client.uses_secret else "")


def set_registration_columns(registration: Registration, negotiated: rules.Registration, statement: str = "") -> None:
    """Set the columns of a registration that are not columns of its client. Nothing is saved."""
    registration.translations = json.dumps(dict(negotiated.translations)) if negotiated.translations else ""
    registration.software_id = negotiated.software_id
    registration.software_version = negotiated.software_version
    registration.software_statement = statement


def describe_client(client: Client, registration: Registration) -> str:
    """Describe a client to the operator, one member a line."""
    members = client_metadata.metadata_of(client, openid=conf.is_openid(), is_for_client=True) | registration.translated
    return "\n".join(f"{name}: {value}" for name, value in members.items())


def address_digest() -> str:
    """Return a keyed digest of the request's network, which tells networks apart without revealing them."""
    key = hmac.digest(conf.token_keys()[0], b"oauth_service.registration_address", hashlib.sha256)
    return hmac.new(key, throttle.network().encode(), hashlib.sha256).hexdigest()
