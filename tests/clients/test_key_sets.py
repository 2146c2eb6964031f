"""The public keys of clients: registered ones, and ones fetched from a jwks_uri."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from django.utils import timezone
from joserfc.jwk import ECKey, OctKey, RSAKey

from oauth_service.clients import key_sets
from oauth_service.models import Client, Document, purge
from tests.admin.test_clients import ADD, errors_of, form
from tests.architecture.test_query_budgets import at_most
from tests.assertions import Signer, key_for
from tests.guide import Guide

pytestmark = pytest.mark.django_db


def status(guide: Guide, proof: dict[str, Any]) -> int:
    """Return the status of a revocation with this authentication."""
    response = guide.revoke("AT_unknown", client_id="", client_secret="", **proof)
    return int(response.status_code)


@pytest.fixture
def signer(guide: Guide, site: Any) -> Signer:
    """A client whose keys are at its jwks_uri."""
    signer = Signer(guide.client.client_id)
    site.body = signer.jwks.encode()
    Client.objects.update(token_endpoint_auth_method="private_key_jwt", jwks_uri=site.url)
    return signer


def other_key() -> Any:
    """Return a key that is not published yet."""
    return ECKey.generate_key("P-256", auto_kid=True)


def test_keys_are_fetched_once_for_many_assertions(guide: Guide, signer: Signer, site: Any) -> None:
    """The copy stays fresh as long as the origin says."""
    assert ([status(guide, signer.proof()) for _ in range(3)], len(site.asked)) == ([200] * 3, 1)


def test_a_new_key_is_found_though_the_copy_is_fresh(guide: Guide, signer: Signer, site: Any) -> None:
    """A client that publishes a new key and signs with it should not have to wait for an hour."""
    assert status(guide, signer.proof()) == 200
    new = Signer(signer.name, key=other_key())
    site.body = new.jwks.encode()
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        assert (status(guide, new.proof()), len(site.asked)) == (200, 2)


def test_unknown_keys_do_not_let_the_origin_be_asked_more_than_once_a_minute(
    guide: Guide, signer: Signer, site: Any
) -> None:
    """Anybody can send JWTs with unknown key ids."""
    assert status(guide, signer.proof()) == 200
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        assert [status(guide, signer.proof(header={"kid": f"k{n}"})) for n in range(9)] == [401] * 9
        assert (len(site.asked), status(guide, signer.proof())) == (2, 200)


@pytest.mark.parametrize("broken", ["down", "no JSON", "no key set", "a private key"])
def test_a_copy_serves_while_the_origin_does_not(guide: Guide, signer: Signer, site: Any, broken: str) -> None:
    """Clients can still authenticate, and an unusable document does not replace a good copy."""
    assert status(guide, signer.proof()) == 200
    site.status = 503 if broken == "down" else 200
    site.body = {
        "no JSON": b"{",
        "no key set": b"[]",
        "a private key": json.dumps({"keys": [signer.key.as_dict(private=True)]}).encode(),
    }.get(broken, b"")
    for minutes in (2, 120, 60 * 24 * 6):
        key_sets.forget()
        with time_machine.travel(timezone.now() + timedelta(minutes=minutes)):
            found = [status(guide, signer.proof()), status(guide, signer.proof(header={"kid": "x"}))]
        assert found == [200, 401]


def test_keys_that_were_never_there_are_a_refusal(guide: Guide, signer: Signer, site: Any) -> None:
    """Missing keys are no failure of this server, and the client gets through once they are there."""
    site.status = 404
    assert status(guide, signer.proof()) == 401
    assert "the origin answered 404" in Document.objects.get().last_error
    site.status = 200
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        assert status(guide, signer.proof()) == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("source", ["jwks", "jwks_uri"])
def test_it_costs_one_statement_more_than_a_secret(
    guide: Guide, signer: Signer, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The INSERT of the jti is the only additional statement: keys are parsed once and cached by the process."""
    monkeypatch.setattr(purge, "_next_at", float("inf"))
    if source == "jwks":
        Client.objects.update(jwks_uri="", jwks=signer.jwks)
    token = guide.tokens
    Client.objects.update(token_endpoint_auth_method="")
    refresh_token = token()["refresh_token"]
    Client.objects.update(token_endpoint_auth_method="private_key_jwt")
    assert status(guide, signer.proof()) == 200
    with at_most(2 + 1):
        response = guide.refresh(refresh_token, client_id="", client_secret="", **signer.proof())
    assert response.status_code == 200


def jwks(*keys: dict[str, Any]) -> str:
    """Return a key set as JSON."""
    return json.dumps({"keys": list(keys)})


PUBLIC = key_for("ES256").as_dict(private=False)
WRONG = {
    "no JSON": "{",
    "an array": "[]",
    "no keys": '{"keys": []}',
    "keys that are none": '{"keys": [1]}',
    "too many": jwks(*[PUBLIC] * 33),
    "a private key": jwks(key_for("ES256").as_dict(private=True)),
    "a private RSA key": jwks(PUBLIC, key_for("RS256").as_dict(private=True)),
    "a secret": jwks(OctKey.generate_key(256).as_dict(private=True)),
    "an empty secret": jwks({"kty": "oct"}),
    "a short RSA key": jwks(RSAKey.generate_key(1024).as_dict(private=False)),
    "a curve that nobody uses": jwks({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}),
    "a point that is none": jwks({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}),
    "a key for encryption": jwks(PUBLIC | {"use": "enc"}),
    "a key that only wraps": jwks(PUBLIC | {"key_ops": ["wrapKey"]}),
    "a key for another algorithm": jwks(PUBLIC | {"alg": "ES512"}),
}
BASE = {"token_endpoint_auth_method": "private_key_jwt"}


def create_client(*options: str) -> dict[str, Any]:
    """Run manage.py create_client and return its output."""
    said = StringIO()
    call_command(
        "create_client", *("--name", "P", "--redirect-uri", "https://p.example/cb", "--json"), *options, stdout=said
    )
    found: dict[str, Any] = json.loads(said.getvalue())
    return found


@pytest.mark.parametrize("case", WRONG)
def test_keys_that_cannot_be_used_are_not_registered(staff: Browser, case: str) -> None:
    """The admin and the command refuse them, and the message does not quote the key."""
    text = WRONG[case]
    errors = errors_of(staff.post(ADD, form(**BASE, jwks=text)))
    assert set(errors) == {"jwks"}
    with pytest.raises(CommandError, match="--jwks") as refusal:
        create_client("--token-endpoint-auth-method", "private_key_jwt", "--jwks", text)
    told = str(refusal.value) + str(errors)
    private = [key.as_dict(private=True)["d"] for key in (key_for("ES256"), key_for("RS256"))]
    assert [part for part in private if part in told] == []


@pytest.mark.parametrize(
    ("columns", "column"),
    [
        ({}, "jwks"),
        ({"jwks": jwks(PUBLIC), "jwks_uri": "https://p.example/jwks"}, "jwks_uri"),
        ({"jwks_uri": "http://p.example/jwks"}, "jwks_uri"),
        ({"jwks": jwks(PUBLIC), "token_endpoint_auth_signing_alg": "HS256"}, "token_endpoint_auth_signing_alg"),
        ({"jwks": jwks(PUBLIC), "token_endpoint_auth_signing_alg": "none"}, "token_endpoint_auth_signing_alg"),
        ({"jwks": jwks(PUBLIC), "token_endpoint_auth_signing_alg": "RS256"}, "jwks"),
        (
            {"token_endpoint_auth_method": "", "token_endpoint_auth_signing_alg": "ES256"},
            "token_endpoint_auth_signing_alg",
        ),
        ({"jwks": jwks(PUBLIC), "client_type": "public"}, "token_endpoint_auth_method"),
    ],
)
def test_what_does_not_fit_together_is_told(staff: Browser, columns: dict[str, str], column: str) -> None:
    """The error is shown at the wrong field."""
    assert column in errors_of(staff.post(ADD, form(**(BASE | columns))))


@pytest.mark.parametrize(
    "source", [{"jwks": jwks(PUBLIC)}, {"jwks_uri": "https://p.example/jwks"}], ids=["jwks", "jwks_uri"]
)
def test_a_client_that_signs_is_registered_and_gets_no_secret(staff: Browser, source: dict[str, str]) -> None:
    """The admin and the command register it without a secret, and the admin offers no new one."""
    assert staff.post(ADD, form(**BASE, **source)).status_code == 302
    client = Client.objects.get()
    assert client.secret_hashes == ()
    assert staff.get(f"/admin/oauth_service/client/{client.pk}/secret/").status_code == 404
    option = [f"--{name.replace('_', '-')}" for name in source]
    said = create_client("--token-endpoint-auth-method", "private_key_jwt", *option, *source.values())
    assert ("client_secret" in said, said["token_endpoint_auth_method"]) == (False, "private_key_jwt")
    [(name, value)] = source.items()
    assert said[name] == (json.loads(value) if name == "jwks" else value)
    with pytest.raises(CommandError, match="no secret"):
        call_command("rotate_secret", said["client_id"])


def test_a_secret_ends_when_its_client_signs_from_now_on(staff: Browser, presc_man: Client) -> None:
    """Otherwise the secret would be valid again if the method were changed back."""
    changes = {"client_id": None, "name": presc_man.name, "redirect_uris": presc_man.redirect_uris}
    url = f"/admin/oauth_service/client/{presc_man.pk}/change/"
    assert staff.post(url, form(**changes, **BASE, jwks=jwks(PUBLIC))).status_code == 302
    assert Client.objects.get().secret_hashes == ()


def test_without_the_extra_nobody_registers_for_it(staff: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """The metadata does not name the method then."""
    monkeypatch.setattr(key_sets, "_is_available", False)
    assert set(errors_of(staff.post(ADD, form(**BASE, jwks=jwks(PUBLIC))))) == {"token_endpoint_auth_method"}
    document = Browser().get("/.well-known/oauth-authorization-server").json()
    assert [name for name in document if "signing_alg" in name] == []
    assert "private_key_jwt" not in document["token_endpoint_auth_methods_supported"]


def test_without_the_extra_an_assertion_is_a_refusal(guide: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client may have been registered before the extra was removed."""
    signer = Signer(guide.client.client_id)
    Client.objects.update(**BASE, jwks=signer.jwks)
    monkeypatch.setattr(key_sets, "_is_available", False)
    assert status(guide, signer.proof()) == 401


def test_a_model_refuses_private_keys_by_itself() -> None:
    """The check applies to every form and script that fills the model."""
    client = Client(name="P", redirect_uris="https://p.example/cb", **BASE, jwks=WRONG["a private key"])
    with pytest.raises(ValidationError, match="private or a symmetric key"):
        client.full_clean()
