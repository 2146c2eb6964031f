"""grant_type=refresh_token (RFC 6749 section 6, RFC 9700 section 4.14.2)."""

from datetime import datetime, timedelta
from typing import Any, NoReturn, cast
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from .. import conf, documentation, signals
from ..guard import retries
from ..models import AuthorisationRow, ClientRow, Grant
from ..protocol import clock, lifecycle, sealed
from ..protocol import scope as scopes
from ..protocol.errors import InvalidGrant, InvalidScope, InvalidTarget, TemporarilyUnavailable
from ..protocol.grant_type import GrantTypeDescription
from ..protocol.parameters import Parameters
from ..protocol.refresh_token import Verdict, judge, retry_window
from ..protocol.token_response import TokenResponse
from ..tokens import issue
from ..tokens.presented import PresentedToken
from ..tokens.presented import present as present_kind
from ..tokens.resources import of_grant
from ..watch import holders

DESCRIPTION = GrantTypeDescription(
    name="refresh_token",
    clause="RFC 6749 section 6",
    meaning=cast("str", _("the client stays connected without asking the user again (RFC 6749 section 6)")),
    required=("refresh_token",),
    optional=("scope", "resource"),
    renews=True,
)
_SHARED = "its refresh tokens are used twice again and again"
_REPLAYED = "ended"


def present(parameters: Parameters) -> PresentedToken[sealed.RefreshToken]:
    """Read the refresh token of a request and its grant, without checking anything."""
    return present_kind(sealed.RefreshToken, parameters, "refresh_token", Grant.objects.row)


def exchange(
    presented: PresentedToken[sealed.RefreshToken],
    parameters: Parameters,
    client: ClientRow,
    *,
    issuer: str,
    now: datetime,
) -> TokenResponse:
    """
    Renew an access token and rotate the refresh token.

    Proof and replay are checked first: a genuine token that is used again means theft, no matter what else the request contains
    or what was deactivated in the meantime. Then follow the state of the grant, and last the scope.

    Args:
        parameters: refresh_token; scope and resource (any number of times) for an access token with less than was granted.
        client: authenticated.
        issuer: of ID tokens; "" without OpenID Connect.

    Raises:
        InvalidGrant, Unproven: not genuine, another client's, expired, ended, or a replay, which ends the grant.
        InvalidScope: wider than granted.
        InvalidTarget: a resource that was not granted, or none is left.
        InvalidRequest: a parameter is missing.
        TemporarilyUnavailable: the clocks of two servers differ too much to tell a retry from a theft, or no key can sign.
    """
    unverified = presented.unverified
    grant = presented.row or _refuse_unknown(unverified.row_id)
    token = unverified.verify(conf.token_keys(), grant.secret)
    if grant.client_pk != client.pk:
        raise InvalidGrant("the refresh token is not valid", detail=f"grant {grant.pk} is another client's")
    verdict = _verdict(grant, client, token.generation, now=now)
    if fault := lifecycle.fault_of(grant, now=now):
        raise InvalidGrant("the refresh token is not valid", detail=f"grant {grant.pk}: {fault}")
    ends_at = issue.end_of_grant(client, created_at=grant.created_at, now=now)
    if ends_at <= now:
        raise InvalidGrant(
            "the refresh token is not valid", detail=f"grant {grant.pk}: the connection has reached its maximum age"
        )
    if not (granted := issue.current_scope(grant.scope, client, by=DESCRIPTION.name)):
        raise InvalidScope(
            "nothing is left of the scope", detail=f"grant {grant.pk}: the client may no longer have any of it"
        )
    resources = of_grant(grant.resources, parameters, client)
    if not (granted := resources.within(granted)):
        raise InvalidTarget("nothing of the scope belongs to the resource", detail=f"grant {grant.pk}")
    scope = scopes.narrowed(parameters.get("scope"), within=granted, implies=conf.implied_scopes())

    next_generation = token.generation + 1
    response = issue.tokens(
        grant,
        client,
        generation=next_generation,
        scope=scope,
        ends_at=ends_at,
        issuer=issuer,
        now=now,
        resources=resources,
    )
    if verdict is Verdict.ROTATE and not Grant.objects.rotate(grant, now=now, expires_at=ends_at):
        # Another request with the same token was faster: this one is its retry, or the grant has ended.
        grant = Grant.objects.row(grant.pk) or _refuse_unknown(grant.pk)
        verdict = _verdict(grant, client, token.generation, now=now)
    facts = {"user_id": grant.user_id, "client_id": client.client_id, "scope": scope, "grant_id": grant.pk}
    if verdict is Verdict.ROTATE:
        used = {"grant_type": DESCRIPTION.name, "last_used_at": grant.refreshed_at}
        signals.announce(signals.token_refreshed, **facts, **used)
    else:
        signals.announce(signals.refresh_retried, **facts)
    return response


def _verdict(grant: AuthorisationRow, client: ClientRow, generation: int, *, now: datetime) -> Verdict:
    """
    Return ROTATE or RETRY.

    Raises:
        InvalidGrant: a replay or one retry too many, which ends the grant; or a token that was never issued.
        TemporarilyUnavailable: the token was replaced by a server whose clock is ahead by more than MOST_SKEW.
    """
    window = timedelta(0)
    if generation != grant.generation:
        longest, access = conf.REFRESH_RETRY_WINDOW(), issue.access_token_lifetime(client)
        window = retry_window(grant, longest=longest, access_token_lifetime=access)
    verdict = judge(grant, generation, retry_window=window, now=now)
    if verdict is Verdict.REPLAY:
        _refuse_replay(grant, client, generation, now=now)
    if verdict is Verdict.AHEAD:
        # This may be a retry or a theft. The client gets no tokens, and the user is not signed out.
        raise TemporarilyUnavailable(
            "the server's clocks differ: try again in a moment",
            detail=f"grant {grant.pk}: replaced at {grant.refreshed_at:%Y-%m-%dT%H:%M:%S%z}, which is in the future",
        )
    if verdict is Verdict.UNISSUED:
        raise InvalidGrant(
            "the refresh token is not valid",
            detail=f"grant {grant.pk}: generation {generation} was never issued; was an old backup of the database restored? "
            f"See {documentation.page('backups')}",
        )
    if verdict is Verdict.RETRY and retries.note(grant.pk, generation):
        _handle_sharing(grant, client)
    return verdict


def _refuse_unknown(grant_id: UUID) -> NoReturn:
    raise InvalidGrant("the refresh token is not valid", detail=f"grant {grant_id}: unknown, revoked or expired")


def _refuse_replay(grant: AuthorisationRow, client: ClientRow, generation: int, *, now: datetime) -> NoReturn:
    if Grant.objects.end(grant.pk):
        _announce_replay(grant, client, behind=grant.generation - generation, after=clock.span(grant.refreshed_at, now))
    raise InvalidGrant(
        "the refresh token was already used",
        detail=f"grant {grant.pk}: generation {generation} replayed, {grant.generation} is current; the grant was ended",
    )


def _announce_replay(grant: AuthorisationRow, client: ClientRow, *, behind: int, after: timedelta) -> None:
    is_known = holders.address_is_known(grant.user_id, grant.pk)
    which = f"{behind} behind, {holders.span_in_words(after)} after the last renewal"
    signals.announce(
        signals.refresh_replayed,
        user_id=grant.user_id,
        client_id=client.client_id,
        grant_id=grant.pk,
        behind=behind,
        after=after,
        address_is_known=is_known,
        reason=f"{_REPLAYED}: {which}, {holders.in_words(client, is_known=is_known)}",
    )


def _handle_sharing(grant: AuthorisationRow, client: ClientRow) -> None:
    facts = {"user_id": grant.user_id, "client_id": client.client_id, "grant_id": grant.pk}
    if conf.END_SHARED_CONNECTIONS():
        if Grant.objects.end(grant.pk):
            _announce_sharing(client, facts, f"{_SHARED}, and ended")
        raise InvalidGrant("the refresh token is used by more than one holder", detail=f"grant {grant.pk}: {_SHARED}")
    if retries.claim_daily_report(grant.pk):
        _announce_sharing(client, facts, _SHARED)


def _announce_sharing(client: ClientRow, facts: dict[str, Any], what: str) -> None:
    is_known = holders.address_is_known(facts["user_id"], facts["grant_id"])
    reason = f"{what}: {holders.in_words(client, is_known=is_known)}"
    signals.announce(signals.refresh_shared, **facts, address_is_known=is_known, reason=reason)
