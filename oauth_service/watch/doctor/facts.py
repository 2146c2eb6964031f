"""The facts that the rules judge, gathered from settings and database. Nothing is written."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, models
from django.db.utils import Error
from django.urls import reverse
from django.utils import timezone

from ... import conf, database, documentation, encryption
from ...guard import failure_counts
from ...models import AuditEvent, Client, Consent, Delivery, Document, Grant, Resource, TrustedIssuer
from ...models.client_secret import open_secret
from ...models.purge import swept_tables
from ...protocol import address, client_assertion, client_authentication, token_exchange
from ...protocol.errors import TemporarilyUnavailable
from ...protocol.forwarded import TrustedProxies
from ...protocol.interaction import LIFETIME_SECONDS
from ...tokens import keys
from .. import readiness, same_settings
from . import signing, survey
from .answer import Answer
from .finding import Finding, Level, error
from .inside import LARGEST_BACKLOG, Inside, migrations_unapplied
from .key_sets import Holder
from .outbox import Message
from .registration import Registration
from .resources import Api
from .servers import Server
from .signing import Signing

ASKED = 10  # requests to each server
MOST_MESSAGES = 1000
LATEST_EVENTS = 500
SEVERAL_PEOPLE = 3


def of_system_checks() -> Iterator[Finding]:
    """Return the messages of Django's system checks, deployment checks included, except silenced ones."""
    for message in checks.run_checks(include_deployment_checks=True):
        if not message.is_silenced():
            yield Finding(
                level=Level.ERROR if message.is_serious() else Level.WARNING,
                id=str(message.id),
                what=str(message.msg),
                why=f"The checks of this app are explained: see {documentation.page('settings')}."
                if str(message.id).startswith("oauth_service.")
                else "This is a check of Django. Django's documentation says what it protects.",
                remedy=str(
                    message.hint
                    or f"Correct the setting, or silence {message.id} if the check does not fit this project."
                ),
            )


def of_inside(*, now: datetime) -> Inside:
    """
    Return the facts that this process knows about the deployment.

    Raises:
        django.db.utils.Error: the database does not respond.
    """
    return Inside(
        has_own_token_key=bool(conf.TOKEN_KEY()),
        keys=len(conf.token_keys()),
        sealed_since=_sealed_since(now) if conf.TOKEN_KEY_FALLBACKS() else None,
        session_cookie_is_http_only=bool(settings.SESSION_COOKIE_HTTPONLY),
        session_cookie_same_site=str(settings.SESSION_COOKIE_SAMESITE or ""),
        database_skew=_skew(),
        backlog=sum(_overdue(model, now=now) for model in swept_tables()),
        unapplied=tuple(readiness.unapplied()),
        proxies_let_in=tuple(_proxies_let_in()),
        one_address=_one_address(),
        registrations_are_counted_apart=bool(conf.setting_for_unknown_clients()) and failure_counts.are_in_memory(),
        guesses_are_counted_apart=conf.DEVICE_AUTHORIZATION() and failure_counts.are_in_memory(),
        unknown_resource=_unknown_resource(),
    )


def _unknown_resource() -> str:
    if not (own := conf.RESOURCE()):
        return ""
    return "" if Resource.objects.filter(identifier=own, is_active=True).exists() else own


def of_signing(*, now: datetime) -> Signing | None:
    """Return the signing keys; None if OpenID Connect is off."""
    if not conf.is_openid():
        return None
    fault, found = "", list[keys.KeyState]()
    try:
        found = keys.key_states(now)
    except (TemporarilyUnavailable, ImproperlyConfigured) as refusal:
        fault = getattr(refusal, "detail", str(refusal)).removesuffix(".")
    return Signing(
        keys=tuple(
            signing.Key(
                kid=key.kid,
                algorithm=key.algorithm,
                state=state,
                is_row=key.source == "database",
                signs_from=key.signs_from,
            )
            for key, state in found
        ),
        lifetime=conf.SIGNING_KEY_LIFETIME() or timedelta(0),
        has_signer=bool(conf.SIGNER()),
        fault=fault,
    )


def of_outbox() -> Iterator[Message]:
    """Return the sign-out messages that clients have not taken; none if OpenID Connect is off."""
    if not conf.is_openid():
        return
    waiting = Delivery.objects.select_related("client").order_by("created_at", "pk")[:MOST_MESSAGES]
    for message in waiting:
        yield Message(
            client_id=message.client.client_id,
            attempts=message.attempts,
            last_error=message.last_error,
            next_at=message.next_at,
        )


def of_clients() -> Iterator[Registration]:
    """Return every registered client."""
    connected = set(Consent.objects.values_list("client_id", flat=True).distinct())
    for client in Client.objects.order_by("client_id").iterator():
        yield registration_of(client, has_consents=client.pk in connected)


def of_resources(resources: models.QuerySet[Resource]) -> Iterator[Api]:
    """Return those of some resources that are active."""
    active = resources.filter(is_active=True).order_by("identifier").annotate(chosen=models.Count("clients"))
    of_clients = Client.objects.aggregate(longest=models.Max("access_token_lifetime"))["longest"] or timedelta(0)
    for resource in active:
        yield Api(
            identifier=resource.identifier,
            is_jwt=resource.row().is_jwt,
            lifetime=resource.access_token_lifetime or max(of_clients, conf.ACCESS_TOKEN_LIFETIME()),
            is_for_nobody=not (resource.is_for_all or resource.chosen),
        )


def of_key_sets() -> Iterator[Holder]:
    """Return every active trusted issuer, and every active client whose keys are fetched, with the stored copy."""
    yield from map(holder_of, TrustedIssuer.objects.filter(is_active=True).order_by("issuer"))
    signs = Client.objects.filter(is_active=True, token_endpoint_auth_method__in=client_assertion.METHODS)
    for client in signs.exclude(jwks_uri="").order_by("client_id"):
        yield _with_copy(Holder(name=client.client_id, is_issuer=False), client.jwks_uri)


def holder_of(issuer: TrustedIssuer) -> Holder:
    """A trusted issuer as the rules see it."""
    holder = Holder(name=issuer.issuer, is_issuer=True, is_for_nobody=not issuer.clients.split())
    return _with_copy(holder, issuer.jwks_uri)


def _with_copy(holder: Holder, jwks_uri: str) -> Holder:
    if not (copy := Document.objects.find(Document.Kind.KEYS, jwks_uri) if jwks_uri else None):
        return replace(holder, jwks_uri=jwks_uri)
    return replace(
        holder,
        jwks_uri=jwks_uri,
        fetched_at=copy.fetched_at,
        fresh_until=copy.fresh_until,
        last_error=copy.last_error.removesuffix("."),
    )


def registration_of(client: Client, *, has_consents: bool) -> Registration:
    """Return a client as the rules see it."""
    newest = client.secret_hash
    return Registration(
        client_id=client.client_id,
        is_public=client.is_public,
        is_native=client.is_native,
        is_active=client.is_active,
        requires_pkce=client.requires_pkce,
        redirect_uris=client.redirect_uri_list,
        scope=tuple(client.scope.split()),
        grant_types=tuple(client.grant_types.split()),
        uses_secret=client.uses_secret,
        has_secret=client.secret_count > 0,
        has_chosen_secret=bool(newest) and not client_authentication.is_server_made(newest),
        has_previous_secret=bool(client.previous_secret_hash),
        secret_changed_at=client.secret_changed_at,
        previous_secret_used_at=client.previous_secret_used_at,
        **_of_sealed_secret(client),
        has_consents=has_consents,
        created_at=client.created_at,
        has_own_scope=bool(client.client_credentials_scope),
        exchanges=(
            client.may_use(token_exchange.GRANT_TYPE)
            and (client.may_impersonate or client.may_delegate)
            and not conf.EXCHANGE_POLICY()
        ),
    )


def _of_sealed_secret(client: Client) -> dict[str, bool]:
    if not client.sealed_secret or not encryption.is_available():
        return {}
    secret, is_of_earlier_key = open_secret(bytes(client.sealed_secret), client.client_id)
    return {"is_unreadable": not secret, "is_of_earlier_key": is_of_earlier_key}


def of_servers(urls: Sequence[str], *, timeout: float, now: datetime) -> Iterator[Server]:
    """
    Return the facts of this process, and those that servers tell about themselves.

    Args:
        urls: scheme, host and port of each server. Each is asked ASKED times, as one address may stand for several
            servers.
        timeout: for each request, in seconds.
    """
    yield _server_of("this process", same_settings.fingerprints())
    for url in urls:
        yield from _answers_of(url, timeout=timeout, now=now)


def no_database(fault: Error) -> Finding:
    """Return the finding that the database does not respond, or that its tables are missing."""
    try:
        if unapplied := readiness.unapplied():
            return migrations_unapplied(unapplied)
    except Error:
        pass  # the database does not respond at all
    return error(
        "no-database",
        f"The database does not respond: {' '.join(str(fault).split())}.",
        why="The server cannot issue codes or accept tokens without its database.",
        remedy="Check that the database is running and that the setting DATABASES is correct.",
    )


def _answers_of(url: str, *, timeout: float, now: datetime) -> Iterator[Server]:
    found: list[Server] = []
    for _attempt in range(ASKED):
        answer = survey.send("GET", url + reverse("oauth_service:readyz"), _headers(now), None, timeout=timeout)
        server = _server_that_answered(url, answer)
        if server not in found:
            found.append(server)
        if server.fault:
            break
    yield from found


def _headers(now: datetime) -> dict[str, str]:
    """Return the headers that the proxy would add, as the server is asked without the proxy."""
    headers = {"Authorization": same_settings.proof(now)}
    if host := urlsplit(conf.ISSUER()).netloc:
        headers["Host"] = host
    if settings.SECURE_PROXY_SSL_HEADER and conf.ISSUER().startswith("https:"):
        name, value = settings.SECURE_PROXY_SSL_HEADER
        headers[name.removeprefix("HTTP_").replace("_", "-")] = value
    return headers


def _server_that_answered(url: str, answer: Answer) -> Server:
    members = answer.members()
    if answer.fault or "status" not in members:
        return Server(name=url, fault=answer.fault or f"status {answer.status}, and the body is not that of /readyz")
    told, missing = members.get(same_settings.MEMBER), members.get("missing")
    server = _server_of(url, told) if isinstance(told, dict) else Server(name=url)
    return replace(server, missing=tuple(map(str, missing)) if isinstance(missing, list) else ())


def _server_of(name: str, told: Mapping[str, Any]) -> Server:
    return Server(
        name=name,
        token_keys=tuple(map(str, told["token_keys"])),
        secret_keys=tuple(map(str, told["secret_keys"])),
        settings={str(setting): str(digest) for setting, digest in told["settings"].items()},
    )


def _sealed_since(now: datetime) -> datetime:
    """
    Return a moment since which everything that is still valid was sealed.

    A refresh seals new tokens. The access token before it stays valid for its lifetime. So do a code, a refresh that
    may still be retried and a user's way through our pages.
    """
    [of_clients] = Client.objects.aggregate(longest=models.Max("access_token_lifetime")).values()
    lives_on = max(
        conf.ACCESS_TOKEN_LIFETIME(),
        of_clients or timedelta(0),
        conf.REFRESH_RETRY_WINDOW(),
        conf.AUTHORIZATION_CODE_LIFETIME(),
        conf.DEVICE_CODE_LIFETIME() if conf.DEVICE_AUTHORIZATION() else timedelta(0),
        timedelta(seconds=LIFETIME_SECONDS),
    )
    certain: datetime = now - lives_on
    [oldest] = Grant.objects.filter(expires_at__gt=now).aggregate(oldest=models.Min("refreshed_at")).values()
    return min(oldest, certain) if oldest else certain


def _skew() -> timedelta:
    connection = connections[database.ours()]
    with connection.cursor() as cursor:
        asked_at = timezone.now()
        cursor.execute("SELECT CURRENT_TIMESTAMP")
        [said] = cursor.fetchone()
    theirs = datetime.fromisoformat(said) if isinstance(said, str) else said  # SQLite returns a text
    theirs = theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)
    skew: timedelta = theirs - asked_at
    return skew if abs(skew) > timedelta(seconds=1) else timedelta(0)


def _proxies_let_in() -> Iterator[str]:
    # TRUSTED_PROXIES is a setting of the shipped site; in another project a setting of that name may hold anything.
    # This app's own setting counts only if it is set: its default names no proxies that anybody chose.
    named = [getattr(settings, "TRUSTED_PROXIES", None)]
    try:
        if hasattr(settings, conf.TRUSTED_PROXIES.name):
            named.append(conf.trusted_proxies())
        let_in = {text: ip_network(text) for text in conf.METRICS_ADDRESSES()}
    except ValueError:
        return  # reported as E016 or E032
    proxies = [network for each in named if isinstance(each, TrustedProxies) for network in each.networks]
    for text, network in let_in.items():
        if any(map(network.overlaps, proxies)):
            yield text


def _one_address() -> str:
    """
    Return the address that all recent requests came from, if several users sent them and it is not a public address;
    else "".
    """
    # Rows without an address are skipped here and not in the query, where the database might read the whole trail for
    # them.
    events = AuditEvent.objects.order_by("-pk").values_list("address", "user_id")[:LATEST_EVENTS]
    latest = [(address, user_id) for address, user_id in events if address]
    addresses, people = {each for each, _ in latest}, {user_id for _, user_id in latest} - {None}
    if len(addresses) != 1 or len(people) < SEVERAL_PEOPLE:
        return ""
    [only] = addresses
    return "" if address.is_public(only) else only


def _overdue(model: type[models.Model], *, now: datetime) -> int:
    # Stop there: an exact count would cost more than it is worth.
    overdue = model._default_manager.using(database.primary(model)).filter(purge_at__lte=now - timedelta(days=1))
    return len(overdue.values_list("pk", flat=True)[: LARGEST_BACKLOG + 1])
