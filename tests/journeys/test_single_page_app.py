"""The JavaScript of docs/single-page-app.md, run word by word by Node.js against a server."""

import json
import shlex
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import pytest

from tests.packaging import guides
from tests.packaging.fresh_project import PASSWORD, submit
from tests.packaging.guides import Project

pytestmark = [pytest.mark.journey, pytest.mark.node]

# Storage and an address, as in a browser. The first line of input is the address of the response.
AROUND = """
import { createInterface } from 'node:readline/promises'
const kept = {}
globalThis.sessionStorage = {
  setItem: (name, value) => (kept[name] = value),
  getItem: (name) => kept[name],
  removeItem: (name) => delete kept[name],
}
globalThis.location = { assign: (url) => console.log(url), search: '' }
const app = await import(process.argv[2])
await app.begin()
location.search = await createInterface({ input: process.stdin }).question('')
const tokens = await app.finish()
console.log(JSON.stringify([tokens, await app.renew(tokens.refresh_token)]))
process.exit()
"""


def test_the_lines_of_the_page_get_a_token_and_renew_it(tmp_path: Path) -> None:
    """The app has no library: PKCE by Web Crypto, the response checked, the code exchanged, the tokens renewed."""
    project = Project(tmp_path)
    project.run("manage.py", "migrate", "--verbosity=0")
    project.run("manage.py", "createsuperuser", "--noinput", "--username=alice", "--email=alice@example.com")
    [command] = guides.commands("single-page-app.md")
    [client_id] = [
        line.split()[1] for line in project.run(*shlex.split(command)[1:]).splitlines() if "client_id  " in line
    ]
    [code] = [code for language, code in guides.blocks("single-page-app.md") if language == "js"]
    with project.serving() as site:
        (tmp_path / "app.mjs").write_text(
            code.replace("http://localhost:8000", site).replace("THE_CLIENT_ID", client_id)
        )
        (tmp_path / "around.mjs").write_text(AROUND)
        with subprocess.Popen(
            ["node", str(tmp_path / "around.mjs"), str(tmp_path / "app.mjs")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as app:
            assert app.stdout
            address = app.stdout.readline().strip()
            answer = allow(address, site)
            said, _ = app.communicate(f"?{urlsplit(answer).query}\n", timeout=60)
    tokens, renewed = json.loads(said.strip().splitlines()[-1])
    assert parse_qs(urlsplit(address).query)["code_challenge_method"] == ["S256"]
    assert (tokens["scope"], renewed["scope"]) == ("profile", "profile")
    assert renewed["refresh_token"] != tokens["refresh_token"]


def allow(address: str, site: str) -> str:
    """Sign in and allow; return the address of the final redirect."""
    with httpx.Client(trust_env=False) as browser:
        login = browser.get(address, follow_redirects=True)
        signed_in = submit(browser, login, "Sign in", username="alice", password=PASSWORD)
        consent = browser.get(urljoin(site, signed_in.headers["Location"]))
        return str(submit(browser, consent, "Allow").headers["Location"])
