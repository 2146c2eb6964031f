"""A real nginx runs deploy/nginx.conf: it ends TLS, and the server behind it sees each request as it was sent."""

import contextlib
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from config.processes import is_listening
from config.sites import ROOT
from tests.authority import Authority
from tests.production import nginx, sign_ins
from tests.production.deployment import PASSWORD, REDIRECT_URI, Deployment, Served, eventually, free_port, serving

CLIENT_SECONDS = 2  # the file says ten

pytestmark = [pytest.mark.production, pytest.mark.nginx]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The server behind nginx. `http` speaks to nginx and trusts the authority of its certificate."""

    served: Served
    folder: Path
    authority: Path
    https_port: int
    http_port: int
    http: httpx.Client

    @property
    def issuer(self) -> str:
        return f"https://localhost:{self.https_port}"

    @property
    def access_log(self) -> list[dict[str, str]]:
        """Entries of nginx's access log."""
        return [json.loads(line) for line in (self.folder / "access.log").read_text().splitlines()]

    def noted(self, answer: httpx.Response) -> list[dict[str, str]]:
        """Entries of the access log for a response. nginx writes them after sending it; [] if it never does."""
        request_id = answer.headers["x-request-id"]
        return eventually(lambda: [line for line in self.access_log if line["request_id"] == request_id])


@pytest.fixture(scope="module")
def site(on_postgres: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The setup of docs/deploy.md, with ports of its own and a new certificate."""
    folder = tmp_path_factory.mktemp("nginx")
    https_port, http_port = free_port(), free_port()
    authority = Authority(folder)
    authority.certify(folder)
    environment = on_postgres.environment(
        OAUTH_SERVICE_ISSUER=f"https://localhost:{https_port}", TRUSTED_PROXIES="127.0.0.1"
    )
    with serving(environment, log_path=folder / "server.log") as served:
        ports = {"8000": environment["SERVE_PORT"], "80": str(http_port), "443": str(https_port)}
        process = subprocess.Popen([nginx.path(), "-e", "stderr", "-c", str(configuration(folder, ports))])
        try:
            eventually(lambda: process.poll() is not None or is_listening(https_port))
            trust = ssl.create_default_context(cafile=str(authority.path))
            with httpx.Client(base_url=f"https://localhost:{https_port}", verify=trust, timeout=20) as http:
                yield Site(
                    served=served,
                    folder=folder,
                    authority=authority.path,
                    https_port=https_port,
                    http_port=http_port,
                    http=http,
                )
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture(autouse=True)
def as_a_stranger(site: Site) -> None:
    """Sign out any user of an earlier test."""
    site.http.cookies.clear()


def configuration(folder: Path, ports: dict[str, str]) -> Path:
    """The example as part of a main configuration that uses only its own folder and this machine's loopback."""
    text = (ROOT / "deploy/nginx.conf").read_text()
    text = re.sub(r"\n *listen \[::\].*", "", text)  # some machines that run the tests have no IPv6
    text = re.sub(r"listen (80|443)\b", lambda found: f"listen 127.0.0.1:{ports[found[1]]}", text)
    for stated, here in {
        "127.0.0.1:8000": f"127.0.0.1:{ports['8000']}",
        "auth.example.com": "localhost",
        "/etc/ssl/localhost": f"{folder}/localhost",
        "/var/log/nginx/oauth.log": f"{folder}/access.log",
        "client_header_timeout 10s": f"client_header_timeout {CLIENT_SECONDS}s",
        "client_body_timeout 10s": f"client_body_timeout {CLIENT_SECONDS}s",
    }.items():
        assert stated in text
        text = text.replace(stated, here)
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""  # otherwise its workers could not enter the test's folder
    path = folder / "nginx.conf"
    path.write_text(f"{user}daemon off;\npid {folder}/pid;\nevents {{}}\nhttp {{\n{temporary}{text}}}\n")
    return path


def test_the_whole_lifecycle(site: Site, on_postgres: Deployment) -> None:
    """`manage.py simulate` compares every message with the guide, over https and through the proxy."""
    command = [sys.executable, "manage.py", "simulate", "--server-url", site.issuer, "--redirect-uri", REDIRECT_URI]
    environment = {
        "PATH": os.environ["PATH"],
        "STATE_DIR": str(site.folder),
        "SSL_CERT_FILE": str(site.authority),
        "OAUTH_CLIENT_ID": "presc_man_123",
        "OAUTH_CLIENT_SECRET": on_postgres.client_secret,
        "SIMULATE_PASSWORD": PASSWORD,
    }
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:] + site.served.log[-3000:]


def test_the_issuer_is_the_url_under_which_it_is_reached(site: Site) -> None:
    """The address behind the proxy must not leak into the metadata."""
    metadata = site.http.get("/.well-known/oauth-authorization-server").json()
    assert metadata["issuer"] == site.issuer
    endpoints = {url for name, url in metadata.items() if name.endswith("_endpoint")}
    assert [url for url in endpoints if not url.startswith(f"{site.issuer}/")] == []


def test_http_leads_to_https(site: Site) -> None:
    """The redirect keeps path and query."""
    answer = httpx.get(f"http://localhost:{site.http_port}/authorise/?state=a%20b")
    assert (answer.status_code, answer.headers["location"]) == (301, "https://localhost/authorise/?state=a%20b")


def test_a_request_that_says_it_was_https_is_not_believed(site: Site) -> None:
    """Anyone who reaches the server's own port can send this header."""
    headers = {"X-Forwarded-Proto": "https", "Host": f"localhost:{site.https_port}"}
    environment = site.served.environment | {"SERVE_PORT": str(free_port()), "TRUSTED_PROXIES": "192.0.2.1"}
    with serving(environment, log_path=site.folder / "untrusting.log") as untrusting:
        answer = untrusting.http.get("/login/", headers=headers)
    assert (answer.status_code, answer.headers["location"]) == (301, f"{site.issuer}/login/")


def test_cookies_travel_over_https_alone(site: Site) -> None:
    """Both cookies are Secure, and the session cookie is HttpOnly."""
    page = site.http.get("/login/")
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert token
    form = {"username": "alice", "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
    signed_in = site.http.post("/login/", data=form, headers={"Referer": f"{site.issuer}/login/"})
    cookies = [*page.headers.get_list("set-cookie"), *signed_in.headers.get_list("set-cookie")]
    assert {cookie.strip().partition("=")[0] for cookie in cookies} == {"csrftoken", "sessionid"}
    assert [cookie for cookie in cookies if "; Secure" not in cookie or "SameSite=Lax" not in cookie] == []
    assert all("HttpOnly" in cookie for cookie in cookies if cookie.strip().startswith("sessionid="))


def test_a_form_from_elsewhere_is_refused(site: Site) -> None:
    """Over https Django checks the origin of a form, and accepts only the issuer's."""
    page = site.http.get("/login/")
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert token
    form = {"username": "alice", "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
    assert site.http.post("/login/", data=form, headers={"Origin": "https://evil.example"}).status_code == 403


def test_browsers_are_told_to_stay_with_https(site: Site) -> None:
    """HSTS lasts for a year, on pages, JSON and files."""
    for path in ("/login/", "/userinfo/", "/static/oauth_service/style.css"):
        assert site.http.get(path).headers["strict-transport-security"] == "max-age=31536000", path


@pytest.mark.parametrize("path", ["/token", "/userinfo", "/oauth/revoke", "/authorise", "/healthz"])
def test_both_forms_of_a_path_answer_without_a_redirect(site: Site, path: str) -> None:
    """Some clients follow no redirect, or turn a POST into a GET."""
    bare, slashed = site.http.options(path), site.http.options(f"{path}/")
    assert (bare.status_code, slashed.status_code) == (204, 204)


def test_a_request_that_is_never_whole_does_not_reach_the_server(site: Site) -> None:
    """A half-sent request costs only a connection of nginx, which hangs up. The server never sees it."""
    trust = ssl.create_default_context(cafile=str(site.authority))
    half = f"POST /token/ HTTP/1.1\r\nHost: localhost:{site.https_port}\r\nContent-Length: 50\r\n\r\na=b".encode()
    heard = len(site.served.log)
    with contextlib.ExitStack() as stack:
        connections = []
        for sent in (half, half[:40]) * 24:
            plain = stack.enter_context(socket.create_connection(("localhost", site.https_port), timeout=20))
            connection = stack.enter_context(trust.wrap_socket(plain, server_hostname="localhost"))
            connection.sendall(sent)
            connections.append(connection)
        assert site.http.get("/healthz", timeout=5).status_code == 200
        assert site.http.get("/userinfo/", timeout=5).status_code == 401
        started = time.monotonic()
        for connection in connections:
            with contextlib.suppress(OSError):
                while connection.recv(65_536):
                    pass
        assert time.monotonic() - started < CLIENT_SECONDS + 5
    assert "/token" not in site.served.log[heard:]


def test_people_sign_in_during_a_flood_of_random_names(site: Site) -> None:
    """nginx slows the flood down, and the server sees the address of each request."""
    trust = ssl.create_default_context(cafile=str(site.authority))
    heard = site.served.log.count("login_refused")
    with sign_ins.flood(site.issuer, trust=trust) as statuses:
        answers = [sign_ins.sign_in(site.issuer, trust=trust) for _ in range(15)]
    assert answers == [302] * 15
    assert statuses[429] > statuses[200]
    assert site.served.log.count("login_refused") - heard < sum(statuses.values())


def test_a_body_that_is_too_long_does_not_reach_the_server(site: Site) -> None:
    """nginx has the same limit as the server."""
    before = site.served.log
    answer = site.http.post("/token/", content=b"x=" + b"y" * 70_000, headers={"Content-Type": "text/plain"})
    assert (answer.status_code, site.served.log) == (413, before)


def test_a_long_authorization_request_gets_through(site: Site) -> None:
    """Authorization requests with state, PKCE and a long redirect_uri may be three kilobytes long."""
    assert site.http.get("/authorise/", params={"state": "s" * 3000}).status_code == 400


def test_the_request_id_is_the_proxys(site: Site) -> None:
    """The access log and the response have the same id. nginx ignores an id that a client sends."""
    answer = site.http.get("/healthz", headers={"X-Request-ID": "forged-by-client"})
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])
    assert site.noted(answer)


def test_it_is_the_reference_of_the_answer_and_of_its_log_lines(site: Site) -> None:
    """Support finds the log lines by the reference that a user reads out."""
    refused = site.http.get("/userinfo/")
    page = site.http.get("/authorise/", params={"client_id": "nobody"})
    forged = site.http.post("/login/", data={"username": "alice"})  # refused by Django before an endpoint is reached
    broken = site.http.get("/admin/", headers={"Host": "evil.example"})  # refused even before that
    references = [answer.headers["x-request-id"] for answer in (refused, page, forged, broken)]
    assert refused.json()["reference"] == references[0]
    assert f"<code>{references[1]}</code>" in page.text
    assert f"<code>{references[2]}</code>" in forged.text
    logged = {line.get("reference") for line in map(json.loads, site.served.log.splitlines())}
    assert set(references) <= logged


@pytest.mark.parametrize("dash", ["-", "_"])
def test_what_the_proxy_says_cannot_be_forged(site: Site, dash: str) -> None:
    """The server ignores forged headers, also under a name that WSGI maps to the same variable."""
    forged = {"X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil.example", "X-Request-ID": "chosen-by-client"}
    answer = site.http.get("/userinfo/", headers={name.replace("-", dash): value for name, value in forged.items()})
    # If they were believed, the response would be a redirect to https, refuse the host, or have this reference.
    assert (answer.status_code, answer.json()["reference"]) == (401, answer.headers["x-request-id"])


def test_what_is_for_the_operator_is_not_for_the_world(site: Site) -> None:
    """The endpoints for operators answer only on the server's own port."""
    outside = {path: site.http.get(path).status_code for path in ("/readyz", "/readyz/", "/metrics", "/healthz")}
    assert outside == {"/readyz": 404, "/readyz/": 404, "/metrics": 404, "/healthz": 200}
    assert site.served.http.get("/readyz").status_code == 200


def test_the_stylesheet_is_kept_for_ever_and_travels_compressed(site: Site) -> None:
    """The name of the file changes with its content."""
    page = site.http.get("/login/").text
    found = re.search(r'rel="stylesheet" href="(/static/oauth_service/style\.[0-9a-f]{12}\.css)"', page)
    assert found
    answer = site.http.get(found[1], headers={"Accept-Encoding": "gzip"})
    assert (answer.status_code, answer.headers["content-encoding"]) == (200, "gzip")
    assert "immutable" in answer.headers["cache-control"]


def test_no_query_is_in_the_access_log(site: Site) -> None:
    """Operators keep and forward the access log, so it must not hold the codes and states of URLs."""
    assert site.noted(site.http.get("/userinfo/", params={"access_token": "AT_misplaced"}))
    assert "AT_misplaced" not in (site.folder / "access.log").read_text()
