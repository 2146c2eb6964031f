"""MCP: the example's server and third-party servers, with unmodified SDKs, each in a process of its own."""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from config.processes import START_SECONDS, is_listening
from config.sites import ROOT, Sites
from examples.running import EXAMPLES, OWN_PYTHON, serving
from tests.authority import HOST, Authority
from tests.journeys.client_document import Document, published
from tests.journeys.stage import free_port, manage
from tests.journeys.strangers.browser import Browser
from tests.journeys.test_strangers import registered

pytestmark = pytest.mark.journey

STRANGERS = ROOT / "tests/journeys/strangers"
PYTHON = STRANGERS / "mcp/.venv/bin/python"
REDIRECT_URI = "http://127.0.0.1:33418/callback"  # nothing listens there: the test is the browser
WARY = "tests.journeys.strangers.recent_sign_in"
READ, BOTH = "prescriptions:read", "prescriptions:read prescriptions:order"

# TypeScript 1.x does not ask for more scope while it holds a refresh token: it renews, and gives up.
SDKS = {
    "python": ([str(PYTHON), "mcp/mcp_client.py"], {}, ["authorization_code", "refresh_token"]),
    "typescript 1": (["node", "node/mcp_client.mjs"], {"version": 1}, ["authorization_code"]),
    "typescript 2": (["node", "node/mcp_client.mjs"], {"version": 2}, ["authorization_code", "refresh_token"]),
}
EACH_SDK = pytest.mark.parametrize(
    "sdk", [pytest.param(sdk, marks=[pytest.mark.node] if "typescript" in sdk else []) for sdk in SDKS]
)


@pytest.fixture(scope="module")
def mcp_url(sites: Sites) -> Iterator[str]:
    """The example, as `make run-mcp` starts it."""
    with (
        (sites.state_dir / "mcp.log").open("w") as log,
        serving(EXAMPLES["mcp"], sites, port=free_port(), output=log) as url,
    ):
        yield url


class Stranger:
    """
    A program that prints a URL for the user and reads the browser's redirect; the browser is Alice's, who allows it.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.visits = 0
        self.alice = Browser()

    def hears(self, **members: object) -> None:
        """Write one line."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps(members) + "\n")
        self.process.stdin.flush()

    def says(self) -> dict[str, Any]:
        """Read one line."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, f"it ended: {self.process.wait()}"
        members: dict[str, Any] = json.loads(line)
        return members

    def calls(self, tool: str, **arguments: str) -> dict[str, Any]:
        """Call a tool and return the result; Alice allows what the client asks for on the way."""
        self.hears(call=tool, arguments=arguments)
        while "visit" in (said := self.says()):
            self.visits += 1
            self.hears(arrived=self.alice.allows(said["visit"], REDIRECT_URI))
        return said


@contextmanager
def stranger(sites: Sites, command: list[str], **told: object) -> Iterator[Stranger]:
    """A program that runs until the block ends; its standard error is in a file beside the sites' log."""
    with (
        (sites.state_dir / "strangers.log").open("a") as log,
        subprocess.Popen(
            command, cwd=STRANGERS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        program = Stranger(process)
        program.hears(**told)
        try:
            yield program
        finally:
            process.kill()


@contextmanager
def client(sites: Sites, sdk: str, url: str, **told: object) -> Iterator[Stranger]:
    """A client made with an SDK."""
    command, own, grant_types = SDKS[sdk]
    metadata = {
        "client_name": f"Stranger with {sdk}",
        "redirect_uris": [REDIRECT_URI],
        "grant_types": grant_types,
        "token_endpoint_auth_method": "none",
    }
    with stranger(sites, command, url=url, metadata=metadata, **own, **told) as program:
        yield program


def pre_registered(sites: Sites, *options: str) -> dict[str, str]:
    """A public client that the operator has registered; SDKs also ask for offline_access if the server knows it."""
    scope = f"{BOTH} offline_access"
    told = registered(sites, "http://127.0.0.1/callback", "--public", "--native", "--scope", scope, *options)
    return {"client_id": told["client_id"]}


@EACH_SDK
def test_a_client_that_nobody_knows_finds_its_way(sites: Sites, mcp_url: str, sdk: str) -> None:
    """
    The client goes from the 401 to metadata, registration, consent and the tool, and then to more scope for another
    tool.
    """
    with client(sites, sdk, mcp_url) as program:
        listed = program.calls("list_prescriptions")
        assert listed["result"]["medicine"] == "Drink-me bottle, shrinking"
        assert (set(listed["scope"].split()) - {"offline_access"}, program.visits) == ({READ}, 1)
        ordered = program.calls("order_refill", number="1")
        assert ordered["result"]["number"] == "1", ordered
        assert (set(ordered["scope"].split()) - {"offline_access"}, program.visits) == (set(BOTH.split()), 2)
        assert program.calls("list_prescriptions")["token"] == ordered["token"]


@EACH_SDK
def test_a_client_of_the_operators(sites: Sites, mcp_url: str, sdk: str) -> None:
    """The operator has registered this client. It does not register itself, and may use any loopback port."""
    with client(sites, sdk, mcp_url, client=pre_registered(sites)) as program:
        assert program.calls("list_prescriptions")["result"]["number"] == "1"


@EACH_SDK
def test_a_token_that_has_expired_is_renewed_without_the_person(sites: Sites, mcp_url: str, sdk: str) -> None:
    """Alice allows once, and the SDK then refreshes by itself."""
    short = pre_registered(sites, "--access-token-lifetime", "8")
    with client(sites, sdk, mcp_url, client=short) as program:
        first = program.calls("list_prescriptions")
        time.sleep(9)
        second = program.calls("list_prescriptions")
        assert second["result"] == first["result"]
        assert (second["token"] != first["token"], program.visits) == (True, 1)


@EACH_SDK
def test_what_a_person_ends_has_ended_at_the_next_call(sites: Sites, mcp_url: str, sdk: str) -> None:
    """After “Manage Connected Apps” the MCP server sees that the token is inactive, and the client asks Alice again."""
    with client(sites, sdk, mcp_url) as program:
        program.calls("list_prescriptions")
        program.alice.disconnects(f"{sites.server_url}/manage-apps/")
        program.hears(call="list_prescriptions", arguments={})
        assert program.says()["visit"].startswith(f"{sites.server_url}/authorise/?")


@pytest.fixture(scope="module")
def wary_url(sites: Sites) -> Iterator[str]:
    """The example with a guard that wants a recent sign-in."""
    command = tuple(word.replace("examples.mcp_server", WARY) for word in EXAMPLES["mcp"].command)
    example = replace(EXAMPLES["mcp"], command=command)
    with (
        (sites.state_dir / "wary.log").open("w") as log,
        serving(example, sites, port=free_port(), output=log) as url,
    ):
        yield url


@EACH_SDK
def test_a_recent_sign_in_is_more_than_an_sdk_can_ask_for(sites: Sites, wary_url: str, sdk: str) -> None:
    """
    insufficient_user_authentication names max_age, but no SDK sends it: they ask Alice once, and give up after that.
    """
    with client(sites, sdk, wary_url) as program:
        said = program.calls("list_prescriptions")
        assert "refused" in said, said
        assert 1 <= program.visits <= 2


def test_fastmcps_client(sites: Sites, mcp_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client itself opens a browser and waits for the redirect."""
    monkeypatch.setenv("BROWSER", f"{sys.executable} -m tests.journeys.strangers.alice_clicks %s &")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with stranger(sites, [str(PYTHON), "mcp/fastmcp_client.py"], url=mcp_url) as program:
        assert program.calls("list_prescriptions")["result"]["number"] == "1"


def test_the_examples_own_client(mcp_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test runs the command that `make run-mcp` prints."""
    said = run_example_client(OWN_PYTHON, "examples.mcp_client", mcp_url, monkeypatch)
    assert re.findall(r"^(\S+): ", said, re.MULTILINE) == ["list_prescriptions", "order_refill", "prescriptions://1"]


def run_example_client(python: Any, module: str, url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Output of a client of the examples, for an Alice who allows everything."""
    monkeypatch.setenv("BROWSER", f"{sys.executable} -m tests.journeys.strangers.alice_clicks %s &")
    done = subprocess.run(
        [str(python), "-m", module, url], cwd=ROOT, capture_output=True, text=True, check=False, timeout=180
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_the_rest_api_and_its_client(sites: Sites, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    `make run-api` starts the API and prints the command: the client reads, is refused, and orders with more scope.
    """
    with (
        (sites.state_dir / "api.log").open("w") as log,
        serving(EXAMPLES["api"], sites, port=free_port(), output=log) as url,
    ):
        said = run_example_client(sys.executable, "examples.api_client", url, monkeypatch)
    read, refused, ordered = re.findall(r"^(?:GET|POST) .*$", said, re.MULTILINE)
    assert "Drink-me bottle" in read
    assert ": 403 " in refused
    assert "insufficient_scope" in refused
    assert '"refills":10' in ordered


def wait_for(process: "subprocess.Popen[Any]", port: int) -> None:
    """Wait until a server listens."""
    deadline = time.monotonic() + 4 * START_SECONDS  # FastMCP starts slowly on a busy machine
    while not is_listening(port):
        assert process.poll() is None, "it ended; its log says why"
        assert time.monotonic() < deadline
        time.sleep(0.1)


# -- clients with a document at their client_id, which all of these SDKs support ---------------------------------------


@pytest.fixture
def document(authority: Authority, tmp_path: Path) -> Iterator[Document]:
    """Document of a client on a site whose certificate the server trusts."""
    with published(authority, tmp_path) as document:
        yield document


@contextmanager
def documented(sites: Sites, sdk: str, url: str, document: Document) -> Iterator[Stranger]:
    """A client made with an SDK that has a document, and could also register itself."""
    document.describes(f"Documented with {sdk}", grant_types=SDKS[sdk][2])
    with client(sites, sdk, url, metadata_url=document.client_id) as program:
        yield program


def introspected(sites: Sites, token: str) -> dict[str, Any]:
    """Introspection response of a token for the MCP server of the example."""
    itself = EXAMPLES["mcp"].client
    answer = requests.post(
        f"{sites.server_url}/introspect/",
        {"token": token},
        auth=(itself, f"{itself.upper()}_SECRET"),
        proxies={"http": ""},
        timeout=60,
    )
    members: dict[str, Any] = answer.json()
    return members


@EACH_SDK
def test_a_client_with_a_document_registers_nothing(sites: Sites, mcp_url: str, document: Document, sdk: str) -> None:
    """The client_id is the URL. The server reads the document once, and the client may use any loopback port."""
    log = sites.state_dir / "log"
    before = len(log.read_text())
    with documented(sites, sdk, mcp_url, document) as program:
        listed = program.calls("list_prescriptions")
        assert listed["result"]["medicine"] == "Drink-me bottle, shrinking", listed
        ordered = program.calls("order_refill", number="1")
        assert ordered["result"]["number"] == "1", ordered
    assert (document.asked, program.visits) == ([document.path], 2)
    asked = set(re.findall(r'"([A-Z]+ /[^ ?]*)', log.read_text()[before:]))
    assert "POST /token/" in asked
    assert "POST /register/" not in asked


@EACH_SDK
def test_a_person_sees_whose_document_it_is(sites: Sites, mcp_url: str, document: Document, sdk: str) -> None:
    """The document proves the host. The token that Alice allows is for this API, and its client_id is the document."""
    with documented(sites, sdk, mcp_url, document) as program:
        program.hears(call="list_prescriptions", arguments={})
        url = program.says()["visit"]
        asks = dict(parse_qsl(urlsplit(url).query))
        assert (asks["client_id"], asks["redirect_uri"]) == (document.client_id, REDIRECT_URI)
        page = program.alice.sees(url)
        assert f'It belongs to <bdi dir="ltr">{HOST}</bdi>' in page
        assert document.members["client_name"] in page
        program.hears(arrived=program.alice.allows(url, REDIRECT_URI))
        said = program.says()
        assert set(said["scope"].split()) - {"offline_access"} == {READ}
        known = introspected(sites, said["token"])
    assert (known["active"], known["client_id"], known["aud"]) == (True, document.client_id, mcp_url)


@EACH_SDK
def test_what_a_person_ends_of_a_document_has_ended_at_the_next_call(
    sites: Sites, mcp_url: str, document: Document, sdk: str
) -> None:
    """“Manage Connected Apps” lists the client like any other, and the client asks Alice again."""
    with documented(sites, sdk, mcp_url, document) as program:
        assert "result" in program.calls("list_prescriptions")
        program.alice.disconnects(f"{sites.server_url}/manage-apps/")
        program.hears(call="list_prescriptions", arguments={})
        assert program.says()["visit"].startswith(f"{sites.server_url}/authorise/?")


def test_fastmcps_client_with_a_document(
    sites: Sites, mcp_url: str, document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client listens on a free port of localhost, by name."""
    document.describes("Documented with FastMCP", grant_types=("authorization_code", "refresh_token"))
    monkeypatch.setenv("BROWSER", f"{sys.executable} -m tests.journeys.strangers.alice_clicks %s &")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    told = {"url": mcp_url, "metadata_url": document.client_id}
    with stranger(sites, [str(PYTHON), "mcp/fastmcp_client.py"], **told) as program:
        assert program.calls("list_prescriptions")["result"]["number"] == "1"
    assert document.asked == [document.path]


def test_a_document_of_a_site_without_a_certificate_that_is_trusted(sites: Sites, mcp_url: str, tmp_path: Path) -> None:
    """
    An attacker could have written the document: the server does not ask the user, and with DEBUG the page says why.
    """
    with (
        published(Authority(tmp_path), tmp_path) as document,
        documented(sites, "python", mcp_url, document) as program,
    ):
        program.hears(call="list_prescriptions", arguments={})
        page = program.alice.sees(program.says()["visit"])
    assert "Nothing has been shared." in page
    assert "certificate verify failed" in page
    assert document.asked == []


# -- servers that we did not write -------------------------------------------------------------------------------------


@contextmanager
def server(sites: Sites, program: str, *options: str, **environment: str) -> Iterator[str]:
    """A third-party MCP server, registered as an API; yield its URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/mcp"
    manage(
        sites, "create_resource", url, "--name", "Notes", "--for-all", "--scope", "notes:read=See your notes", *options
    )
    asks = ("--grant-type", "client_credentials", "--introspection-resource", url)
    said = manage(sites, "create_client", "--name", "Notes server", *asks)
    told = dict(line.split() for line in said.splitlines() if line.startswith("client_"))
    own = {
        "ISSUER": sites.server_url,
        "PORT": str(port),
        "CLIENT_ID": told["client_id"],
        "CLIENT_SECRET": told["client_secret"],
    }
    with (sites.state_dir / "strangers.log").open("a") as log:
        process = subprocess.Popen(
            [PYTHON, program], cwd=STRANGERS, env={**os.environ, **own, **environment}, stdout=log, stderr=log
        )
        try:
            wait_for(process, port)
            yield url
        finally:
            process.kill()
            process.wait()


def assert_it_knows_alice(said: Mapping[str, Any]) -> None:
    """Check what a separate API learns about Alice."""
    assert "notes:read" in said["result"]["scopes"], said
    assert said["result"]["sub"]


def test_a_server_with_the_python_sdks_own_middleware(sites: Sites) -> None:
    """The server introspects as in the SDK's example; a client of the same SDK connects."""
    with server(sites, "mcp/mcp_server.py") as url, client(sites, "python", url) as program:
        assert_it_knows_alice(program.calls("who"))


@pytest.mark.parametrize("verifies", ["introspection", "jwt"])
def test_a_server_with_fastmcp(sites: Sites, verifies: str) -> None:
    """FastMCP uses its introspection verifier, or its JWT verifier and the keys of this server."""
    options = ("--token-format", "jwt") if verifies == "jwt" else ()
    with (
        server(sites, "mcp/fastmcp_server.py", *options, VERIFIES=verifies) as url,
        client(sites, "python", url) as program,
    ):
        assert_it_knows_alice(program.calls("who"))


# -- docs/mcp.md -------------------------------------------------------------------------------------------------------

PAGE = (ROOT / "docs/mcp.md").read_text().partition("\n## Your own\n")[2].partition("\n## ")[0]


def fenced(language: str) -> list[str]:
    """Code blocks of the section in which readers create a project."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def commands_of_the_page() -> list[list[str]]:
    """Each command, word by word; continued lines are joined."""
    return [shlex.split(line) for block in fenced("sh") for line in block.replace("\\\n", " ").splitlines()]


def test_a_project_made_as_the_page_says_is_an_mcp_server(sites: Sites, tmp_path: Path) -> None:
    """The test runs every command and writes every file; it only changes the port and skips the installation."""
    port = free_port()
    own = {
        "PYTHONPATH": str(ROOT),
        "DJANGO_SUPERUSER_PASSWORD": "wonderland",
        "DJANGO_SUPERUSER_EMAIL": "a@example.com",
    }
    inherited = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    environment = inherited | own | {"DJANGO_SUPERUSER_USERNAME": "alice"}

    def run(*command: str) -> None:
        done = subprocess.run(
            [OWN_PYTHON, *command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    install, start, *commands, serve = commands_of_the_page()
    assert (install[:2], start[0], serve[0]) == (["pip", "install"], "django-admin", "uvicorn")
    run("-m", "django", *start[1:])
    for block in fenced("python"):
        path = tmp_path / block.splitlines()[0].removeprefix("# ")
        there = path.read_text() if path.name != "asgi.py" else ""
        path.write_text(there + "\n" + block.replace("localhost:8000", f"localhost:{port}"))
    for command in commands:
        assert command[:2] == ["python", "manage.py"]
        asked = ["--no-input"] if "createsuperuser" in command else []
        run(*(word.replace(":8000", f":{port}") for word in command[1:]), *asked)
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [OWN_PYTHON, "-m", *serve[:-1], str(port)], cwd=tmp_path, env=environment, stdout=log, stderr=log
        )
        try:
            wait_for(process, port)
            with client(sites, "python", f"http://localhost:{port}/mcp") as program:
                assert program.calls("list_notes")["scope"].split()[:1] == ["notes:read"]
                program.hears(call="add_note", arguments={"text": "late"})
                program.hears(arrived=program.alice.allows(program.says()["visit"], REDIRECT_URI))
                assert "result" in program.says()
        finally:
            process.kill()
            process.wait()
