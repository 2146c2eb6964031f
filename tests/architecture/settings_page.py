"""docs/settings.md, generated from conf.py: `make docs` writes it, a test compares it."""

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oauth_service.conf import Setting

HEAD = """\
# Settings

Set these in your project's `settings.py`. All of them are optional, and the defaults are safe. `manage.py check` reports an
unknown name with this prefix, a value of the wrong type and an unsafe value as errors, and Django then does not start.
`manage.py check --deploy` also reports what production needs.

The bounds of a duration or a number include both ends. Where they list `None`, it means “never” or “no limit”, as described
there.

This page is generated from `oauth_service/conf.py`, and a test keeps it up to date.

| setting | type | default | bounds | what it is for |
| --- | --- | --- | --- | --- |
"""

TAIL = """
## What the checks say

Errors stop the start. `manage.py check` reports most warnings; those about production are reported by
`manage.py check --deploy` only. To silence a check that does not fit your project, add its ID to `SILENCED_SYSTEM_CHECKS`.

Errors:

- `oauth_service.E001`: a setting with our prefix does not exist. A typing error must not switch off a protection. Correct the
  name or remove the line.
- `oauth_service.E002`: a setting has a value of the wrong type. Give it a value of the type in the table above. The other
  values are checked after that.
- `oauth_service.E003`: a duration is outside its bounds in the table above. If it is too short, it ends before it can be
  used. If it is too long, dates overflow: the server could not issue tokens or keep events. For “never”, use `None` where the
  table allows it.
- `oauth_service.E004`: the lifetime of codes is less than a second or more than ten minutes. A leaked code must soon be
  worthless. Choose a value within the bounds.
- `oauth_service.E005`: the retry window is below zero, more than ten minutes, or more than half the lifetime of access
  tokens. During this time, a stolen refresh token that was just replaced still works. Choose a value within the bounds. The
  server never uses more than half the lifetime, whatever you set.
- `oauth_service.E006`: RFC 8414 does not allow this issuer. Clients compare it as text and send codes and secrets to it. Use
  an https URL (http on this machine only) without a query, fragment or trailing slash.
- `oauth_service.E007`: there are no scopes, or a name is not valid. Clients could not request it. Define at least one scope.
  Names consist of visible ASCII characters except spaces, `"` and `\\`.
- `oauth_service.E008`: a key is too short, or there are fallback keys without a current one. A short key can be guessed, and
  fallback keys have no effect without `OAUTH_SERVICE_TOKEN_KEY`. Use keys of 32 random characters or more, and set that
  setting.
- `oauth_service.E009`: the claims function cannot be imported or called, so `/userinfo/` would fail. Correct the dotted path.
- `oauth_service.E010`: access tokens last longer than their connection. They end with it, sooner than clients were told.
  Shorten them, or lengthen `OAUTH_SERVICE_REFRESH_TOKEN_LIFETIME` or `OAUTH_SERVICE_CONNECTION_LIFETIME`, to at most 3650
  days.
- `oauth_service.E011`: the body limit is outside its bounds or above Django's own limit, at which Django stops reading. Lower
  it, or raise `DATA_UPLOAD_MAX_MEMORY_SIZE`.
- `oauth_service.E012`: `MIDDLEWARE` lacks sessions, authentication or the CSRF check, or lists one before another that it
  needs. Without them, users cannot sign in, or another site can consent for a signed-in user. Add or move what the message
  names.
- `oauth_service.E013`: `USE_TZ` is off. The server calculates lifetimes with aware datetimes. Set it to `True`; `TIME_ZONE`
  can have any value.
- `oauth_service.E014`: our templates are not found, or a context processor is missing. Users could not sign in or consent.
  Set `"APP_DIRS": True` in `TEMPLATES`, and add the processors that the message names.
- `oauth_service.E015`: our URLs are not included, or `LOGIN_URL` leads nowhere. Users who are not signed in would see an
  error page. Include `oauth_service.urls`, and set `LOGIN_URL` to `"oauth_service:login"`.
- `oauth_service.E016`: metrics are on, but the library is missing, the secret is too short, or a network is not valid.
  Nothing would be counted, or strangers could read the metrics. Install the extra `metrics`, or correct the value that the
  message names.
- `oauth_service.E017`: the limit on failures would block everyone or no one. It slows down password guessing. Use 1 to 1000
  failures within one second to one day.
- `oauth_service.E018`: the cache that counts failures does not exist, or stores nothing. Passwords could be guessed without
  limit. Name another cache from `CACHES`.
- `oauth_service.E019` (with `--deploy`): `SECRET_KEY` seals codes and tokens but has fewer than 32 characters, so it could be
  guessed. Use 50 random characters, or set `OAUTH_SERVICE_TOKEN_KEY`.
- `oauth_service.E020`: with Django's `LoginRequiredMiddleware`, `LOGIN_URL` leads to a view that itself requires a sign-in.
  Browsers would be redirected forever. Put `login_not_required` on that view, or set `LOGIN_URL` to `"oauth_service:login"`.
- `oauth_service.E021`: OpenID Connect is on, because `openid` is one of the scopes, but its libraries are missing. Nothing
  could be signed. Install the extra `oidc`, or remove the scope.
- `oauth_service.E022`: signing keys cannot be used: an algorithm is unknown, RS256 is missing, the lifetime is outside its
  bounds, a PEM is not a private key, a key is listed twice, or a signer cannot be loaded. Clients could not verify ID tokens.
  Correct what the message names.
- `oauth_service.E023`: the authentication event function cannot be imported or called, an `acr` contains spaces, or a step-up
  page leads nowhere. OpenID Connect sign-ins would fail. Correct what the message names.
- `oauth_service.E025`: a function that finds users, of trusted issuers or for global token revocation, cannot be imported or
  called; or the extra `oidc`, which verifies the JWTs of trusted issuers, is missing. Correct the dotted path, install the
  extra, or remove the setting.
- `oauth_service.E026`: `OAUTH_SERVICE_REGISTRATION` has an unknown value, a scope name is not valid, or a limit is outside
  its bounds in the table above. Use `open`, `token` or nothing, and correct what the message names.
- `oauth_service.E027`: client ID metadata documents are on, but no installed package can fetch them; or a list of hosts has
  an entry that is not a host. Install the extra `oidc` or `logos`, or correct the entry.
- `oauth_service.E030`: this app's tables and the user accounts are written to different databases. They refer to each other
  and are read in one query. Let `DATABASE_ROUTERS` send them all to one database.
- `oauth_service.E031`: the database stores datetimes in a `TIME_ZONE` with daylight saving time. One hour of the year occurs
  twice, and codes and tokens from it last an hour too long or do not work. Remove `TIME_ZONE` from `DATABASES`.
- `oauth_service.E032`: a trusted proxy is not an address, a network or `unix`, or it includes everyone. Clients could then
  choose the address that their failures are counted for. List your proxies only.
- `oauth_service.E034`: a function for token exchange cannot be imported or called. No token is exchanged until this is
  corrected.
- `oauth_service.E035`: a known host is not a host name, `OAUTH_SERVICE_CHOOSE_SCOPES` has an unknown value, or the name of a
  required scope or an action scope is not valid. The consent page would tell users less than you want. Correct what the
  message names.
- `oauth_service.E036`: the support contact is neither `mailto:` with one address nor an https URL. Users who need help would
  follow a link that leads nowhere. Correct the setting.
- `oauth_service.E050`: scopes imply themselves in a circle, a name is not a valid scope, or `openid` or `offline_access` is
  listed: these two cannot imply or be implied. It would be unclear what a user allows. Correct what the message names.
- `oauth_service.E051`: an entry of `OAUTH_SERVICE_REMOTE_ISSUERS` is not a valid issuer, is this server, has an unknown
  option, or has only one of `client_id` and `client_secret`; a second issuer is to be asked by introspection; or the extra
  `oidc` is missing. The issuer's tokens would not work, or would be sent to someone else. Correct what the message names.

Warnings. `manage.py check` reports W006, W010 to W014, W030 and W050 to W052; the others need `--deploy`:

- `oauth_service.W001`: no issuer is set. The server then takes it from the `Host` header of each request, where a client can
  choose any of `ALLOWED_HOSTS`. Set `OAUTH_SERVICE_ISSUER`.
- `oauth_service.W002`: the issuer is not an https URL. Anyone on the way can read the codes and tokens sent to it. Use TLS.
- `oauth_service.W003`: cookies are sent without TLS. Anyone who reads one can act as that user. Set `SESSION_COOKIE_SECURE`
  and `CSRF_COOKIE_SECURE`.
- `oauth_service.W004`: any host is accepted. A forged `Host` header then appears in URLs that Django builds. List the
  server's own hosts in `ALLOWED_HOSTS`.
- `oauth_service.W005`: access tokens last longer than a day. A stolen token works as long. Shorten
  `OAUTH_SERVICE_ACCESS_TOKEN_LIFETIME`; refreshing is cheap.
- `oauth_service.W006`: with this referrer policy, browsers send `Origin: null`, which the CSRF check refuses. Forms of your
  own pages then fail. Leave `SECURE_REFERRER_POLICY` at `"same-origin"`.
- `oauth_service.W007`: `ALLOWED_HOSTS` refuses the issuer's own host. Every request to the URL that clients know gets a 400
  response. Add that host.
- `oauth_service.W008`: the server answers requests without TLS. Anyone on the way can read the secrets in them. Set
  `SECURE_SSL_REDIRECT`, or silence this check if a proxy redirects to https.
- `oauth_service.W009`: SQLite does not use immediate transactions. If two requests start reading and then both write, one
  fails with “database is locked”. Set `"transaction_mode": "IMMEDIATE"` in the `OPTIONS` of the database.
- `oauth_service.W010`: a view requires a scope that is not in `OAUTH_SERVICE_SCOPES`, so it refuses every token. Add the
  scope to the setting, which replaces the default scopes, or correct the name in the view.
- `oauth_service.W011`: middleware of another package answers instead of our endpoints. django-stronghold requires a session
  from programs; django-cors-headers refuses apps that run in a browser. Set what the message names. Django's own
  `LoginRequiredMiddleware` needs no changes, except for protected operations of django-ninja.
- `oauth_service.W012`: a Django setting breaks sign-in or the endpoints: cookies with a path or domain that does not cover
  them, or with `SameSite=Strict`; `PREPEND_WWW`; a `DEFAULT_CHARSET` other than UTF-8. The message says which one, and what
  to set.
- `oauth_service.W013`: two views have the same URL, and Django only reaches the first. One of our endpoints or one of your
  pages is unreachable. Include our URLs under a prefix ([mounting.md](mounting.md)), or put the view that you want first and
  silence this check. A view of ours counts as ours inside a decorator that uses `functools.wraps`. The check also reports our
  URLs within `i18n_patterns`, where clients would see a different URL in each language.
- `oauth_service.W014`: the metadata is not at the URL where clients look for it, given the issuer. Add
  `path("", include("oauth_service.well_known"))` to the root URLconf.
- `oauth_service.W015`: this server may send requests to its own machine. Anyone who registers a client can then reach
  services there that trust local requests. `OAUTH_SERVICE_OUTBOUND_LOOPBACK` is for trials; remove it.
- `oauth_service.W016`: unknown clients may introduce themselves, and each process counts separately how many come from an
  address. The limit is multiplied by the number of processes. Set `OAUTH_SERVICE_THROTTLE_CACHE` to a cache that all workers
  share.
- `oauth_service.W030`: transactions use a stricter isolation level than `READ COMMITTED`. Our own transactions start again
  after a conflict. Deleting an account, which is your transaction, and any deletion in the admin, which is Django's, fail as
  a whole. Remove `isolation_level` from the `OPTIONS`, or repeat the deletion.
- `oauth_service.W040`: two settings contain the same secret, such as `SECRET_KEY` in `OAUTH_SERVICE_TOKEN_KEY_FALLBACKS`.
  Anyone who learns one has both. Use a separate random secret for each. While you move from `SECRET_KEY` to a token key, this
  is expected ([token-key.md](token-key.md)).
- `oauth_service.W050`: a view requires `acr` or `max_age`, but a server without OpenID Connect does not store how users
  signed in, so the view refuses every token. Add `openid` to `OAUTH_SERVICE_SCOPES`.
- `oauth_service.W051`: the metadata of an API is not at the URL where clients look for it, given the API's identifier. Add
  `path("", include("oauth_service.well_known"))` to the root URLconf.
- `oauth_service.W052`: `OAUTH_SERVICE_SCOPE_IMPLIES` names a scope that is not in `OAUTH_SERVICE_SCOPES` and that no view
  requires. A misspelt name has no effect. Correct it, or silence this check if only a registered resource has that scope.
"""

TYPES = {str: "`str`", bool: "`bool`", int: "`int`", timedelta: "`timedelta`", Mapping: "`dict` of `str` to `str`"}


def page() -> str:
    """The whole page."""
    from oauth_service import conf

    rows = [
        f"| `{setting.name}` | {_type(setting)} | {_default(setting.default)} | {_bounds(setting)} | {setting.purpose} |"
        for setting in conf.ALL
    ]
    return HEAD + "\n".join(rows) + "\n" + TAIL


def _type(setting: "Setting[object]") -> str:
    if setting.has_options:
        return "`dict` of `str` to `dict`"
    if not isinstance(setting.kind, tuple):
        return TYPES[setting.kind]
    members = "`str` or pairs of `str`" if setting.has_pairs else "`str`"
    return " or ".join(f"`{one.__name__}`" for one in setting.kind) + f" of {members}"


def _bounds(setting: "Setting[object]") -> str:
    from oauth_service import conf

    if setting.least is None or setting.most is None:
        return ""
    found = [f"{conf.in_words(setting.least)} to {conf.in_words(setting.most)}"]
    found += [f"zero: {setting.zero_means}"] if setting.zero_means else []
    found += [f"`None`: {setting.none_means}"] if setting.none_means else []
    return "<br>".join(found)


def _default(value: object) -> str:
    if isinstance(value, timedelta):
        from oauth_service import conf

        return conf.in_words(value)
    if value is None or isinstance(value, bool):
        return f"`{value}`"
    if isinstance(value, Mapping):
        return "<br>".join(f"`{name}`: {words}" for name, words in value.items())
    if isinstance(value, tuple) and value:
        return ", ".join(f"`{each}`" for each in value)
    return f"`{value:_}`" if isinstance(value, int) else f"`{value}`" if value else "none"


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.server.settings")
    django.setup()
    print(page(), end="")  # noqa: T201 - what it is for
