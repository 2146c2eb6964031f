"""
Clients described by a document at their client_id (draft-ietf-oauth-client-id-metadata-document).

Such a client is an ordinary row with a registration of the kind DOCUMENT. The columns that describe the client are
taken from each new copy of its document; the others belong to the operator. The row is made when a signed-in user is
about to be asked, or when a device begins. Before that, nothing is fetched and nothing is stored.
"""

from dataclasses import replace
from datetime import datetime
from importlib.util import find_spec
from typing import Any

from django.db import IntegrityError

from .. import conf, database, signals
from ..guard import throttle
from ..models import Client, Document, Registration
from ..models.registration import fetched_for
from ..outbound import documents
from ..protocol import client_id_metadata_document as rules
from ..protocol import client_metadata, registration
from ..protocol.errors import ClientNotIntroduced, InvalidClient, OAuthError, TemporarilyUnavailable, UnknownClient
from . import logo
from . import registration as registrations


def is_available() -> bool:
    """Return whether documents can be fetched, without importing the library for it."""
    return bool(find_spec("httpcore"))


def bring_up_to_date(client_id: str, *, may_fetch: bool, may_introduce: bool, now: datetime) -> None:
    """
    Update the client of a URL from its document, which is fetched unless there is a fresh copy.

    A client that the operator registered under a URL stays as it is. So does a deactivated client.

    Args:
        client_id: a URL; see rules.is_url().
        may_fetch: whether its origin may be asked.
        may_introduce: whether an unknown client may be fetched, for a user who is waiting.

    Raises:
        ClientNotIntroduced: the document would have to be fetched, and may not be.
        UnknownClient: documents are off or do not allow this client, or its document cannot be used.
        TooManyFailures: too many documents of unknown clients were fetched.
        TooManyRegistrations: too many clients wait for a user.
    """
    found = Registration.objects.client_by_url(client_id, now=now)
    if found and not found.is_document:
        return
    if not conf.CLIENT_ID_METADATA_DOCUMENTS():
        if found:
            name = conf.CLIENT_ID_METADATA_DOCUMENTS.name
            raise UnknownClient(
                "client_id is unknown", detail=f"client {client_id} is from a metadata document, but {name} is off"
            )
        return
    _refuse_others(client_id)
    if found and (found.is_current or not found.is_active):
        return
    if not may_fetch or not (found or may_introduce):
        raise ClientNotIntroduced(
            "client_id is unknown", detail=f"{client_id} is only fetched for users who are signed in"
        )
    if not found:
        throttle.INTRODUCTIONS.count_request()
        registrations.refuse_without_room()
    try:
        copy = documents.copy_of(client_id, kind=Document.Kind.CLIENT, rules=_rules_for(client_id))
        _take(client_id, copy, now=now)
    except documents.DocumentUnavailable as failure:
        raise _unusable(failure.detail) from None
    finally:
        if not found:
            # A client that was added in the meantime keeps its document.
            Registration.objects.expire_unused({("client_id", client_id)}, now=now)


def bring_device_up_to_date(client_id: str, *, now: datetime) -> None:
    """
    Update the client of a device that begins from its document. A client_id that is no URL is ignored.

    No user is involved yet, so the number of fetched documents is limited per address and in all.

    Raises:
        InvalidClient: its document does not describe a client.
        TooManyFailures, TooManyRegistrations: as bring_up_to_date() does.
    """
    if not rules.is_url(client_id):
        return
    try:
        bring_up_to_date(client_id, may_fetch=True, may_introduce=True, now=now)
    except UnknownClient as refusal:
        raise InvalidClient("client authentication failed", detail=refusal.detail) from refusal


def _take(client_id: str, copy: Document, *, now: datetime) -> None:
    """Write the metadata in a copy of the document into the client's row."""
    try:
        members = _members(client_id, copy)
        # Without a usable name, show the host: it is the least that is certain.
        if not isinstance(name := members.get("client_name", ""), str) or not registration.clean_name(name):
            members["client_name"] = rules.host_of(client_id)[: registration.LONGEST_NAME]
        # Always require PKCE: apart from its document nothing was agreed with this client (RFC 9700 section 2.1.1).
        offer = replace(registrations.offer(), requires_pkce=True)
        negotiated = registration.negotiate(members, offer)
        if negotiated.columns["token_endpoint_auth_method"] not in rules.METHODS:
            raise UnknownClient("", detail="private_key_jwt needs django-oauth-service[oidc]")
        kept = Registration.objects.select_related("client").filter(client__client_id=client_id).first()
        if kept:
            _change(kept, negotiated, copy, now=now)
        else:
            _introduce(client_id, negotiated, copy, now=now)
    except TemporarilyUnavailable:
        raise  # too many clients wait
    except OAuthError as refusal:
        fault = str(refusal.detail or refusal)
        documents.refuse(client_id, kind=Document.Kind.CLIENT, fault=fault)
        raise _unusable(fault) from refusal


def _members(client_id: str, copy: Document) -> dict[str, Any]:
    try:
        return rules.read(bytes(copy.body), client_id=client_id)
    except ValueError as fault:  # a version of this app with other rules stored the copy
        raise UnknownClient("", detail=str(fault)) from None


def _introduce(client_id: str, negotiated: registration.Registration, copy: Document, *, now: datetime) -> None:
    client = Client(client_id=client_id, **negotiated.columns, is_checked=False)
    registrations.refuse_faults(client, now=now)
    kept = Registration(
        client=client,
        kind=Registration.Kind.DOCUMENT,
        address_digest=registrations.address_digest(),
        registered_at=now,
        purge_at=now + conf.REGISTRATION_LIFETIME(),
        document_fetched_at=copy.fetched_at,
    )
    registrations.set_registration_columns(kept, negotiated)

    def commit() -> None:
        registrations.refuse_without_room()
        client.pk = None
        client.save(force_insert=True)
        kept.client = client
        kept.save(force_insert=True)

    try:
        database.run_transaction(commit)
    except IntegrityError:
        if not Client.objects.filter(client_id=client_id).exists():
            raise
        return  # two tabs at the same moment
    registrations.announce_new(kept, "client ID metadata document")


def _change(kept: Registration, negotiated: registration.Registration, copy: Document, *, now: datetime) -> None:
    client, openid = kept.client, conf.is_openid()
    before, fetched_before = client_metadata.metadata_of(client, openid=openid), fetched_for(client)
    taken_before, translated_before = kept.document_fetched_at, kept.translated
    columns = registrations.apply_metadata(client, negotiated, translated=translated_before)
    registrations.refuse_faults(client, now=now)
    registrations.set_registration_columns(kept, negotiated)
    written = {name: getattr(kept, name) for name in registrations.DESCRIBED}

    def commit() -> bool:
        # Only one worker takes a copy, and an older copy never replaces a newer one.
        mine = Registration.objects.filter(pk=kept.pk, document_fetched_at=taken_before)
        if not mine.update(document_fetched_at=copy.fetched_at, **written):
            return False
        Client.objects.filter(pk=client.pk).update(**{name: getattr(client, name) for name in columns})
        return True

    if not database.run_transaction(commit):
        return
    after = client_metadata.metadata_of(client, openid=openid)
    changes = registrations.differences(before | translated_before, after | kept.translated)
    if not changes:
        return
    signals.announce(
        signals.registration_changed, client_id=client.client_id, reason="by its document", changes=changes
    )
    Registration.objects.expire_unused(fetched_before - fetched_for(client), now=now)
    if before.get("logo_uri", "") != client.logo_uri:
        logo.fetch_soon(client.logo_uri)


def _refuse_others(client_id: str) -> None:
    if fault := rules.fault_of_url(client_id):
        raise UnknownClient("client_id is not a URL that a client can have", detail=f"the URL {fault}")
    host, allowed = rules.host_of(client_id), conf.CLIENT_ID_METADATA_ALLOWED_HOSTS()
    if rules.is_among(host, conf.CLIENT_ID_METADATA_BLOCKED_HOSTS()):
        raise UnknownClient("client_id is not allowed here", detail=f"{host} is blocked")
    if allowed and not rules.is_among(host, allowed):
        raise UnknownClient("client_id is not allowed here", detail=f"{host} is not one of the allowed hosts")


def _unusable(fault: str) -> UnknownClient:
    return UnknownClient("the document at client_id cannot be used", detail=fault)


def _rules_for(client_id: str) -> documents.Rules:
    def keep(body: bytes) -> bytes:
        rules.read(body, client_id=client_id)
        return body

    return documents.Rules(accept="application/json", most_bytes=rules.MOST_BYTES, keep=keep, ends=True)
