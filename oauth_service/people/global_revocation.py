"""End of all connections and sessions of a user (draft-parecki-oauth-global-token-revocation)."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured, ValidationError

from .. import conf, database, signals
from ..models import AuthorizationCode, ClientRow, Consent, DeviceCode, Grant, SessionMark, SignIn, SignInClient
from ..protocol import subject_identifier
from ..protocol.errors import InvalidRequest, SignOutFailed
from ..protocol.parameters import Parameters
from ..protocol.subject_identifier import SubjectIdentifier
from . import authentication, logout


def users_of(sub_id: Parameters, client: ClientRow, *, issuer: str) -> list[Any]:
    """
    The users that a subject identifier names, active or not.

    Args:
        sub_id: the members of its JSON object.
        client: the authenticated client.
        issuer: of this server.

    Returns:
        their primary keys; [] for none, and several if they share an e-mail address. All of them are needed:
        otherwise a thief
        who registers the address in another account could keep a stolen session alive.

    Raises:
        InvalidRequest: the identifier is malformed, or of a format that this server does not know.
        SignOutFailed: the client is pairwise, and so knows no sub that identifies a user here.
        ImproperlyConfigured: the project's function returned a wrong value.
    """
    if conf.GLOBAL_TOKEN_REVOCATION_USERS():
        return _named_by_the_project(sub_id, client)
    identifier = subject_identifier.parse(sub_id)
    if identifier.format == "email":
        return _by_email(identifier)
    if identifier.format == "iss_sub" and identifier.iss != issuer:
        return []  # another issuer's subjects are unknown here
    if client.subject_type == "pairwise":
        raise SignOutFailed(
            "a pairwise client can name a user by e-mail address only", detail=f"client {client.client_id} is pairwise"
        )
    return _by_key(identifier.name)


def end_all(user_ids: Sequence[Any], *, client: ClientRow, issuer: str, now: datetime) -> None:
    """
    End all consents, codes, device codes, grants and sessions of users, including those that a request is about to
    write.

    Codes and grants are read joined with their consent, so its deletion ends them; deleting their rows as well keeps
    the tables
    small. Each table is written by one statement, however much the users have. Clients that registered for it are told
    that the
    sign-ins ended.

    Args:
        client: client that asked for it, for the audit trail.
        issuer: of this server, for the messages to clients.
    """

    def run() -> None:
        # First: any request that is about to give these users something must wait, or is waited for (SessionMark.hold).
        SessionMark.objects.renew(sorted(user_ids), now=now)
        consents = Consent.objects.filter(user_id__in=user_ids)
        consent_ids = list(consents.values_list("pk", flat=True))
        consents._raw_delete(consents.db)
        for model in (AuthorizationCode, *([DeviceCode] if conf.DEVICE_AUTHORIZATION() else []), Grant):
            rows: Any = model._default_manager.using(consents.db).filter(consent_id__in=consent_ids)
            rows._raw_delete(rows.db)
        if conf.is_openid():
            _end_sign_ins(user_ids, issuer=issuer, now=now)
        for user_id in user_ids:
            signals.announce(
                signals.user_tokens_revoked,
                user_id=user_id,
                client_id=client.client_id,
                reason="global token revocation",
            )

    database.run_transaction(run)


def _end_sign_ins(user_ids: Collection[Any], *, issuer: str, now: datetime) -> None:
    alive = SignIn.objects.filter(user_id__in=user_ids, ended_at=None)
    # In the order of SignIn.objects.end(): two that end the same sign-ins must not deadlock.
    owners = dict(alive.select_for_update().order_by("pk").values_list("pk", "user_id"))
    alive.update(ended_at=now, purge_at=now + authentication.sign_in_lifetime())
    told = SignInClient.objects.filter(sign_in__user_id__in=user_ids, sign_in__ended_at=now)
    told = told.exclude(client__backchannel_logout_uri="").select_related("client")
    logout.queue([(each.client, each.sign_in_id, owners[each.sign_in_id]) for each in told], issuer=issuer, now=now)


def _named_by_the_project(sub_id: Parameters, client: ClientRow) -> list[Any]:
    members = dict(sub_id.items())
    sub_id.refuse_repeats()
    if not members.get("format"):
        raise InvalidRequest("sub_id has no format" if members else "sub_id is missing")
    said: object = conf.function_of(conf.GLOBAL_TOKEN_REVOCATION_USERS)(members, client.client_id)
    users: list[Any] = list(said) if isinstance(said, Iterable) and not isinstance(said, str) else [None]
    if not all(isinstance(user, get_user_model()) and user.pk is not None for user in users):
        raise ImproperlyConfigured(
            f"{conf.GLOBAL_TOKEN_REVOCATION_USERS.name} must return a list of users of this project."
        )
    return list(dict.fromkeys(user.pk for user in users))


def _by_key(name: str) -> list[Any]:
    model = get_user_model()
    try:
        key = model._meta.pk.to_python(name)
    except (ValidationError, ValueError):
        return []
    # Compared as text, like sub: 007 is no user.
    return list(_users().filter(pk=key).values_list("pk", flat=True)) if str(key) == name else []


def _by_email(identifier: SubjectIdentifier) -> list[Any]:
    field = get_user_model().get_email_field_name()
    if field not in {each.name for each in get_user_model()._meta.get_fields()}:
        raise InvalidRequest("the format of sub_id is not supported", detail="users have no e-mail address here")
    return list(_users().filter(**{f"{field}__iexact": identifier.name}).order_by("pk").values_list("pk", flat=True))


def _users() -> Any:
    # Not the project's own manager: users whom it filters out, by tenant or time, may be back tomorrow.
    model = get_user_model()
    return model._base_manager.using(database.primary(model))
