"""The wheel works in a fresh project with no more than the additions of README.md."""

import re
import secrets
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from config.sites import ROOT
from oauth_service.protocol.pkce import challenge_of
from tests.architecture.tree import tracked
from tests.guide import query_of
from tests.packaging.conftest import Once
from tests.packaging.fresh_project import (
    PASSWORD,
    PROTECTED,
    FreshProject,
    commands,
    follow_the_readme,
    lines_for,
    submit,
)

REDIRECT_URI = "https://app.example.com/callback"


@pytest.fixture(scope="module")
def project(once: Once, wheel: Path) -> FreshProject:
    """A fresh project, with the additions of README.md."""
    return once("project", lambda folder: follow_the_readme(wheel, folder))


# -- the wheel ---------------------------------------------------------------------------------------------------------


def test_the_wheel_is_the_package_no_more_and_no_less(wheel: Path) -> None:
    """The wheel has templates, styles, migrations and py.typed, but no tests, no sites and no client application."""
    package = {path.relative_to(ROOT).as_posix() for path in tracked() if path.is_relative_to(ROOT / "oauth_service")}
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == package


@pytest.mark.parametrize(
    "file",
    [
        "py.typed",
        "migrations/0001_initial.py",
        "static/oauth_service/style.css",
        "templates/admin/oauth_service/client/secret.html",
        "templates/oauth_service/consent.html",
    ],
)
def test_what_is_easily_forgotten_is_in_the_wheel(wheel: Path, file: str) -> None:
    """Wheels leave out these kinds of files by default, and the comparison above would also hold for two empty sets."""
    assert f"oauth_service/{file}" in zipfile.ZipFile(wheel).namelist()


def test_the_wheel_carries_its_license(wheel: Path) -> None:
    """BSD-3-Clause: "Redistributions ... must reproduce the above copyright notice"."""
    [carried] = [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith("/LICENSE")]
    assert zipfile.ZipFile(wheel).read(carried) == (ROOT / "LICENSE").read_bytes()


# -- a fresh project ---------------------------------------------------------------------------------------------------


def test_it_takes_five_lines() -> None:
    """README.md says five, and must count right."""
    lines = [line for file in ("settings.py", "urls.py") for line in lines_for(file).splitlines() if line]
    assert len(lines) == 5


def test_the_readme_migrates_and_registers_a_client() -> None:
    """The five lines alone give a server that answers no one."""
    assert [arguments[:2] for arguments in commands()] == [["manage.py", "migrate"], ["manage.py", "create_client"]]


def test_the_fresh_project_has_nothing_to_complain_of(project: FreshProject) -> None:
    """Our system checks run, and find nothing missing."""
    assert project.run("manage.py", "check", "--fail-level", "WARNING") == (
        "System check identified no issues (0 silenced).\n"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """An app that Alice has allowed: the response to its request, its tokens, and its server."""

    answer: dict[str, str]
    tokens: dict[str, str]
    site: str

    def ask(self, path: str, *, access_token: str = "") -> httpx.Response:
        """A request of the app, with or without an access token."""
        headers = {"Authorization": f"Bearer {access_token}"} if access_token else {}
        return httpx.get(f"{self.site}/{path}", headers=headers, trust_env=False)


@pytest.fixture(scope="module")
def connected(once: Once, project: FreshProject) -> Iterator[Connected]:
    """Alice signs in, reads the consent page and allows the app, over HTTP, in the project that has only the wheel."""
    with project.serving() as site:
        answer, tokens = once("connected", lambda _folder: connect(project, site))
        yield Connected(answer=answer, tokens=tokens, site=site)


def connect(project: FreshProject, site: str) -> tuple[dict[str, str], dict[str, str]]:
    """Connect the app; return the response to its request, and its tokens."""
    project.run("manage.py", "createsuperuser", "--noinput", "--username=alice", "--email=alice@example.com")
    client_id, client_secret = re.findall(r"client_(?:id|secret) +(\S+)", project.said["create_client"])
    verifier = secrets.token_urlsafe(32)
    asked = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": REDIRECT_URI,
        "scope": "user profile",
        "state": "xyzABC123",
        "code_challenge": challenge_of(verifier),
        "code_challenge_method": "S256",
    }
    with httpx.Client(base_url=site, trust_env=False) as browser:
        login_page = browser.get("/authorise/", params=asked, follow_redirects=True)
        signed_in = submit(browser, login_page, "Sign in", username="alice", password=PASSWORD)
        allowed = submit(browser, browser.get(signed_in.headers["Location"]), "Allow")
    answer = query_of(allowed.headers["Location"])
    exchange = {"grant_type": "authorization_code", "code": answer["code"], "redirect_uri": REDIRECT_URI}
    tokens = httpx.post(
        f"{site}/token/",
        data=exchange | {"code_verifier": verifier},
        auth=(client_id, client_secret),
        trust_env=False,
    )
    return answer, tokens.json()


def test_the_app_is_answered_in_the_name_of_the_issuer(connected: Connected) -> None:
    """The response names the issuer that README.md sets (RFC 9207)."""
    [issuer] = re.findall(r'OAUTH_SERVICE_ISSUER = "(.+)"', lines_for("settings.py"))
    assert (connected.answer["state"], connected.answer["iss"]) == ("xyzABC123", issuer)


def test_the_app_learns_who_connected_it(connected: Connected) -> None:
    """Login, consent, code, tokens and userinfo are the reason to install the package."""
    told = connected.ask("userinfo/", access_token=connected.tokens["access_token"]).json()
    assert (told["username"], told["email"]) == ("alice", "alice@example.com")


def test_a_view_behind_protect_knows_user_and_app(connected: Connected) -> None:
    """README.md shows this view."""
    told = connected.ask(PROTECTED, access_token=connected.tokens["access_token"]).json()
    assert (told["patient"], set(told)) == ("alice", {"patient", "asked_by"})


def test_a_view_behind_protect_is_shut_without_a_token(connected: Connected) -> None:
    """README.md says so."""
    assert connected.ask(PROTECTED).status_code == 401


def test_the_pages_find_their_styles(connected: Connected) -> None:
    """Django's own finder finds the static files of the installed app."""
    assert connected.ask("static/oauth_service/style.css").headers["Content-Type"] == "text/css"
