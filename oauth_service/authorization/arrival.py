"""Reading an authorization request and finding its next step (RFC 6749 4.1.1, OpenID Connect Core 1.0 3.1.2)."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from .. import conf
from ..clients import authentication, metadata_documents
from ..models import ClientRow
from ..protocol import client_id_metadata_document, resource_indicators, scope_choice, subject
from ..protocol import interaction as interactions
from ..protocol.authorization_request import AuthorizationRequest
from ..protocol.errors import InvalidRequest
from ..protocol.grant_type import AUTHORIZATION_CODE
from ..protocol.interaction import Interaction
from ..protocol.next_step import NextStep, Person, next_step
from ..protocol.openid import AuthenticationEvent, Context
from ..protocol.parameters import Parameters
from ..protocol.reply_to import ReplyTo
from ..tokens import resources as requested_resources
from ..tokens.resources import Resources
from ..values import value_class


@value_class(kw_only=True)
class Visitor:
    """The user of this browser. user_id is None if nobody is signed in; event is None without OpenID Connect."""

    user_id: Any = None
    event: AuthenticationEvent | None = None


@value_class(kw_only=True)
class Target:
    """The client of a request, its consent from this user, and the verified address for the answer."""

    client: ClientRow
    consent_id: Any
    consented_scope: str
    consented_resources: str
    reply_to: ReplyTo


@value_class(kw_only=True)
class Arrival:
    """A request that the client may make, and its progress."""

    parameters: Parameters
    target: Target
    visitor: Visitor
    asked: AuthorizationRequest
    interaction: Interaction
    issuer: str
    resources: Resources

    @property
    def client(self) -> ClientRow:
        """The client of the request."""
        return self.target.client

    @property
    def reply_to(self) -> ReplyTo:
        """The verified address for the answer."""
        return self.target.reply_to

    @property
    def may_skip(self) -> bool:
        """True if the client may rely on an earlier consent."""
        return self.client.may_skip_consent(self.reply_to.uri)

    @property
    def consented_scope(self) -> str:
        """Scope that the user has allowed this client before, at the resources of this request or without any."""
        if not self.resources.rows:
            return self.target.consented_scope
        return self.resources.consented(self.target.consented_resources, self.asked.scope_shown)

    def seal(self, interaction: Interaction, *, now: datetime) -> str:
        """Return the progress of the request as a parameter, sealed for this request."""
        return interaction.seal(self.parameters, key=conf.token_keys()[0], now=int(now.timestamp()))


def target_of(parameters: Parameters, *, user_id: Any, issuer: str, now: datetime, may_fetch: bool = True) -> Target:
    """
    Verify client and redirect_uri, so that the answer may be sent to the client.

    Args:
        user_id: of the signed-in user; None for nobody, in which case no unknown client is fetched.
        may_fetch: True if the client's document may be fetched.

    Raises:
        ClientNotIntroduced: the client's document would have to be fetched, and may not be.
        UnknownClient, UnregisteredRedirect, InvalidRequest: the browser must not be redirected.
        TemporarilyUnavailable: too many documents were fetched, or too many clients wait to be connected.
    """
    if client_id_metadata_document.is_url(client_id := parameters.get("client_id")):
        metadata_documents.bring_up_to_date(client_id, may_fetch=may_fetch, may_introduce=user_id is not None, now=now)
    found = authentication.client_with_consent(parameters, user_id=user_id, now=now)
    reply_to = ReplyTo.verify(found.client, parameters, issuer=issuer)
    return Target(
        client=found.client,
        consent_id=found.consent_id,
        consented_scope=found.scope,
        consented_resources=found.resources,
        reply_to=reply_to,
    )


def arrive(
    parameters: Parameters, target: Target, visitor: Visitor, *, issuer: str, is_answer: bool, now: datetime
) -> Arrival:
    """
    Read and check the rest of a request.

    Raises:
        OAuthError: to be sent to the client, at its verified address.
    """
    client = target.client
    resources = requested_resources.allowed(resource_indicators.requested(parameters), client)
    scopes = tuple(resources.names) if conf.is_openid() else ()
    asked = AuthorizationRequest.parse(
        parameters,
        client,
        is_answer=is_answer,
        openid_scopes=scopes,
        resources=resources.audience,
        allowed=resources.within(client.scope_for(AUTHORIZATION_CODE)),
        implies=conf.implied_scopes(),
    )
    interaction = Interaction()
    if interactions.PARAMETER in parameters:
        interaction = interactions.read(parameters, keys=conf.token_keys(), now=int(now.timestamp()))
    return Arrival(
        parameters=parameters,
        target=target,
        visitor=visitor,
        asked=asked,
        interaction=interaction,
        issuer=issuer,
        resources=resources,
    )


def step_of(arrival: Arrival, *, now: datetime) -> NextStep:
    """
    Return the next step of a request.

    Raises:
        OAuthError: to be sent to the client, because of prompt=none or an invalid id_token_hint.
    """
    return next_step(
        arrival.asked,
        person_of(arrival, now=now),
        arrival.interaction,
        step_up=conf.STEP_UP_URLS(),
        now=int(now.timestamp()),
        implies=conf.implied_scopes(),
    )


def person_of(arrival: Arrival, *, now: datetime) -> Person | None:
    """Return the user as far as the next step depends on them; None if nobody is signed in."""
    # Read even if nobody is signed in: an invalid hint is an error in any case.
    expected = _expected_subjects(arrival, now=now)
    visitor, client = arrival.visitor, arrival.client
    if visitor.user_id is None:
        return None
    return Person(
        id=str(visitor.user_id),
        event=visitor.event,
        is_expected=not expected or expected == {subject_of(visitor.user_id, client)},
        consented_scope=arrival.consented_scope,
        may_skip=arrival.may_skip,
    )


def allowed_of(arrival: Arrival) -> Arrival:
    """
    Return the request, reduced to what the user has allowed on the consent page.

    Its scope is "" if they have ticked nothing.
    """
    asked, resources, implies = arrival.asked, arrival.resources, conf.implied_scopes()
    ticked = scope_choice.ticked_scopes(arrival.parameters)
    if ticked is None:
        return arrival
    granted = scope_choice.granted(asked.scope_shown, ticked, required=conf.REQUIRED_SCOPES())
    left = resources.left_with(granted, shown=asked.scope_shown)
    return replace(arrival, asked=asked.within(granted, resources=left.audience, implies=implies), resources=left)


def subject_of(user_id: Any, client: ClientRow) -> str:
    """Return the sub of a user at a client."""
    return subject.subject_of(user_id, client, pairwise_key=conf.pairwise_key())


def openid_context(arrival: Arrival) -> Context | None:
    """Return what a code must keep of a request that uses OpenID Connect or requires a certain sign-in; None for others."""
    asked, event = arrival.asked, arrival.visitor.event
    if event is None or not (asked.is_openid or asked.acr_values or asked.max_age is not None):
        return None
    return Context(
        event=replace(event, id=""), nonce=asked.nonce, userinfo=asked.claims.userinfo, id_token=asked.claims.id_token
    )


def _expected_subjects(arrival: Arrival, *, now: datetime) -> Collection[str]:
    expected = {arrival.asked.claims.sub} - {""}
    if hint := arrival.asked.id_token_hint:
        from ..tokens import id_token  # a project without OpenID Connect never comes here

        expected |= {id_token.subject_of_hint(hint, issuer=arrival.issuer, client_id=arrival.client.client_id, now=now)}
    if len(expected) > 1:
        raise InvalidRequest("id_token_hint and claims name different users")
    return expected
