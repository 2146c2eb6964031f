"""Imports run one way: the contracts of pyproject.toml hold, and each is seen to break."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from config.sites import ROOT

PACKAGES = ("oauth_service", "prescription_manager_app", "simulation", "config")

# contract, file, the import that the contract forbids
FORBIDDEN = [
    ("layers", "oauth_service/protocol/pkce.py", "oauth_service.conf"),
    ("layers", "oauth_service/signals.py", "oauth_service.models"),
    ("layers", "oauth_service/conf.py", "oauth_service.signals"),
    ("layers", "oauth_service/compiled/statement.py", "oauth_service.models"),
    ("layers", "oauth_service/models/client.py", "oauth_service.tokens.issue"),
    ("layers", "oauth_service/tokens/issue.py", "oauth_service.web.programs"),
    ("layers", "oauth_service/web/pages.py", "oauth_service.tokens.issue"),
    ("layers", "oauth_service/watch/audit.py", "oauth_service.clients"),
    ("layers", "oauth_service/clients/authentication.py", "oauth_service.people.sign_in"),
    ("layers", "oauth_service/grant_types/refresh_token.py", "oauth_service.resources.protect"),
    ("layers", "oauth_service/resources/protect.py", "oauth_service.endpoints.userinfo"),
    ("layers", "oauth_service/endpoints/token.py", "oauth_service.urls"),
    ("layers", "oauth_service/openapi/endpoints.py", "oauth_service.models"),
    ("layers", "oauth_service/guard/throttle.py", "oauth_service.clients"),
    ("layers", "oauth_service/guard/failure_counts.py", "oauth_service.web.programs"),
    ("endpoints", "oauth_service/endpoints/token.py", "oauth_service.endpoints.revoke"),
    ("grant_types", "oauth_service/grant_types/refresh_token.py", "oauth_service.grant_types.authorization_code"),
    ("pure", "oauth_service/protocol/pkce.py", "django.conf"),
    ("pure", "oauth_service/openapi/endpoints.py", "django.conf"),
    ("pure", "oauth_service/watch/doctor/outside.py", "django.conf"),
    ("pure", "oauth_service/protocol/client_authentication.py", "limits"),
    ("reusable", "oauth_service/http.py", "authlib"),
    ("reusable", "oauth_service/guard/throttle.py", "requests"),
    ("reusable", "oauth_service/conf.py", "config.sites"),
    ("reusable", "oauth_service/resources/protect.py", "rest_framework.views"),
    ("reusable", "oauth_service/resources/requirement.py", "ninja"),
    ("strangers", "prescription_manager_app/oauth.py", "oauth_service.protocol.pkce"),
    ("strangers", "oauth_service/http.py", "prescription_manager_app"),
    ("simulation", "simulation/play.py", "django.conf"),
    ("simulation", "simulation/exchange.py", "prescription_manager_app.conf"),
]

# Folders whose code takes and returns plain values. import-linter cannot name a subpackage of another package.
WITHOUT_HTTP = ("authorization", "clients", "grant_types", "tokens")


def lint(root: Path, *arguments: str) -> tuple[bool, str]:
    """
    Check the packages in a folder against its contracts; return whether they are kept, and import-linter's output.
    """
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo", *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def broken(folder: Path, forbidden: list[tuple[str, str, str]]) -> str:
    """Output of import-linter for a copy of the packages with all of these imports at once."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "static"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for _contract, file, imported in forbidden:
        with (folder / file).open("a") as module:
            module.write(f"\nimport {imported}\n")
    kept, said = lint(folder)
    assert not kept
    return said


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Output for all forbidden imports at once, because each run of import-linter takes seconds."""
    return broken(tmp_path_factory.mktemp("broken"), FORBIDDEN)


def test_the_contracts_are_kept() -> None:
    """`make lint` checks the same."""
    kept, said = lint(ROOT)
    assert kept, said


@pytest.mark.parametrize(
    ("contract", "file", "imported"), FORBIDDEN, ids=[f"{contract}-{file}" for contract, file, _ in FORBIDDEN]
)
def test_a_forbidden_import_breaks_the_contract(said: str, contract: str, file: str, imported: str) -> None:
    """A contract that nothing can break protects nothing."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    [name] = [each["name"] for each in settings["tool"]["importlinter"]["contracts"] if each["id"] == contract]
    [of_contract] = re.findall(rf"^{re.escape(name)}\n-+\n(.*?)(?=^\S[^\n]*\n-+\n|\Z)", said, re.MULTILINE | re.DOTALL)
    module = file.removesuffix(".py").replace("/", ".")
    # Third-party packages are one module each.
    target = imported if imported.startswith(PACKAGES) else imported.partition(".")[0]
    assert re.search(rf"{re.escape(module)}\s+->\s+{re.escape(target)}\s+\(l\.", of_contract), of_contract


def test_a_module_without_a_place_breaks_the_contract(tmp_path: Path) -> None:
    """A developer who adds a module has to choose its layer."""
    said = broken(tmp_path, [("layers", "oauth_service/nowhere.py", "oauth_service.conf")])
    assert "oauth_service.nowhere" in said


def test_every_contract_is_seen_to_break() -> None:
    """A developer who adds a contract must add an import that it forbids."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = {contract["id"] for contract in settings["tool"]["importlinter"]["contracts"]}
    assert contracts == {contract for contract, _file, _imported in FORBIDDEN}


def imports_django_http(source: str) -> bool:
    """Return whether a module imports anything of django.http."""
    return any(
        (node.module or "").startswith("django.http")
        or (node.module == "django" and "http" in [a.name for a in node.names])
        if isinstance(node, ast.ImportFrom)
        else any(alias.name.startswith("django.http") for alias in node.names)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.Import, ast.ImportFrom))
    )


@pytest.mark.parametrize("room", WITHOUT_HTTP)
def test_flows_know_no_requests_and_responses_of_django(room: str) -> None:
    """Otherwise this code could not serve both the fast path and Django's handler."""
    modules = (ROOT / "oauth_service" / room).rglob("*.py")
    assert [path.name for path in modules if imports_django_http(path.read_text())] == []


@pytest.mark.parametrize(
    "line", ["import django.http", "from django.http import HttpRequest", "from django import http"]
)
def test_an_import_of_django_http_is_seen(line: str) -> None:
    """Otherwise the test above could not fail."""
    assert imports_django_http(line)


@pytest.mark.parametrize(
    "module",
    [
        "oauth_service.wsgi",
        "oauth_service.web.reports",
        "config.server.wsgi_direct",
        "config.server.wsgi",
    ],
)
def test_what_a_server_or_settings_import_needs_no_app_registry(module: str) -> None:
    """A project's wsgi.py imports the fast path, and its settings the report filters, before Django is set up."""
    script = f"import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'tests.settings'; import {module}"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
