"""grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer (RFC 7523 section 2.1, ID-JAG)."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from .. import conf, database, signals
from ..clients import issuers, key_sets
from ..clients.issuers import VerifiedJWT
from ..models import ClientRow, ClientWithConsent, Consent, Grant, SessionMark
from ..models import user as users
from ..protocol import jwt, jwt_bearer, resource_indicators
from ..protocol import scope as scopes
from ..protocol.errors import InvalidGrant, InvalidTarget, UnauthorizedClient
from ..protocol.grant_type import GrantTypeDescription
from ..protocol.jwt import InvalidJWT
from ..protocol.parameters import Parameters
from ..protocol.secret import Secret
from ..protocol.token_response import TokenResponse
from ..tokens import issue
from ..tokens.presented import PresentedToken, nothing_presented
from ..tokens.resources import Resources, allowed


def is_on() -> bool:
    """Tell whether the project maps users of other issuers to its own, and JWTs can be verified."""
    return bool(conf.JWT_BEARER_USER()) and key_sets.is_available()


DESCRIPTION = GrantTypeDescription(
    name=jwt_bearer.GRANT_TYPE,
    clause="RFC 7523 section 2.1",
    meaning=cast("str", _("a trusted issuer vouches for a user, who does not visit this server (RFC 7523, ID-JAG)")),
    required=("assertion",),
    optional=("scope", resource_indicators.PARAMETER),
    is_on=is_on,
    switch=f"{conf.JWT_BEARER_USER.name} and the extra oidc",
    needs_issuer=True,
)


def present(parameters: Parameters) -> PresentedToken[Any]:
    """Present nothing with a row: the assertion is checked when the client is known."""
    return nothing_presented()


def exchange(
    presented: PresentedToken[Any], parameters: Parameters, client: ClientRow, *, issuer: str, now: datetime
) -> TokenResponse:
    """
    Give a client an access token for a user of a trusted issuer. The token depends on a grant under the user's consent.

    A refused request does not use the assertion up. There is no refresh token, in accordance with RFC 7521 section 4.1.

    Args:
        parameters: assertion; scope and resource for less than the assertion allows.
        client: authenticated.
        issuer: of this server; the assertion must be for it.

    Raises:
        InvalidRequest: assertion is missing.
        UnauthorizedClient: the client is public: anybody could present an assertion that they found.
        InvalidGrant: the assertion is not valid or was used before; its user is unknown here, or has not allowed the client.
        InvalidTarget: a resource that the client may not ask for, or that the assertion does not allow.
        InvalidScope: wider than the client, the consent and the assertion all allow, or empty.
    """
    text = parameters.require("assertion")
    if client.is_public:
        raise UnauthorizedClient("a public client can present no assertion", detail=f"client {client.client_id}")
    try:
        verified = _verify(text, client, issuer=issuer, now=now)
        asserted, targets = jwt_bearer.scope_of(verified.claims), jwt_bearer.resources_of(verified.claims)
    except InvalidJWT as fault:
        raise _announced(InvalidGrant("the assertion is not valid", detail=fault.detail), client) from fault
    user_id = _user_id_of(verified, client)
    with_consent = _client_with_consent(verified, client, user_id, now=now)
    resources = allowed(_targets(parameters, client, targets), client)
    may_have = _allowed_scope(with_consent, asserted, resources, is_vouched=verified.issuer.stands_for_consent)
    scope = scopes.requested(parameters.get("scope"), allowed=resources.within(may_have), implies=conf.implied_scopes())
    ends_at = _end_of(verified, client, resources, now=now)
    response = database.run_transaction(
        lambda: _issue(
            verified,
            client,
            with_consent,
            user_id=user_id,
            scope=scope,
            resources=resources,
            ends_at=ends_at,
            issuer=issuer,
            now=now,
        )
    )
    if response is None:
        raise _announced(InvalidGrant("the assertion was already used", detail="the JWT was used before"), client)
    return response


def _verify(text: str, client: ClientRow, *, issuer: str, now: datetime) -> VerifiedJWT:
    purpose = jwt_bearer.purpose_of(jwt.read(text))
    return issuers.verify_issuer_jwt(text, purpose=purpose, client=client, audience=issuer, now=now)


def _user_id_of(verified: VerifiedJWT, client: ClientRow) -> Any:
    said = conf.function_of(conf.JWT_BEARER_USER)(dict(verified.claims))
    if said is not None and (not isinstance(said, get_user_model()) or said.pk is None):
        raise ImproperlyConfigured(f"{conf.JWT_BEARER_USER.name} must return a user of this project, or None.")
    # One sentence for all cases: a client must not learn from assertions which accounts were switched off.
    if said is None or (user := users.admitted(said.pk)) is None:
        who = "no user" if said is None else f"user {said.pk}, who is inactive or refused by all backends"
        detail = f"the project finds {who} for sub {verified.subject[:200]!r} of {verified.issuer.issuer}"
        raise _announced(InvalidGrant("the user of the assertion is not known here", detail=detail), client)
    return user.pk


def _client_with_consent(verified: VerifiedJWT, client: ClientRow, user_id: Any, *, now: datetime) -> ClientWithConsent:
    with_consent = Consent.objects.client_with_consent(client_id=client.client_id, user_id=user_id, now=now)
    if with_consent and (with_consent.consent_id or verified.issuer.stands_for_consent):
        return with_consent
    detail = f"user {user_id} has not given client {client.client_id} consent"
    raise _announced(InvalidGrant("the user has not allowed this client", detail=detail), client)


def _allowed_scope(
    with_consent: ClientWithConsent, asserted: str | None, resources: Resources, *, is_vouched: bool
) -> str:
    allowed = with_consent.client.scope_for(DESCRIPTION.name)
    if not is_vouched:
        allowed = _consented(with_consent, allowed, resources)
    if asserted is not None:
        allowed = scopes.intersection(allowed, asserted, implies=conf.implied_scopes())
    # This grant type issues neither ID tokens nor refresh tokens.
    return " ".join(name for name in allowed.split() if name not in ("openid", "offline_access"))


def _consented(with_consent: ClientWithConsent, scope: str, resources: Resources) -> str:
    if resources.rows:
        return resources.consented(with_consent.resources, scope)
    return scopes.intersection(scope, with_consent.scope, implies=conf.implied_scopes())


def _targets(parameters: Parameters, client: ClientRow, asserted: tuple[str, ...] | None) -> tuple[str, ...]:
    named = resource_indicators.requested(parameters)
    if asserted is None:
        return named
    if not set(named) <= set(asserted):
        raise InvalidTarget(
            "the assertion is not good for this resource", detail=f"client {client.client_id}: {named!r}"
        )
    return named or asserted


def _end_of(verified: VerifiedJWT, client: ClientRow, resources: Resources, *, now: datetime) -> datetime:
    lifetime = resources.lifetime(client) or conf.ACCESS_TOKEN_LIFETIME()
    ends_at = min(now + lifetime, issue.end_of_grant(client, created_at=now, now=now))
    if verified.issuer.tokens_end_with_jwt:
        ends_at = min(ends_at, jwt_bearer.end_of(verified.claims))
    if ends_at < now + timedelta(seconds=1):  # the JWT was accepted after its exp, with leeway for clock skew
        detail = "the JWT has expired, and tokens of its issuer end with it"
        raise _announced(InvalidGrant("the assertion is not valid", detail=detail), client)
    return ends_at


def _issue(
    verified: VerifiedJWT,
    client: ClientRow,
    with_consent: ClientWithConsent,
    *,
    user_id: Any,
    scope: str,
    resources: Resources,
    ends_at: datetime,
    issuer: str,
    now: datetime,
) -> TokenResponse | None:
    """Use the assertion up and write its grant, both or neither; return None if it was used before."""
    if not verified.use():
        return None
    facts = {"user_id": user_id, "client_id": client.client_id, "scope": scope}
    consent_id, consent_ends_at = with_consent.consent_id, with_consent.consent_ends_at
    if consent_id is None or _consented(with_consent, scope, resources) != scope:
        _refuse_ended(verified, client, user_id, now=now)
        consent = Consent.objects.give(
            user_id=user_id,
            client_pk=client.pk,
            scope="" if resources.rows else scope,
            now=now,
            at=resources.at(scope),
        )
        consent_id, consent_ends_at = consent.pk, consent.ends_at
        signals.announce(signals.consent_given, **facts)
    grant = Grant.objects.give(
        consent_id=consent_id,
        consent_ends_at=consent_ends_at,
        user_id=user_id,
        client=client,
        scope=scope,
        resources=" ".join(resources.audience),
        trusted_issuer_id=verified.issuer.pk,
        now=now,
        expires_at=ends_at,
    )
    made = issue.tokens(
        grant, client, generation=0, scope=scope, ends_at=ends_at, issuer=issuer, now=now, resources=resources
    )
    response = replace(made, refresh_token=Secret(""), resource=resources.audience)
    signals.announce(signals.token_issued, **facts, grant_type=DESCRIPTION.name, grant_id=grant.pk)
    return response


def _refuse_ended(verified: VerifiedJWT, client: ClientRow, user_id: Any, *, now: datetime) -> None:
    """Refuse an assertion issued before the user was signed out everywhere; the issuer stays trusted."""
    if not conf.GLOBAL_TOKEN_REVOCATION():
        return
    ended_at = SessionMark.objects.hold(user_id).ended_at
    issued_at = min(now, jwt_bearer.issued_at(verified.claims))
    if ended_at and issued_at <= ended_at:
        detail = f"user {user_id} was signed out everywhere at {ended_at}, and the JWT is from before"
        raise _announced(InvalidGrant("the assertion is not valid", detail=detail), client)


def _announced(refusal: InvalidGrant, client: ClientRow) -> InvalidGrant:
    """Announce a refusal and return it: a trusted issuer signed an assertion that was refused, so the operator should know."""
    signals.announce(signals.assertion_refused, client_id=client.client_id, reason=refusal.detail)
    return refusal
