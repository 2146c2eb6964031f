"""grant_type=urn:ietf:params:oauth:grant-type:device_code (RFC 8628 section 3.4)."""

from datetime import datetime, timedelta
from typing import NoReturn, cast

from django.dispatch import Signal
from django.utils.translation import gettext_lazy as _

from .. import conf, signals
from ..models import AuthorisationRow, ClientRow, DeviceCode, DeviceCodeRow, Grant
from ..protocol import device_code, lifecycle
from ..protocol.device_code import State
from ..protocol.errors import AccessDenied, AuthorizationPending, ExpiredToken, InvalidGrant, InvalidTarget, SlowDown
from ..protocol.grant_type import GrantTypeDescription
from ..protocol.parameters import Parameters
from ..protocol.sealed import Unverified
from ..protocol.token_response import TokenResponse
from ..tokens import issue
from ..tokens.presented import Presented
from ..tokens.presented import present as present_kind
from ..tokens.resources import of_grant

DESCRIPTION = GrantTypeDescription(
    name=device_code.GRANT_TYPE,
    clause="RFC 8628 section 3.4",
    meaning=cast("str", _("a user allows a device that has no browser (RFC 8628)")),
    required=("device_code",),
    optional=("resource",),
    is_on=conf.DEVICE_AUTHORIZATION,
    switch=conf.DEVICE_AUTHORIZATION.name,
)


def present(parameters: Parameters) -> Presented[device_code.DeviceCode, DeviceCodeRow]:
    """Read the device code of a poll and its row, without checking anything."""
    return present_kind(device_code.DeviceCode, parameters, "device_code", DeviceCode.objects.row)


def exchange(
    presented: Presented[device_code.DeviceCode, DeviceCodeRow],
    parameters: Parameters,
    client: ClientRow,
    *,
    issuer: str,
    now: datetime,
) -> TokenResponse:
    """
    Tell a device the user's decision; if they allowed it, redeem its code for the first tokens of a grant.

    Args:
        parameters: device_code; resource, any number of times, for fewer than the user allowed.
        client: authenticated.
        issuer: of ID tokens; "" without OpenID Connect.

    Raises:
        AuthorizationPending, SlowDown: the user has not decided yet.
        AccessDenied, ExpiredToken: the device has to stop polling (RFC 8628 section 3.5).
        InvalidGrant, Unproven: not genuine, another client's, or already redeemed. If the request proves possession of a
            redeemed code, the grant that its first use made is ended; otherwise nothing changes.
        InvalidRequest: device_code is missing.
        InvalidTarget: a resource that was not allowed, or none is left; the device code stays valid.
    """
    unverified = presented.unverified
    code = presented.row
    if code is None:
        _refuse_replay(unverified, client)
    unverified.verify(conf.token_keys(), code.secret)
    _check_client(code, client)
    match device_code.state_of(code, now=now):
        case State.DENIED:
            raise AccessDenied("the user did not allow it", detail=f"device code {code.pk}, client {client.client_id}")
        case State.EXPIRED:
            raise ExpiredToken("the device code has expired", detail=f"device code {code.pk}: {code.expires_at}")
        case State.PENDING:
            _refuse_pending(code, now=now)
        case State.APPROVED:
            pass
    return _redeem(unverified, code, parameters, client, issuer=issuer, now=now)


def _redeem(
    unverified: Unverified[device_code.DeviceCode],
    code: DeviceCodeRow,
    parameters: Parameters,
    client: ClientRow,
    *,
    issuer: str,
    now: datetime,
) -> TokenResponse:
    if code.user_id is None:
        raise InvalidGrant(
            "the device code is not valid",
            detail=f"device code {code.pk}: its consent was withdrawn, or its user deleted",
        )
    authorisation = code.authorisation(now=now)
    if fault := lifecycle.fault_of(authorisation, now=now):
        raise InvalidGrant("the device code is not valid", detail=f"device code {code.pk}: {fault}")
    if not (scope := issue.current_scope(code.scope, client, by=DESCRIPTION.name)):
        raise InvalidGrant(
            "the device code is not valid",
            detail=f"device code {code.pk}: the client may no longer have any of its scope",
        )
    resources = of_grant(code.resources, parameters, client)
    if not (scope := resources.within(scope)):
        raise InvalidTarget("nothing of the scope belongs to the resource", detail=f"device code {code.pk}")
    ends_at = issue.end_of_grant(client, created_at=now, now=now)
    response = issue.tokens(
        authorisation, client, generation=0, scope=scope, ends_at=ends_at, issuer=issuer, now=now, resources=resources
    )
    if not DeviceCode.objects.redeem(authorisation, now=now, expires_at=ends_at):
        _refuse_replay(unverified, client)
    _announce(signals.token_issued, authorisation, client, scope=scope, grant_type=DESCRIPTION.name)
    return response


def _refuse_pending(code: DeviceCodeRow, *, now: datetime) -> NoReturn:
    interval = timedelta(seconds=code.interval)
    pace = device_code.pace_of(interval=interval, next_poll_at=code.next_poll_at, now=now)
    if pace:
        DeviceCode.objects.keep_pace(code, pace)
    detail = f"device code {code.pk}"
    if pace is None or pace.is_too_early:
        seconds = int((pace.interval if pace else interval).total_seconds())
        raise SlowDown(
            "the device asks too often: wait five seconds longer",
            detail=f"{detail}: the interval is now {seconds} seconds",
        )
    raise AuthorizationPending("the user has not decided yet", detail=detail)


def _check_client(row: DeviceCodeRow | AuthorisationRow, client: ClientRow) -> None:
    if row.client_pk != client.pk:
        raise InvalidGrant(
            "the device code is not valid", detail=f"device code {row.pk} is not of client {client.client_id}"
        )


def _refuse_replay(unverified: Unverified[device_code.DeviceCode], client: ClientRow) -> NoReturn:
    grant = Grant.objects.row(unverified.row_id)
    if grant is None:
        raise InvalidGrant(
            "the device code is not valid",
            detail=f"device code {unverified.row_id}: unknown, deleted or its grant ended",
        )
    # Possession before punishment, as for an authorization code (RFC 6749 section 10.5).
    unverified.verify(conf.token_keys(), grant.secret)
    _check_client(grant, client)
    if Grant.objects.end(grant.pk):
        _announce(signals.device_code_replayed, grant, client)
    raise InvalidGrant(
        "the device code was already used", detail=f"device code {grant.pk} replayed: its grant was ended"
    )


def _announce(event: Signal, grant: AuthorisationRow, client: ClientRow, **facts: str) -> None:
    signals.announce(event, user_id=grant.user_id, client_id=client.client_id, **facts, grant_id=grant.pk)
