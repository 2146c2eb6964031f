"""Subjects of the benchmark: setup, start and requests of each. All Python ones run under the same granian."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..operations import OPENID_SCOPE, REDIRECT_URI, SCOPE, Paths

ROOT = Path(__file__).resolve().parent.parent.parent
NODE = ROOT / "benchmarks" / "node"

# One thread per connection of the load, so that requests only wait for the database.
CONNECTIONS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """
    A server to measure.

    Args:
        module: module that serves it, if that is not granian with `app`.
        app: WSGI callable of a Python subject.
        script: script of a node subject, and its argument.
        root: checkout that it runs from; older versions of ours have another.
        setup: module that fills the database and prints Facts; a node subject does both before it listens.
        defers_seconds: how long it may still work for a request after its response; the window stays open that long.
        token_alg: algorithm of its access tokens for resources; "" if they are opaque.
        lacks: operations that it does not have.
        weight: its share of a window's requests; slow subjects would take an hour otherwise.
    """

    name: str
    title: str
    paths: Paths
    module: str = ""
    app: str = ""
    script: tuple[str, ...] = ()
    root: Path = ROOT
    setup: str = ""
    env: dict[str, str] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)
    scope: str = SCOPE
    token_alg: str = ""
    lacks: frozenset[str] = frozenset()
    defers_seconds: float = 0.0
    weight: float = 1.0
    is_durable: bool = True
    is_ours: bool = False

    def command(self, port: int) -> Sequence[str]:
        """Command that serves it on a port."""
        if self.script:
            return ["node", str(NODE / self.script[0]), *self.script[1:]]
        if self.module:
            return [sys.executable, "-m", self.module]
        return [
            *(sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)),
            *("--http", "1", "--no-ws", "--workers", "1", "--blocking-threads", str(CONNECTIONS)),
            # A thread that ends takes its database connection along, so none may end within a run.
            *("--blocking-threads-idle-timeout", "600"),
            self.app,
        ]

    def environment(self, database: dict[str, str], *, port: int, state: Path, users: int) -> dict[str, str]:
        """
        Environment of its setup and its server: the caller's, without the settings module of another Django project.
        """
        inherited = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        own = {"SERVE_PORT": str(port), "STATE_DIR": str(state), "USERS": str(users), "SCOPE": self.scope}
        return inherited | database | own | self.env


# The environment of docs/deploy.md, for one worker behind a proxy on this machine.
_OURS = {
    "DJANGO_SETTINGS_MODULE": "config.server.settings",
    "DEBUG": "0",
    "SECRET_KEY": "the-benchmark's-own-secret-key-of-fifty-characters-",
    "OAUTH_SERVICE_ISSUER": "https://auth.example.com",
    "ALLOWED_HOSTS": "127.0.0.1",
    "TRUSTED_PROXIES": "127.0.0.1",
    "SERVE_WORKERS": "1",
    "SERVE_THREADS": str(CONNECTIONS),
}
_OUR_PATHS = Paths(authorise="/authorise/", token="/token/", bearer="/userinfo/", revoke="/oauth/revoke/")
_BARE_PATHS = Paths(authorise="/authorise", token="/token", bearer="/userinfo", revoke="/revoke")
_TOOLKIT_PATHS = Paths(authorise="/o/authorize/", token="/o/token/", bearer="/userinfo/", revoke="/o/revoke_token/")
_NODE_PATHS = Paths(authorise="/auth", token="/token", bearer="/resource", revoke="/token/revocation")
OURS = Subject(
    name="ours",
    title="oauth_service, as production runs it",
    paths=_OUR_PATHS,
    module="config.serve",
    setup="benchmarks.subjects.ours",
    env=_OURS,
    defers_seconds=1.3,  # oauth_service.watch.audit: a second, and the time to write
    is_ours=True,
)
BARE_DJANGO = Subject(
    name="bare-django",
    title="a bare Django view, least SQL",
    paths=_BARE_PATHS,
    app="benchmarks.subjects.bare_django:application",
    setup="benchmarks.subjects.bare",
)
BARE_WSGI = Subject(
    name="bare-wsgi",
    title="a bare WSGI callable, least SQL",
    paths=_BARE_PATHS,
    app="benchmarks.subjects.bare_wsgi:application",
    setup="benchmarks.subjects.bare",
)
TOOLKIT = Subject(
    name="toolkit",
    title="django-oauth-toolkit, defaults",
    paths=_TOOLKIT_PATHS,
    app="benchmarks.subjects.toolkit_wsgi:application",
    setup="benchmarks.subjects.toolkit",
    env={"DJANGO_SETTINGS_MODULE": "benchmarks.subjects.toolkit_settings"},
    extra={"approval_prompt": "auto"},
    weight=0.1,
)
TOOLKIT_CHEAPEST = Subject(
    name="toolkit-cheapest",
    title="django-oauth-toolkit, cheapest it permits",
    paths=_TOOLKIT_PATHS,
    app="benchmarks.subjects.toolkit_wsgi:application",
    setup="benchmarks.subjects.toolkit",
    env={"DJANGO_SETTINGS_MODULE": "benchmarks.subjects.toolkit_cheapest_settings", "HASH_CLIENT_SECRET": "0"},
    extra={"approval_prompt": "auto"},
    weight=0.5,
)
_NODE = {
    "NODE_ENV": "production",
    "SERVE_THREADS": str(CONNECTIONS),
    "REDIRECT_URI": REDIRECT_URI,
}
NODE_MEMORY = Subject(
    name="node-memory",
    title="node-oidc-provider, in memory",
    paths=_NODE_PATHS,
    script=("server.mjs", "memory.mjs"),
    env=_NODE,
    is_durable=False,
)
NODE_POSTGRES = Subject(
    name="node-postgres",
    title="node-oidc-provider on PostgreSQL",
    paths=_NODE_PATHS,
    script=("server.mjs", "postgres.mjs"),
    env=_NODE,
)


def _openid(subject: Subject, *, name: str, title: str, **env: str) -> Subject:
    """The same subject with an ID token at each exchange and refresh."""
    return replace(subject, name=name, title=title, scope=OPENID_SCOPE, env=subject.env | env)


OURS_ES256 = _openid(OURS, name="ours-es256", title="oauth_service, ID tokens by ES256", OPENID="1", ALGORITHM="ES256")
OURS_RS256 = _openid(OURS, name="ours-rs256", title="oauth_service, ID tokens by RS256", OPENID="1", ALGORITHM="RS256")
TOOLKIT_OPENID = _openid(
    TOOLKIT_CHEAPEST, name="toolkit-openid", title="django-oauth-toolkit, cheapest, ID tokens by RS256", OPENID="1"
)
NODE_MEMORY_OPENID = _openid(NODE_MEMORY, name="node-memory-openid", title="node-oidc-provider, in memory, RS256")
NODE_POSTGRES_OPENID = _openid(
    NODE_POSTGRES, name="node-postgres-openid", title="node-oidc-provider on PostgreSQL, RS256"
)


def _with_apis(alg: str) -> Subject:
    """Ours with two registered APIs, whose access tokens are opaque, or JWTs with this algorithm."""
    kind = f"JWTs by {alg}" if alg else "opaque tokens"
    return replace(
        OURS,
        name=f"ours-apis-{alg.lower() or 'opaque'}",
        title=f"oauth_service, {kind}",
        paths=replace(_OUR_PATHS, introspect="/introspect/", api="/api/", drf="/drf/", ninja="/ninja/me"),
        module="benchmarks.subjects.ours_apis_serve",
        setup="benchmarks.subjects.ours_apis",
        env=OURS.env
        | {
            "DJANGO_SETTINGS_MODULE": "benchmarks.subjects.ours_apis_settings",
            "OPENID": "1",
            "INTROSPECTION": "1",
            "TOKEN_ALG": alg,
        },
        token_alg=alg,
    )


OURS_APIS = tuple(map(_with_apis, ("", "RS256", "ES256")))
# It has no token exchange, no JWT access tokens and no django-ninja; its guarded view is at ours' /userinfo/.
TOOLKIT_APIS = replace(
    TOOLKIT_CHEAPEST,
    name="toolkit-apis",
    paths=replace(_TOOLKIT_PATHS, introspect="/o/introspect/", api=_TOOLKIT_PATHS.bearer, drf="/userinfo/drf/"),
    env=TOOLKIT_CHEAPEST.env | {"APIS": "1"},
    lacks=frozenset({"server-token", "exchange", "userinfo", "ninja"}),
)
