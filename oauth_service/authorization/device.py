"""Device authorization, from the device's request to the user's decision (RFC 8628 sections 3.1 to 3.3)."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError

from .. import conf, database, signals
from ..guard import throttle
from ..models import ClientRow, Consent, DeviceCode, SignIn
from ..people.authentication import sign_in_lifetime
from ..protocol import authorization_request, resource_indicators, sealed
from ..protocol import device_code as rules
from ..protocol import scope as scopes
from ..protocol.errors import TooManyFailures, UnauthorizedClient
from ..protocol.openid import AuthenticationEvent, Context
from ..protocol.parameters import Parameters
from ..protocol.secret import Secret
from ..tokens import resources as requested_resources
from ..tokens.resources import Resources

ATTEMPTS = 5  # to find an unused user code; a collision is as unlikely as one guess in billions


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DeviceAuthorization:
    """The response to a device (section 3.2). expires_in and interval are in seconds."""

    device_code: Secret
    user_code: str
    expires_in: int
    interval: int

    def members(self, verification_uri: str) -> dict[str, object]:
        """Return the JSON members of the response."""
        return {
            "device_code": self.device_code.reveal(),
            "user_code": self.user_code,
            "verification_uri": verification_uri,
            "verification_uri_complete": f"{verification_uri}?user_code={self.user_code}",
            "expires_in": self.expires_in,
            "interval": self.interval,
        }


def begin(client: ClientRow, parameters: Parameters, *, now: datetime) -> DeviceAuthorization:
    """
    Create a device code and a user code for a client.

    Args:
        client: authenticated.
        parameters: scope; resource, any number of times.

    Raises:
        UnauthorizedClient: it is not registered for the grant type.
        InvalidTarget: a resource is unknown, or this client may not ask for it.
        InvalidScope: malformed, wider than the client may have, or empty.
        TooManyFailures: too many requests with a public client's id, which anybody can send, came from this address.
    """
    if not client.may_use(rules.GRANT_TYPE):
        raise UnauthorizedClient("this client may not use this grant type", detail=f"client {client.client_id}")
    resources = requested_resources.allowed(resource_indicators.requested(parameters), client)
    scope = authorization_request.requested_scope(
        parameters.get("scope"),
        client,
        openid_scopes=tuple(resources.names) if conf.is_openid() else (),
        allowed=resources.within(client.scope_for(rules.GRANT_TYPE)),
        implies=conf.implied_scopes(),
    )
    if client.is_public:
        throttle.DEVICE_REQUESTS.count_request(client.client_id)
    user_code, device_code = _stored(client, scope, resources, now=now)
    return DeviceAuthorization(
        device_code=Secret(device_code),
        user_code=rules.format_user_code(user_code),
        expires_in=int(conf.DEVICE_CODE_LIFETIME().total_seconds()),
        interval=int(conf.DEVICE_CODE_INTERVAL().total_seconds()),
    )


def find(typed: str, *, user_id: Any, now: datetime) -> DeviceCode | None:
    """
    Find the device that waits for a user code; None, counted as a wrong guess, if there is none.

    Args:
        typed: text that the user typed.
        user_id: of the signed-in user.

    Raises:
        TooManyFailures: too many wrong guesses by this user, from this address, or in total.
    """
    if not (user_code := rules.read_user_code(typed)):
        return None  # not a user code at all, so not a guess
    try:
        with throttle.USER_CODES.guess(user_id) as is_wrong:
            code = DeviceCode.objects.waiting([rules.digest_of(user_code, key) for key in conf.token_keys()], now=now)
            if code and code.client.may_use(rules.GRANT_TYPE):
                return code
            is_wrong()
    except TooManyFailures:
        signals.announce(signals.user_code_refused, user_id=user_id, reason="throttled")
        raise
    signals.announce(signals.user_code_refused, user_id=user_id, reason="no device waits under it")
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The part of a device's request that it may have now, which is shown and granted. An empty scope means nothing at all."""

    scope: str
    resources: Resources


def wanted_by(code: DeviceCode) -> Wanted:
    """Return what a waiting device may have now, without what the client lost. One SQL statement if it named resources."""
    may_have = code.client.scope_for(rules.GRANT_TYPE)
    scope = scopes.intersection(code.scope, may_have, implies=conf.implied_scopes())
    if not (named := code.resources.split()):
        return Wanted(scope=scope, resources=Resources())
    resources = requested_resources.left_of(named, code.client.pk)
    # A token without a resource would be for something else.
    return Wanted(scope=resources.within(scope) if resources.rows else "", resources=resources)


def needs_new_sign_in(code: DeviceCode, wanted: Wanted, event: AuthenticationEvent | None, *, now: datetime) -> bool:
    """Tell whether OpenID Connect needs a new sign-in, as this one is older than the client's default_max_age."""
    max_age = code.client.default_max_age
    if event is None or max_age is None or "openid" not in wanted.scope.split():
        return False
    return now.timestamp() - event.auth_time > max_age


def approve(
    code: DeviceCode,
    wanted: Wanted,
    *,
    user_id: Any,
    event: AuthenticationEvent | None,
    scope: str,
    resources: Collection[str],
    hold: Callable[[], None],
    now: datetime,
) -> bool:
    """
    Connect a device: the user has allowed the request.

    Args:
        wanted: what the device may have.
        event: the user's sign-in; None without OpenID Connect.
        scope: scope that the user allowed. resources: identifiers that the page showed. Both are limited to what the
            device may have.
        hold: prevents the user's session from being ended before everything is written; raises if it was ended already.

    Returns:
        False if there was a decision before, the code has expired, or the account or the client was removed meanwhile.
    """
    client = code.client
    rows = tuple(row for row in wanted.resources.rows if row.identifier in resources)
    if wanted.resources.rows and not rows:
        return False
    given = Resources(rows=rows)
    scope = given.within(scopes.intersection(wanted.scope, scope, implies=conf.implied_scopes()))
    given = given.left_with(scope, shown=wanted.scope)
    is_openid = event is not None and "openid" in scope.split()
    context = Context(event=replace(event, id="")) if event and is_openid else None

    def write() -> None:
        hold()
        at = given.at(scope)
        without = "" if at else scope
        consent = Consent.objects.give(user_id=user_id, client_pk=client.pk, scope=without, at=at, now=now)
        if not DeviceCode.objects.approve(
            code.pk,
            consent_id=consent.pk,
            scope=scope,
            resources=" ".join(given.audience),
            openid=context.dump() if context else "",
            sign_in_id=UUID(context.event.sid) if context else None,
            now=now,
        ):
            raise _DecidedBefore
        if context and client.hears_of_sign_outs:
            SignIn.objects.add_client(UUID(context.event.sid), client.pk, purge_at=now + sign_in_lifetime())
        facts = {"user_id": user_id, "client_id": client.client_id, "scope": scope}
        signals.announce(signals.consent_given, **facts)
        signals.announce(signals.device_approved, **facts, grant_id=code.pk)

    if not scope:
        return False
    try:
        database.run_transaction(write)
    except (_DecidedBefore, IntegrityError):  # the consent refers to a deleted user or client
        return False
    return True


def deny(code: DeviceCode, *, user_id: Any, now: datetime) -> bool:
    """Deny a device; return False if there was a decision before, or the code has expired."""
    if not DeviceCode.objects.deny(code.pk, now=now):
        return False
    signals.announce(signals.device_denied, user_id=user_id, client_id=code.client.client_id, grant_id=code.pk)
    return True


class _DecidedBefore(Exception):
    """Another decision about the device was faster; the consent that was given with this one is rolled back."""


def _stored(client: ClientRow, scope: str, resources: Resources, *, now: datetime) -> tuple[str, str]:
    key = conf.token_keys()[0]
    for _attempt in range(ATTEMPTS):
        user_code = rules.new_user_code()
        try:
            code_id, secret = DeviceCode.objects.give(
                client_pk=client.pk,
                user_code_digest=rules.digest_of(user_code, key),
                scope=scope,
                resources=" ".join(resources.audience),
                address=signals.current_request().address[:45],
                interval=conf.DEVICE_CODE_INTERVAL(),
                now=now,
                lifetime=conf.DEVICE_CODE_LIFETIME(),
            )
        except IntegrityError as cause:
            taken = cause
            continue
        return user_code, sealed.seal(rules.DeviceCode(code_id=code_id), key, secret)
    raise taken
