"""docs/settings.md, written from conf.py: `make docs` writes it, a test compares it."""

import os
from collections.abc import Mapping
from datetime import timedelta

HEAD = """\
# Settings

All of them are optional: without any, the server is safe. They stand in the project's `settings.py` under these names, each
of its own type; an unknown name with this prefix, or an unsafe value, stops the start (`manage.py check`). What production needs
besides, `manage.py check --deploy` says.

This page is written from `oauth_service/conf.py`; a test holds the two together.

| setting | type | default | what it is for |
| --- | --- | --- | --- |
"""

TAIL = """
## What the checks say

Errors stop the start; warnings are said by `manage.py check`, those of production by `manage.py check --deploy`. One that does
not fit a project is silenced by its id in `SILENCED_SYSTEM_CHECKS`.

| id | it means |
| --- | --- |
| `oauth_service.E001` | a setting with our prefix that does not exist |
| `oauth_service.E002` | a value of the wrong type |
| `oauth_service.E003` | a lifetime shorter than a second, or an audit trail kept for less than no time |
| `oauth_service.E004` | codes that live longer than ten minutes |
| `oauth_service.E005` | a retry window below zero or over ten minutes |
| `oauth_service.E006` | an issuer that RFC 8414 does not allow |
| `oauth_service.E007` | no scopes, or a name that is none |
| `oauth_service.E008` | a token key that is too short, or earlier ones without the one that replaced them |
| `oauth_service.E009` | a claims function that cannot be imported or called |
| `oauth_service.E010` | access tokens that outlive their connection |
| `oauth_service.E011` | a body limit below one byte, or over Django's own |
| `oauth_service.E012` | sessions, sign-in or the CSRF check are missing from `MIDDLEWARE` |
| `oauth_service.E013` | `USE_TZ` is off |
| `oauth_service.E014` | our templates are not found, or lack a context processor |
| `oauth_service.E015` | our URLs are not included, or `LOGIN_URL` leads nowhere |
| `oauth_service.E016` | metrics are wanted, but the library is missing, the secret is too short, or a network is none |
| `oauth_service.E017` | a limit on failures that stops everybody, or nobody |
| `oauth_service.E018` | failures are counted in a cache that does not exist, or keeps nothing |
| `oauth_service.E019` | production: a `SECRET_KEY` of fewer than 32 characters seals codes and tokens |
| `oauth_service.W001` | production: no issuer is set |
| `oauth_service.W002` | production: the issuer is not https |
| `oauth_service.W003` | production: cookies that travel without TLS |
| `oauth_service.W004` | production: any host is accepted |
| `oauth_service.W005` | production: access tokens that live longer than a day |
| `oauth_service.W006` | a referrer policy under which browsers send `Origin: null`, which the CSRF check refuses |
| `oauth_service.W007` | production: `ALLOWED_HOSTS` refuses the issuer's own host |
| `oauth_service.W008` | production: requests without TLS are answered |
| `oauth_service.W009` | production: SQLite without immediate transactions |
| `oauth_service.W010` | a view of yours asks for scope that `OAUTH_SERVICE_SCOPES` has not, and so refuses everybody |
"""

UNITS = (
    ("day", timedelta(days=1)),
    ("hour", timedelta(hours=1)),
    ("minute", timedelta(minutes=1)),
    ("second", timedelta(seconds=1)),
)
TYPES = {str: "`str`", int: "`int`", timedelta: "`timedelta`", Mapping: "`dict` of `str` to `str`"}


def page() -> str:
    """The whole page, as it must be."""
    from oauth_service import conf

    rows = [
        f"| `{setting.name}` | {_type(setting.kind)} | {_default(setting.default)} | {setting.purpose} |"
        for setting in conf.ALL
    ]
    return HEAD + "\n".join(rows) + "\n" + TAIL


def _type(kind: type | tuple[type, ...]) -> str:
    return " or ".join(f"`{one.__name__}` of `str`" for one in kind) if isinstance(kind, tuple) else TYPES[kind]


def _default(value: object) -> str:
    if isinstance(value, timedelta):
        name, unit = next((name, unit) for name, unit in UNITS if value >= unit and not value % unit)
        return f"{value // unit} {name}{'' if value == unit else 's'}"
    if isinstance(value, Mapping):
        return "<br>".join(f"`{name}`: {words}" for name, words in value.items())
    return f"`{value:_}`" if isinstance(value, int) else f"`{value}`" if value else "none"


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.server.settings")
    django.setup()
    print(page(), end="")  # noqa: T201 - what it is for
