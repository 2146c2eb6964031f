"""Unmodified third-party OAuth clients, each in a process of its own, against the running server."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from config.demo import cast
from config.sites import ROOT, Sites
from tests.assertions import Signer
from tests.journeys.stage import manage
from tests.journeys.strangers.browser import Browser

pytestmark = pytest.mark.journey

STRANGERS = ROOT / "tests" / "journeys" / "strangers"
# Members that a library adds to a token response.
OWN = {"expires_at"}


def registered(sites: Sites, redirect_uri: str, *options: str) -> dict[str, str]:
    """A new client, as `manage.py create_client` prints it."""
    said = manage(sites, "create_client", "--name", "Stranger", "--redirect-uri", redirect_uri, *options)
    told = dict(line.split() for line in said.splitlines() if line.startswith("client_"))
    return {"issuer": sites.server_url, "redirect_uri": redirect_uri, **told}


def played(sites: Sites, stranger: str, registration: Mapping[str, Any]) -> dict[str, Any]:
    """Report of a third-party client."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.journeys.strangers.{stranger}"],
        cwd=ROOT,
        env=sites.environment,
        input=json.dumps(registration),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    given: dict[str, Any] = json.loads(done.stdout)
    return given


def assert_whole_lifecycle(given: dict[str, Any], *, scope: str) -> None:
    """Check for a pair of tokens, Alice, another pair, and no access after the revocation."""
    names = {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    for token in (given["token"], given["refreshed"]):
        assert set(token) - OWN == names
        assert token["token_type"] == "Bearer"
        assert token["expires_in"] == 3600
        granted = token["scope"]
        assert (granted.split() if isinstance(granted, str) else granted) == scope.split()
    assert given["token"]["refresh_token"] != given["refreshed"]["refresh_token"]
    assert given["userinfo"]["username"] == "alice"
    assert ("name" in given["userinfo"]) == ("profile" in scope)
    assert given["revoked"] == 200
    assert given["after"] == 401
    assert given["refused"] == "invalid_grant"


def test_authlib_with_basic_and_pkce(sites: Sites) -> None:
    """The client needs only the metadata."""
    given = played(sites, "with_authlib", registered(sites, "http://127.0.0.1:5001/callback"))
    assert_whole_lifecycle(given, scope="user profile")


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_authlib_with_a_key_of_its_own(sites: Sites, algorithm: str) -> None:
    """private_key_jwt (RFC 7523 section 2.2): no secret is made or sent."""
    signer = Signer("", algorithm)
    options = ("--token-endpoint-auth-method", "private_key_jwt", "--jwks", signer.jwks)
    registration = registered(sites, "http://127.0.0.1:5004/callback", *options)
    assert "client_secret" not in registration
    key = {"private_key": signer.key.as_dict(private=True), "alg": algorithm}
    given = played(sites, "with_assertions", registration | key)
    assert_whole_lifecycle(given, scope="user profile")


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_authlib_with_macs_of_its_secret(sites: Sites, algorithm: str) -> None:
    """client_secret_jwt (OpenID Connect Core section 9): the secret is never sent."""
    options = ("--token-endpoint-auth-method", "client_secret_jwt", "--token-endpoint-auth-signing-alg", algorithm)
    registration = registered(sites, "http://127.0.0.1:5004/callback", *options)
    given = played(sites, "with_assertions", registration | {"alg": algorithm})
    assert_whole_lifecycle(given, scope="user profile")


def test_requests_oauthlib_with_its_secret_in_the_form(sites: Sites) -> None:
    """The library uses PKCE only on request, so the client is registered without."""
    given = played(sites, "with_requests_oauthlib", registered(sites, "http://127.0.0.1:5001/done", "--without-pkce"))
    assert_whole_lifecycle(given, scope="user profile")


def test_a_service_with_requests_oauthlibs_backend_client(sites: Sites) -> None:
    """A token without a user opens views that admit clients, but not userinfo."""
    said = manage(sites, "create_client", "--name", "Nightly report", "--grant-type", "client_credentials")
    told = dict(line.split() for line in said.splitlines() if line.startswith("client_"))
    given = played(sites, "service_with_requests_oauthlib", {"issuer": sites.server_url, **told})
    assert set(given["token"]) - OWN == {"access_token", "token_type", "expires_in", "scope"}
    assert given["token"]["scope"] == ["profile"]
    assert (given["status"], given["userinfo"]["error"]) == (403, "insufficient_scope")
    assert (given["revoked"], given["after"]) == (200, 401)


def test_a_native_app_without_a_secret_on_another_port(sites: Sites) -> None:
    """RFC 8252 section 7.3: the port is free, because it is not known in advance."""
    registration = registered(sites, "http://127.0.0.1/callback", "--public", "--native")
    assert "client_secret" not in registration
    given = played(sites, "native_app", registration)
    assert_whole_lifecycle(given, scope="user")


def issued_jwt(sites: Sites, algorithm: str, *, asker: str) -> dict[str, str]:
    """A service's access token for an API with JWTs, and the server's metadata: all that the API knows."""
    audience = f"https://api.example/{asker}/{algorithm}"
    options = ("--for-all", "--token-format", "jwt", "--signing-alg", algorithm)
    manage(sites, "create_resource", audience, "--name", "Orders", *options)
    said = manage(sites, "create_client", "--name", "Service", "--grant-type", "client_credentials")
    told = dict(line.split() for line in said.splitlines() if line.startswith("client_"))
    metadata = requests.get(f"{sites.server_url}/.well-known/oauth-authorization-server", timeout=10).json()
    form = {"grant_type": "client_credentials", "resource": audience, **told}
    token = requests.post(metadata["token_endpoint"], data=form, timeout=10).json()["access_token"]
    known = {"issuer": metadata["issuer"], "jwks_uri": metadata["jwks_uri"], "algorithm": algorithm}
    return {**known, "audience": audience, "token": token, "client_id": told["client_id"]}


def verified(command: list[str], issued: dict[str, str]) -> str:
    """Let an API in another language verify the token; return the reason why it refuses it for another audience."""
    done = subprocess.run(
        command, input=json.dumps(issued), capture_output=True, text=True, check=False, timeout=60, cwd=STRANGERS
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout)
    audience = said["claims"]["aud"]
    assert (audience if isinstance(audience, str) else [audience]) in (issued["audience"], [[issued["audience"]]])
    assert said["claims"]["sub"] == issued["client_id"]
    assert (said["header"]["alg"], said["header"]["typ"]) == (issued["algorithm"], "at+jwt")
    refused: str = said["refused"]
    return refused


@pytest.mark.node
@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_an_api_with_jose_verifies_access_tokens_by_itself(sites: Sites, algorithm: str) -> None:
    """RFC 9068: the API knows this server's metadata, and does not ask it about the token."""
    issued = issued_jwt(sites, algorithm, asker="jose")
    assert verified(["node", "node/api_with_jose.mjs"], issued) == "ERR_JWT_CLAIM_VALIDATION_FAILED"


@pytest.mark.java
@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256"])
def test_an_api_with_nimbus_verifies_access_tokens_by_itself(sites: Sites, algorithm: str) -> None:
    """The same in Java. Its library requires the type at+jwt, and has no EdDSA without Tink."""
    issued = issued_jwt(sites, algorithm, asker="nimbus")
    command = ["java", "-cp", "java/target/dependency/*", "java/ApiWithNimbus.java"]
    assert verified(command, issued) == "JWT aud claim rejected"


# golang.org/x/oauth2 keeps the moment of expiry, so it reports what is left of an hour.
LIVES = range(3600 - 60, 3600 + 1)


@contextmanager
def with_go(sites: Sites, **registered: object) -> Iterator["Program"]:
    """A Go program with its registration."""
    with subprocess.Popen(
        [STRANGERS / "go" / "stranger"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        program = Program(process)
        program.hears(json.dumps({"issuer": sites.server_url, **registered}))
        try:
            yield program
        finally:
            process.kill()


class Program:
    """Exchanges single lines with a program."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def hears(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def says(self) -> dict[str, Any]:
        assert self.process.stdout
        assert self.process.stderr
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()[-3000:]
        members: dict[str, Any] = json.loads(line)
        return members


def assert_a_pair_and_a_replay(given: dict[str, Any], *, scope: str) -> None:
    """Check for a pair of tokens, Alice, another pair, and the end of both after a replay of the code."""
    for token in (given["token"], given["refreshed"]):
        assert (token["token_type"], token["scope"]) == ("Bearer", scope)
        assert token["expires_in"] in LIVES
    assert given["token"]["refresh_token"] != given["refreshed"]["refresh_token"]
    assert given["userinfo"]["preferred_username"] == "alice"
    assert (given["refused"], given["after"]) == ("invalid_grant", 401)


@pytest.mark.go
def test_a_web_application_with_go(sites: Sites) -> None:
    """Authorization code with PKCE; the library finds out by itself that HTTP Basic works."""
    registration = registered(sites, "http://127.0.0.1:5005/callback")
    scope = "user profile"
    with with_go(sites, flow="code", scopes=scope.split(), **registration) as program:
        program.hears(Browser().allows(program.says()["visit"], registration["redirect_uri"]))
        assert_a_pair_and_a_replay(program.says(), scope=scope)


@pytest.mark.go
def test_a_service_with_go(sites: Sites) -> None:
    """Client credentials for one API, with the client that `make run` registers."""
    party, api = cast.SERVICE, cast.PRESCRIPTIONS
    known = {"client_id": party.client_id, "client_secret": party.client_secret, "resource": api.identifier}
    with with_go(sites, flow="client_credentials", scopes=[api.scope], **known) as program:
        given = program.says()
    token = {name: given["token"][name] for name in ("token_type", "refresh_token", "scope")}
    assert token == {"token_type": "Bearer", "refresh_token": "", "scope": api.scope}
    assert given["token"]["expires_in"] in LIVES
    assert (given["refused"], given["guessed"]) == ("invalid_scope", "invalid_client")


@pytest.mark.go
def test_a_device_with_go(sites: Sites) -> None:
    """The program waits and polls by itself, and gets its tokens once Alice has allowed it."""
    with with_go(sites, flow="device", client_id=cast.COMMAND_LINE.client_id, scopes=["profile"]) as program:
        Browser().connects(program.says()["visit"])
        assert_a_pair_and_a_replay(program.says(), scope="profile")


@pytest.mark.go
def test_a_device_with_go_hears_a_no(sites: Sites) -> None:
    """The program stops waiting on the standard's error."""
    with with_go(sites, flow="device", client_id=cast.COMMAND_LINE.client_id, scopes=["profile"]) as program:
        Browser().connects(program.says()["visit"], "Deny")
        assert program.says() == {"refused": "access_denied"}
