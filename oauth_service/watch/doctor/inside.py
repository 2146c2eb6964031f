"""Findings about the deployment as its own process sees it: keys, cookies, clock, migrations and backlog."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ... import documentation
from .finding import Finding, error, note, warning

SMALL_SKEW = timedelta(seconds=5)
GREAT_SKEW = timedelta(seconds=60)
LARGEST_BACKLOG = 10_000
MOST_KEYS = 4
MOST_MIGRATIONS = 3  # named in the finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """
    The facts that a process of the deployment knows about it.

    Attributes:
        keys: the number of keys that open tokens.
        sealed_since: a moment since which everything that is still valid was sealed; None if there are no earlier keys.
        database_skew: the database's clock minus ours.
        backlog: the number of rows that should have been swept a day ago.
        unapplied: the names of migrations.
        proxies_let_in: the entries of METRICS_ADDRESSES that include trusted proxies.
        one_address: the only address that users lately came from, if it cannot be theirs; otherwise "".
        guesses_are_counted_apart: True if devices can be connected and each process counts wrong codes by itself.
        registrations_are_counted_apart: True if clients may register themselves and each process counts them by itself.
        unknown_resource: OAUTH_SERVICE_RESOURCE if no active resource has this identifier; otherwise "".
    """

    has_own_token_key: bool
    keys: int
    sealed_since: datetime | None
    session_cookie_is_http_only: bool
    session_cookie_same_site: str
    database_skew: timedelta
    backlog: int
    unapplied: tuple[str, ...]
    proxies_let_in: tuple[str, ...]
    one_address: str
    guesses_are_counted_apart: bool
    registrations_are_counted_apart: bool
    unknown_resource: str


_SHARE_THE_COUNTS = (
    "Set OAUTH_SERVICE_THROTTLE_CACHE to a cache that all workers share (CACHE_URL of the shipped site)."
)


def findings(inside: Inside) -> Iterator[Finding]:
    yield from _of_keys(inside)
    yield from _of_cookies(inside)
    yield from _of_database(inside)
    yield from _of_proxies(inside)
    yield from _of_devices(inside)
    yield from _of_registrations(inside)
    yield from _of_resource(inside)


def _of_keys(inside: Inside) -> Iterator[Finding]:
    if not inside.has_own_token_key:
        yield note(
            "no-token-key",
            "OAUTH_SERVICE_TOKEN_KEY is not set, so the key of the tokens is derived from SECRET_KEY.",
            why="The whole project uses SECRET_KEY. If you replace it, every connected app is affected, too.",
            remedy=f"Set OAUTH_SERVICE_TOKEN_KEY to at least 32 random characters. Follow {documentation.page('token-key')}.",
        )
    if inside.sealed_since:
        yield note(
            "earlier-keys",
            "OAUTH_SERVICE_TOKEN_KEY_FALLBACKS contains earlier keys. The oldest token that is still valid was sealed at "
            f"{inside.sealed_since:%Y-%m-%d %H:%M} UTC or later.",
            why="Anyone who has an earlier key can open tokens that it sealed. A key without valid tokens is only a risk.",
            remedy="Remove the keys that every server had replaced before that time.",
        )
    if inside.keys > MOST_KEYS:
        yield warning(
            "many-keys",
            f"The server accepts tokens of {inside.keys} keys.",
            why="A key that was replaced because it leaked is still accepted. "
            "Each key also adds to the cost of refusing a forged token.",
            remedy="Remove the fallbacks that are older than OAUTH_SERVICE_REFRESH_TOKEN_LIFETIME.",
        )


def _of_cookies(inside: Inside) -> Iterator[Finding]:
    if not inside.session_cookie_is_http_only:
        yield warning(
            "session-cookie-readable",
            "SESSION_COOKIE_HTTPONLY is off.",
            why="A script that is injected into any page of this host can steal a user's session.",
            remedy="Set SESSION_COOKIE_HTTPONLY to True, which is Django's default.",
        )
    if inside.session_cookie_same_site.lower() not in ("lax", "strict"):
        yield warning(
            "session-cookie-everywhere",
            "Browsers send the session cookie with requests from other sites, because of SESSION_COOKIE_SAMESITE.",
            why="A form on another site is submitted as the signed-in user. Only the CSRF check prevents that.",
            remedy='Set SESSION_COOKIE_SAMESITE to "Lax", which is enough for redirects from apps.',
        )
    elif inside.session_cookie_same_site.lower() == "strict":
        yield warning(
            "session-cookie-nowhere",
            'SESSION_COOKIE_SAMESITE is "Strict".',
            why="Users who come from an app to /authorise/ seem to be signed out, and have to sign in again each time.",
            remedy='Set SESSION_COOKIE_SAMESITE to "Lax".',
        )


def migrations_unapplied(names: Sequence[str]) -> Finding:
    """Return the finding that the tables are not the ones that the code expects."""
    shown = ", ".join([*names[:MOST_MIGRATIONS], *(["…"] if len(names) > MOST_MIGRATIONS else [])])
    return error(
        "migrations-unapplied",
        f"{len(names)} migrations are not applied: {shown}." if len(names) > 1 else f"{shown} is not applied.",
        why="The tables in the database are not the ones that the code expects.",
        remedy="Run manage.py migrate.",
    )


def _of_database(inside: Inside) -> Iterator[Finding]:
    if inside.unapplied:
        yield migrations_unapplied(inside.unapplied)
    skew = abs(inside.database_skew)
    if skew > SMALL_SKEW:
        found = error if skew > GREAT_SKEW else warning
        yield found(
            "database-clock",
            f"The clocks of this machine and of the database differ by {skew.total_seconds():.0f} seconds.",
            why="The clocks of other workers may differ as much. Codes then expire early, and retries look like stolen tokens.",
            remedy="Synchronise the clocks of both machines with NTP.",
        )
    if inside.backlog > LARGEST_BACKLOG:
        yield warning(
            "backlog",
            f"{inside.backlog} rows should have been deleted more than a day ago.",
            why="Servers delete expired rows while they answer token requests. This has not happened, or not often enough.",
            remedy="Run manage.py purge once, and look in the log of oauth_service.purge for failures.",
        )


def _of_proxies(inside: Inside) -> Iterator[Finding]:
    if inside.one_address:
        yield warning(
            "one-address",
            f"All recent requests seem to come from {inside.one_address}.",
            why="It is probably the address of a proxy. Failed sign-ins are counted per account and address, "
            "so a stranger who guesses a password locks the owner out.",
            remedy="Configure the proxy to send X-Forwarded-For, and add its address to OAUTH_SERVICE_TRUSTED_PROXIES "
            "(TRUSTED_PROXIES of the shipped site).",
        )
    if inside.proxies_let_in:
        yield note(
            "metrics-for-proxies",
            f"METRICS_ADDRESSES contains addresses of trusted proxies: {', '.join(inside.proxies_let_in)}.",
            why="If such a proxy sends no X-Forwarded-For, every request seems to come from it, and everyone can read /metrics/.",
            remedy="Set METRICS_SECRET instead. Or run oauth_doctor with --url on another machine, to check that the proxy "
            "does not show the metrics.",
        )


def _of_devices(inside: Inside) -> Iterator[Finding]:
    if inside.guesses_are_counted_apart:
        yield warning(
            "device-codes-counted-apart",
            "OAUTH_SERVICE_DEVICE_AUTHORIZATION is on, and each process counts wrong device codes separately.",
            why="The limit on guesses is multiplied by the number of processes, and each restart resets the counts.",
            remedy=_SHARE_THE_COUNTS,
        )


def _of_registrations(inside: Inside) -> Iterator[Finding]:
    if inside.registrations_are_counted_apart:
        yield warning(
            "registrations-counted-apart",
            "Any client may register itself, and each process counts the registrations of an address separately.",
            why="The limit on registrations is multiplied by the number of processes, and each restart resets the counts.",
            remedy=_SHARE_THE_COUNTS,
        )


def _of_resource(inside: Inside) -> Iterator[Finding]:
    if inside.unknown_resource:
        yield warning(
            "own-resource-unknown",
            f"OAUTH_SERVICE_RESOURCE is {inside.unknown_resource}, but no active resource has this identifier.",
            why="A client that requests this resource gets the error invalid_target. "
            "Only tokens without a resource are accepted by the views of this project.",
            remedy="Register the resource (manage.py create_resource), activate it, or correct the setting.",
        )
