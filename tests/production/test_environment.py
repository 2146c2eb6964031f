"""The environment variables of the server's site have the effect that docs/deploy.md describes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.sites import ROOT
from tests.production.deployment import Deployment, refusal_to_start, serving

pytestmark = pytest.mark.production

# Read through oauth_service.conf: a setting misspelt in the site's settings would keep its default.
ASK = """
import json, sys
import django
django.setup()
from oauth_service import conf
print(json.dumps({name: getattr(conf, name)() for name in sys.argv[1:]}, default=str))
"""


def in_force(tmp_path: Path, environment: dict[str, str], *names: str) -> dict[str, object]:
    """Settings of the server in an environment."""
    stated = {
        "PATH": os.environ["PATH"],
        "STATE_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "config.server.settings",
    }
    said = subprocess.run(
        [sys.executable, "-c", ASK, *names],
        cwd=ROOT,
        env=stated | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, object] = json.loads(said.stdout)
    return found


GIVEN: dict[str, tuple[str, str, object, object]] = {
    # variable: an operator's value, the setting, its value then, and its value without the variable
    "REFRESH_TOKEN_DAYS": ("7", "REFRESH_TOKEN_LIFETIME", "7 days, 0:00:00", "30 days, 0:00:00"),
    "CONNECTION_DAYS": ("365", "CONNECTION_LIFETIME", "365 days, 0:00:00", None),
    "SIGNING_KEY_DAYS": ("30", "SIGNING_KEY_LIFETIME", "30 days, 0:00:00", "90 days, 0:00:00"),
    "SIGNING_ALGORITHMS": (
        "RS256, ES256",
        "SIGNING_ALGORITHMS",
        ["RS256", "ES256"],
        ["RS256", "ES256", "PS256", "EdDSA"],
    ),
    "ASSERTIONS_FOR_TOKEN_ENDPOINT": ("1", "ASSERTIONS_FOR_TOKEN_ENDPOINT", True, False),
    "END_CONNECTIONS_ON_PASSWORD_CHANGE": ("1", "END_CONNECTIONS_ON_PASSWORD_CHANGE", True, False),
    "GLOBAL_TOKEN_REVOCATION": ("1", "GLOBAL_TOKEN_REVOCATION", True, False),
    "OAUTH_SERVICE_SUPPORT_CONTACT": ("mailto:help@example.com", "SUPPORT_CONTACT", "mailto:help@example.com", ""),
    # Without the variable, the demo's own while DEBUG is on.
    "ACTION_SCOPES": ("orders:write", "ACTION_SCOPES", ["orders:write"], ["orders:write", "prescriptions:order"]),
    "REGISTRATION_SCOPES": ("openid,email", "REGISTRATION_SCOPES", ["openid", "email"], []),
    "CLIENT_ID_METADATA_DOCUMENTS": ("1", "CLIENT_ID_METADATA_DOCUMENTS", True, False),
    "CLIENT_ID_METADATA_ALLOWED_HOSTS": (
        "app.example, .partner.example",
        "CLIENT_ID_METADATA_ALLOWED_HOSTS",
        ["app.example", ".partner.example"],
        [],
    ),
    "CLIENT_ID_METADATA_BLOCKED_HOSTS": (".bad.example", "CLIENT_ID_METADATA_BLOCKED_HOSTS", [".bad.example"], []),
}


def test_what_an_operator_sets_is_in_force(tmp_path: Path) -> None:
    """An operator of `make serve` has no settings module, so every setting needs a variable."""
    environment = {variable: written for variable, (written, *_) in GIVEN.items()}
    found = in_force(tmp_path, environment, *(setting for _, setting, *_ in GIVEN.values()))
    assert found == {setting: value for _, setting, value, _ in GIVEN.values()}


@pytest.mark.parametrize("environment", [{}, dict.fromkeys(GIVEN, "")], ids=["unset", "empty"])
def test_what_nobody_sets_is_the_default(tmp_path: Path, environment: dict[str, str]) -> None:
    """An empty value in the environment file means the default."""
    found = in_force(tmp_path, environment, *(setting for _, setting, *_ in GIVEN.values()))
    assert found == {setting: default for _, setting, _, default in GIVEN.values()}


def test_the_demos_scopes_are_not_there_in_production(tmp_path: Path) -> None:
    """Operators name the scopes that let an app do something; the demo's are for development."""
    production = {"DEBUG": "0", "SECRET_KEY": "k" * 50, "OAUTH_SERVICE_ISSUER": "https://auth.example.com"}
    assert in_force(tmp_path, production, "ACTION_SCOPES") == {"ACTION_SCOPES": []}


def test_zero_days_are_without_end(tmp_path: Path) -> None:
    """An environment variable cannot be None."""
    environment = dict.fromkeys(("REFRESH_TOKEN_DAYS", "CONNECTION_DAYS", "SIGNING_KEY_DAYS"), "0")
    names = ("REFRESH_TOKEN_LIFETIME", "CONNECTION_LIFETIME", "SIGNING_KEY_LIFETIME")
    assert in_force(tmp_path, environment, *names) == dict.fromkeys(names)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"REFRESH_TOKEN_DAYS": "-1"}, "- REFRESH_TOKEN_DAYS must be a whole number from 0 to 3650."),
        ({"CONNECTION_DAYS": "year"}, "- CONNECTION_DAYS must be a whole number from 0 to 3650."),
        ({"SIGNING_KEY_DAYS": "731"}, "- SIGNING_KEY_DAYS must be a whole number from 0 to 730."),
        ({"SIGNING_KEY_DAYS": "1"}, "oauth_service.E022"),
        ({"CLIENT_ID_METADATA_ALLOWED_HOSTS": "https://app.example"}, "oauth_service.E027"),
        ({"SIGNING_ALGORITHMS": "ES256"}, "OAUTH_SERVICE_SIGNING_ALGORITHMS lacks RS256."),
        ({"SIGNING_ALGORITHMS": "RS256,HS256"}, "OAUTH_SERVICE_SIGNING_ALGORITHMS: the server does not support HS256."),
    ],
    ids=lambda value: "" if isinstance(value, str) else " ".join(f"{name}={word}" for name, word in value.items()),
)
def test_a_value_that_makes_no_sense_is_named(on_sqlite: Deployment, environment: dict[str, str], words: str) -> None:
    """A silent default would surprise the operator later."""
    assert words in refusal_to_start(on_sqlite.environment(**environment))


def test_the_metadata_follows(on_sqlite: Deployment, log_path: Path) -> None:
    """Clients rely on the metadata, for example after an algorithm was removed or an endpoint was switched on."""
    environment = on_sqlite.environment(
        SIGNING_ALGORITHMS="RS256,ES256", GLOBAL_TOKEN_REVOCATION="1", CLIENT_ID_METADATA_DOCUMENTS="1"
    )
    with serving(environment, log_path=log_path) as served:
        metadata = served.http.get("/.well-known/openid-configuration").json()
        published = {key["alg"] for key in served.http.get("/jwks/").json()["keys"]}
    assert metadata["id_token_signing_alg_values_supported"] == ["RS256", "ES256"]
    assert metadata["global_token_revocation_endpoint"] == f"{served.url}/global-token-revocation/"
    assert metadata["client_id_metadata_document_supported"] is True
    assert published == {"RS256", "ES256"}
