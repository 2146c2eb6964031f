"""Findings about the deployment as its own process sees it: keys, cookies, clock, migrations and backlog."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from ... import documentation
from .finding import Finding, error, note, warning

SMALL_SKEW = timedelta(seconds=5)
GREAT_SKEW = timedelta(seconds=60)
LARGEST_BACKLOG = 10_000
MOST_KEYS = 4


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
    "Let OAUTH_SERVICE_THROTTLE_CACHE name a cache that all workers share (CACHE_URL of the shipped site)."
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
            "OAUTH_SERVICE_TOKEN_KEY is not set: tokens are sealed by a key derived from SECRET_KEY.",
            why="Rotating SECRET_KEY, which everything else in the project uses too, then concerns every connection.",
            remedy=f"Set it to 32 random characters or more, and move to it in the steps of {documentation.page('token-key')}.",
        )
    if inside.sealed_since:
        yield note(
            "earlier-keys",
            f"OAUTH_SERVICE_TOKEN_KEY_FALLBACKS has earlier keys; all that is alive was sealed since "
            f"{inside.sealed_since:%Y-%m-%d %H:%M} UTC.",
            why="Whoever has an earlier key opens what it sealed, and one that is needed no more is only a risk.",
            remedy="Take out those that every server had replaced before then.",
        )
    if inside.keys > MOST_KEYS:
        yield warning(
            "many-keys",
            f"{inside.keys} keys open tokens.",
            why="A key that was replaced because it leaked is still a key, and each makes a forged token dearer to refuse.",
            remedy="Remove the fallbacks that are older than OAUTH_SERVICE_REFRESH_TOKEN_LIFETIME.",
        )


def _of_cookies(inside: Inside) -> Iterator[Finding]:
    if not inside.session_cookie_is_http_only:
        yield warning(
            "session-cookie-readable",
            "SESSION_COOKIE_HTTPONLY is off.",
            why="A script that gets onto any page of this host can take a person's session.",
            remedy="Leave it on.",
        )
    if inside.session_cookie_same_site.lower() not in ("lax", "strict"):
        yield warning(
            "session-cookie-everywhere",
            "SESSION_COOKIE_SAMESITE lets other sites send the session along.",
            why="Their forms arrive as the person; only the CSRF check stands between.",
            remedy='Set it to "Lax": the way back from an app needs no more.',
        )
    elif inside.session_cookie_same_site.lower() == "strict":
        yield warning(
            "session-cookie-nowhere",
            'SESSION_COOKIE_SAMESITE is "Strict".',
            why="Who comes from an app to /authorise/ looks signed out, and signs in again each time.",
            remedy='Set it to "Lax".',
        )


def _of_database(inside: Inside) -> Iterator[Finding]:
    if inside.unapplied:
        yield error(
            "migrations-unapplied",
            f"Migrations are not applied: {', '.join(inside.unapplied)}.",
            why="The tables are not those that the code expects.",
            remedy="Run manage.py migrate.",
        )
    skew = abs(inside.database_skew)
    if skew > SMALL_SKEW:
        found = error if skew > GREAT_SKEW else warning
        yield found(
            "database-clock",
            f"The clocks of this machine and the database are {skew.total_seconds():.0f} seconds apart.",
            why="Another worker may be off by as much: codes expire early, and retries look like thefts.",
            remedy="Let both machines keep time by NTP.",
        )
    if inside.backlog > LARGEST_BACKLOG:
        yield warning(
            "backlog",
            f"{inside.backlog} rows should have been swept a day ago.",
            why="Servers sweep while they answer token requests; none has, or not enough.",
            remedy="Run manage.py purge once, and see in the log why no request has swept.",
        )


def _of_proxies(inside: Inside) -> Iterator[Finding]:
    if inside.one_address:
        yield warning(
            "one-address",
            f"All people seem to come from {inside.one_address}.",
            why="That is a proxy. Failures are counted for an account and an address: a stranger's lock its owner out.",
            remedy="Let the proxy set X-Forwarded-For, and name it in OAUTH_SERVICE_TRUSTED_PROXIES (TRUSTED_PROXIES of the "
            "shipped site).",
        )
    if inside.proxies_let_in:
        yield note(
            "metrics-for-proxies",
            f"METRICS_ADDRESSES lets in where TRUSTED_PROXIES are: {', '.join(inside.proxies_let_in)}.",
            why="A proxy that sends no X-Forwarded-For lends its own address to everybody, and so shows /metrics/ to everybody.",
            remedy="Set METRICS_SECRET instead, or see with --url, from elsewhere, that the proxy shows nothing.",
        )


def _of_devices(inside: Inside) -> Iterator[Finding]:
    if inside.guesses_are_counted_apart:
        yield warning(
            "device-codes-counted-apart",
            "OAUTH_SERVICE_DEVICE_AUTHORIZATION is on, and each process counts wrong codes of devices by itself.",
            why="Whoever guesses codes has as many guesses as there are processes times the limit, and anew after each restart.",
            remedy=_SHARE_THE_COUNTS,
        )


def _of_registrations(inside: Inside) -> Iterator[Finding]:
    if inside.registrations_are_counted_apart:
        yield warning(
            "registrations-counted-apart",
            "Clients that nobody has heard of may introduce themselves, and each process counts those of an address by itself.",
            why="An address may introduce as many clients as there are processes times the limit, and anew after each restart.",
            remedy=_SHARE_THE_COUNTS,
        )


def _of_resource(inside: Inside) -> Iterator[Finding]:
    if inside.unknown_resource:
        yield warning(
            "own-resource-unknown",
            f"OAUTH_SERVICE_RESOURCE is {inside.unknown_resource}, which no active resource has as its identifier.",
            why="A client that names it is answered invalid_target: only tokens without a resource open its views.",
            remedy="Register it (manage.py create_resource), switch it on, or mend the setting.",
        )
