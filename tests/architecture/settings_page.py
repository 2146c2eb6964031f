"""docs/settings.md, written from conf.py: `make docs` writes it, a test compares it."""

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oauth_service.conf import Setting

HEAD = """\
# Settings

All of them are optional: without any, the server is safe. They stand in the project's `settings.py` under these names, each
of its own type; an unknown name with this prefix, or an unsafe value, stops the start (`manage.py check`). What production needs
besides, `manage.py check --deploy` says.

A duration or a number has bounds, both ends included; `None` is how to say “never”, where it stands beside them.

This page is written from `oauth_service/conf.py`; a test holds the two together.

| setting | type | default | bounds | what it is for |
| --- | --- | --- | --- | --- |
"""

TAIL = """
## What the checks say

Errors stop the start; warnings are said by `manage.py check`, those of production by `manage.py check --deploy`. One that does
not fit a project is silenced by its id in `SILENCED_SYSTEM_CHECKS`.

Errors:

- `oauth_service.E001`: a setting with our prefix that does not exist. A typing error must not switch a protection off: mend the
  name, or remove the line.
- `oauth_service.E002`: a value of the wrong type. Nothing else can be checked until it has the type that stands above.
- `oauth_service.E003`: a duration out of the bounds that stand above. What is too short ends before it can be used. What is too
  long cannot be reckoned with: no token would be issued, and no event of the audit trail kept. Write `None` for “never”.
- `oauth_service.E004`: codes that live for less than a second or longer than ten minutes. A code that leaks is to be worthless
  soon: choose one between.
- `oauth_service.E005`: a retry window below zero, over ten minutes, or over half the life of access tokens. For that long a
  stolen refresh token that was just replaced still works: choose one between. The half is never exceeded, whatever is set.
- `oauth_service.E006`: an issuer that RFC 8414 does not allow. Clients compare it as text, and send codes and secrets to it: an
  https URL (http on this machine only), without query, fragment or trailing slash.
- `oauth_service.E007`: no scopes, or a name that is none. Clients could not ask for it: visible ASCII without spaces, `"` and
  `\\`, one scope at least.
- `oauth_service.E008`: a key that is too short, or earlier ones without the one that replaced them. A short key can be
  guessed, and earlier ones alone open nothing: 32 random characters or more, and `OAUTH_SERVICE_TOKEN_KEY` beside its fallbacks.
- `oauth_service.E009`: a claims function that cannot be imported or called. `/userinfo/` would fail: mend the dotted path.
- `oauth_service.E010`: access tokens that outlive their connection. They end with it, sooner than clients were told: shorten
  them, or lengthen `OAUTH_SERVICE_REFRESH_TOKEN_LIFETIME` or `OAUTH_SERVICE_CONNECTION_LIFETIME`, 3650 days at most.
- `oauth_service.E011`: a body limit below one byte, or over Django's own. Django stops reading at its own: lower ours, or raise
  `DATA_UPLOAD_MAX_MEMORY_SIZE`.
- `oauth_service.E012`: sessions, sign-in or the CSRF check are missing from `MIDDLEWARE`, or stand before what they need. Without
  them nobody can sign in, or another site can consent for somebody who has: add or move what the message names.
- `oauth_service.E013`: `USE_TZ` is off. Lifetimes are counted between aware moments: set it to `True`, whatever `TIME_ZONE` is.
- `oauth_service.E014`: our templates are not found, or lack a context processor. People could not sign in or consent: set
  `"APP_DIRS": True` in `TEMPLATES`, and add the processors that the message names.
- `oauth_service.E015`: our URLs are not included, or `LOGIN_URL` leads nowhere. Who is not signed in would end on an error page:
  include `oauth_service.urls`, and set `LOGIN_URL` to `"oauth_service:login"`.
- `oauth_service.E016`: metrics are wanted, but the library is missing, the secret is too short, or a network is none. Either
  nothing is counted or strangers can read it: install the extra `metrics`, or mend the value that the message names.
- `oauth_service.E017`: a limit on failures that stops everybody, or nobody. It is what slows down the guessing of passwords: 1
  to 1000 failures, within a second to a day.
- `oauth_service.E018`: failures are counted in a cache that does not exist, or keeps nothing. Passwords could be guessed without
  limit: name another one of `CACHES`.
- `oauth_service.E019`: production: a `SECRET_KEY` of fewer than 32 characters seals codes and tokens. It could be guessed: set
  50 random ones, or `OAUTH_SERVICE_TOKEN_KEY`.
- `oauth_service.E020`: `LOGIN_URL` leads to a view that asks for a sign-in itself, under Django's `LoginRequiredMiddleware`.
  Browsers would go round in circles: put `login_not_required` on that view, or set `LOGIN_URL` to `"oauth_service:login"`.
- `oauth_service.E021`: OpenID Connect is on, as `openid` is among the scopes, but its libraries are missing. Nothing could be
  signed: install the extra `oidc`, or take the scope out.
- `oauth_service.E022`: signing keys that cannot be used: an algorithm that is not there, no RS256, a lifetime that is too short
  or too long, a PEM that is no private key, a key that is given twice, a signer that cannot be loaded. Clients could not verify
  their ID tokens: mend what the message names.
- `oauth_service.E023`: an authentication event that cannot be imported or called, an `acr` of several words, a step-up page that
  leads nowhere. Sign-ins of OpenID Connect would fail: mend what the message names.
- `oauth_service.E025`: a function for the users of trusted issuers that cannot be imported or called, or without the extra
  `oidc`. No assertion could be answered: mend the dotted path, install the extra, or take the setting out.
- `oauth_service.E026`: a way of registration that does not exist, a scope that is none, or a limit of registration out of the
  bounds that stand above. Mend what the message names: `open`, `token`, or nothing.
- `oauth_service.E027`: client ID metadata documents are on, but nothing is installed that fetches them; or a list of their hosts
  has something else than hosts.
- `oauth_service.E030`: this app's tables and the accounts are written to several databases. A token is read together with its
  user, and a consent refers to one: let `DATABASE_ROUTERS` send them all to one.
- `oauth_service.E031`: the database keeps moments in a `TIME_ZONE` whose clocks are changed. One hour of the year comes twice,
  and codes and tokens of it live for an hour too long or not at all: leave `TIME_ZONE` out of `DATABASES`.
- `oauth_service.E032`: a trusted proxy that is no address, network or `unix`, or is everybody. Clients could then choose the
  address that their failures are counted for: name the proxies that you have.
- `oauth_service.E034`: a function for token exchange that cannot be imported or called. Until it is right nothing is exchanged.
- `oauth_service.E035`: a known host that is no host name, a choice of scopes that does not exist, or a required scope that is
  none. The consent page would say less than you want: mend what the message names.
- `oauth_service.E050`: scopes that imply themselves, a name that is no scope, or `openid` or `offline_access`, which neither
  imply nor are implied. Nobody could tell what a person allows: mend what the message names.
- `oauth_service.E051`: an issuer of `OAUTH_SERVICE_REMOTE_ISSUERS` that is none, is this server, has an option that there is not
  or half of a pair, a second one that is asked by introspection, or the extra `oidc` is missing. Its tokens would open nothing,
  or be told to somebody else: mend what the message names.

Warnings; all but W006, W010 to W014, W030 and W050 to W052 are of production:

- `oauth_service.W001`: no issuer is set. It is then taken from each request's `Host`, which whoever asks may choose among
  `ALLOWED_HOSTS`: set `OAUTH_SERVICE_ISSUER`.
- `oauth_service.W002`: the issuer is not https. Codes and tokens travel to it for everybody on the way to read: use TLS.
- `oauth_service.W003`: cookies that travel without TLS. Whoever reads one is signed in as somebody else: set
  `SESSION_COOKIE_SECURE` and `CSRF_COOKIE_SECURE`.
- `oauth_service.W004`: any host is accepted. A forged `Host` then gets into the URLs that Django builds: name the server's own in
  `ALLOWED_HOSTS`.
- `oauth_service.W005`: access tokens that live longer than a day. Who steals one keeps it as long: shorten
  `OAUTH_SERVICE_ACCESS_TOKEN_LIFETIME`; refreshing is cheap.
- `oauth_service.W006`: a referrer policy under which browsers send `Origin: null`, which the CSRF check refuses. Forms of the
  project's own pages then fail: leave `SECURE_REFERRER_POLICY` at `"same-origin"`.
- `oauth_service.W007`: `ALLOWED_HOSTS` refuses the issuer's own host. Every request to the URL that clients know is answered
  400: add that host.
- `oauth_service.W008`: requests without TLS are answered. Secrets sent so have been read on the way: set `SECURE_SSL_REDIRECT`,
  or silence this where a proxy in front does it.
- `oauth_service.W009`: SQLite without immediate transactions. Of two requests that both come to write, one fails with “database
  is locked”: set `"transaction_mode": "IMMEDIATE"` in the `OPTIONS` of the database.
- `oauth_service.W010`: a view of yours asks for scope that `OAUTH_SERVICE_SCOPES` has not, and so refuses everybody. Add the
  scope to the setting, which replaces the default ones, or mend its name at the view.
- `oauth_service.W011`: middleware of another package answers in the place of our endpoints: django-stronghold asks programs for a
  session, django-cors-headers refuses apps that run in a browser. Set what the message names. Django's own
  `LoginRequiredMiddleware` needs nothing, but for guarded operations of django-ninja.
- `oauth_service.W012`: a setting of Django's under which sign-in or the endpoints fail: cookies with a path or domain that leave
  them out, or with `SameSite=Strict`; `PREPEND_WWW`; a `DEFAULT_CHARSET` other than UTF-8. The message says which, and what to
  set.
- `oauth_service.W013`: two views have one address, and the URLconf reaches only the first: an endpoint of ours or a page of
  yours is not there. Include ours under a prefix ([mounting.md](mounting.md)), or let the wanted one stand first and silence
  this. A view of ours in a decorator that uses `functools.wraps` counts as ours. Also: our URLs within `i18n_patterns`, which
  gives clients another address in each language.
- `oauth_service.W014`: the metadata is not where clients look for it, given the issuer. Add
  `path("", include("oauth_service.well_known"))` to the root URLconf.
- `oauth_service.W015`: this server may call its own machine. Services there that trust whoever is local are open to whoever
  registers a client: leave `OAUTH_SERVICE_OUTBOUND_LOOPBACK` out, it is for trials.
- `oauth_service.W016`: clients that nobody has heard of may introduce themselves, and each process counts by itself how many come
  from an address. The limit is then as many times as high as there are processes: let `OAUTH_SERVICE_THROTTLE_CACHE` name a cache
  that all workers share.
- `oauth_service.W030`: transactions are isolated more than `READ COMMITTED`. Ours begin anew if they meet another; the deletion
  of an account, which is a transaction of yours, and any deletion in the admin, which is Django's, fail as a whole then: leave
  `isolation_level` out of the `OPTIONS`, or repeat that deletion.
- `oauth_service.W040`: one secret stands under two names, such as `SECRET_KEY` among `OAUTH_SERVICE_TOKEN_KEY_FALLBACKS`. Whoever
  learns it has both: give each name a random one of its own. During a move from `SECRET_KEY` it is right for a time
  ([token-key.md](token-key.md)).
- `oauth_service.W050`: a view asks for `acr` or `max_age` on a server without OpenID Connect, which keeps no sign-ins, and so
  refuses everybody: add `openid` to `OAUTH_SERVICE_SCOPES`.
- `oauth_service.W051`: the metadata of an API is not where clients look for it, given its identifier. Add
  `path("", include("oauth_service.well_known"))` to the root URLconf.
- `oauth_service.W052`: `OAUTH_SERVICE_SCOPE_IMPLIES` names scope that `OAUTH_SERVICE_SCOPES` has not, and no view asks for. A
  misspelt name does nothing: mend it, or silence this if only a registered resource has that scope.
"""

TYPES = {str: "`str`", bool: "`bool`", int: "`int`", timedelta: "`timedelta`", Mapping: "`dict` of `str` to `str`"}


def page() -> str:
    """The whole page, as it must be."""
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
    found += [f"zero: {setting.zero}"] if setting.zero else []
    found += [f"`None`: {setting.none}"] if setting.none else []
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
