"""client_secret_jwt: the only method whose secrets the server can read again, and only for clients that chose it."""

import hmac
import json
from io import StringIO
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from joserfc.jwk import OctKey
from pytest_django import Settings

from oauth_service.clients import key_sets
from oauth_service.models import AuditEvent, Client
from oauth_service.models.client_secret import open_secret
from oauth_service.protocol import client_authentication
from oauth_service.protocol.jwt import MACS
from oauth_service.watch import audit
from oauth_service.watch.doctor import facts
from tests.admin.test_clients import ADD, change_url, errors_of, form, shown_secret
from tests.admin.test_secrets import confirmed
from tests.architecture.test_query_budgets import at_most
from tests.assertions import Signer, signed
from tests.clauses import clause
from tests.guide import SECRET, Guide, basic
from tests.specs.signed import in_base64url
from tests.test_audit import Committed

pytestmark = pytest.mark.django_db

METHOD = {"token_endpoint_auth_method": "client_secret_jwt"}


def status(guide: Guide, proof: dict[str, Any]) -> int:
    """Return the status of a revocation with this authentication."""
    return int(guide.revoke("AT_unknown", **{"client_id": "", "client_secret": "", **proof}).status_code)


def by(client: Client, secret: str, algorithm: str = "HS256") -> Signer:
    """Return a signer that has a client's secret."""
    return Signer(client.client_id, algorithm, OctKey.import_key(secret))


@pytest.fixture
def client(guide: Guide) -> Client:
    """The guide's client, registered for client_secret_jwt after it used another method."""
    guide.client.token_endpoint_auth_method = "client_secret_jwt"
    guide.client.save()
    return guide.client


@clause("OpenID Connect Core", "9")
@clause("RFC 7523", "2.2")
@pytest.mark.parametrize("algorithm", MACS)
def test_a_client_authenticates_by_a_mac_of_its_secret(guide: Guide, client: Client, algorithm: str) -> None:
    """ "The HMAC is calculated using the octets of the UTF-8 representation of the client_secret as the shared key." """
    secret = Client.objects.rotate_secret(client)
    assert status(guide, by(client, secret, algorithm).proof()) == 200


@clause("OpenID Connect Core", "10.1")
@clause("RFC 7518", "3.2")
@pytest.mark.parametrize("algorithm", MACS)
def test_a_secret_that_is_made_is_long_enough_for_each_algorithm(client: Client, algorithm: str) -> None:
    """ "The client_secret value MUST contain at least the minimum of number of octets required for MAC keys"."""
    assert len(Client.objects.rotate_secret(client).encode()) >= MACS[algorithm] >= 32


@clause("RFC 7518", "3.2")
@pytest.mark.parametrize(("octets", "expected"), [(31, []), (32, ["HS256"]), (48, ["HS256", "HS384"]), (64, [*MACS])])
def test_a_secret_that_is_too_short_makes_no_mac(
    guide: Guide, client: Client, monkeypatch: pytest.MonkeyPatch, octets: int, expected: list[str]
) -> None:
    """ "A key of the same size as the hash output [...] or larger MUST be used with this algorithm." """
    monkeypatch.setattr(client_authentication, "new_secret", lambda **_: "k" * octets)
    secret = Client.objects.rotate_secret(client)
    assert [each for each in MACS if status(guide, by(client, secret, each).proof()) == 200] == expected


@clause("OpenID Connect Core", "9")
@pytest.mark.parametrize(
    ("registered", "passes"), [("", [*MACS]), *[(name, [name]) for name in MACS]], ids=lambda each: str(each)
)
def test_the_registered_algorithm_is_the_one(guide: Guide, client: Client, registered: str, passes: list[str]) -> None:
    """token_endpoint_auth_signing_alg limits the client to one algorithm (Dynamic Client Registration section 2)."""
    Client.objects.update(token_endpoint_auth_signing_alg=registered)
    secret = Client.objects.rotate_secret(client)
    assert [each for each in MACS if status(guide, by(client, secret, each).proof()) == 200] == passes


def test_while_a_secret_is_rotated_both_are_good(guide: Guide, client: Client) -> None:
    """The client can switch to the new secret without an outage."""
    secrets = [Client.objects.rotate_secret(client) for _ in range(3)]
    assert [status(guide, by(client, each).proof()) for each in secrets] == [401, 200, 200]
    Client.objects.end_previous_secret(client)
    assert [status(guide, by(client, each).proof()) for each in secrets] == [401, 401, 200]


def in_sha1(signer: Signer) -> dict[str, Any]:
    """Return a MAC by an algorithm that is not accepted."""
    message = signed(None, signer.header(alg="HS1"), signer.claims()).rstrip(".")
    mac = hmac.digest(signer.key.get_op_key("sign"), message.encode(), "sha1")
    return signer.proof(f"{message}.{in_base64url(mac)}")


REFUSED = [
    ("another MAC", lambda client, secret: by(client, "k" * 64).proof(), "no secret of the client verifies the MAC"),
    (
        "its secret in the body",
        lambda client, secret: {"client_id": client.client_id, "client_secret": secret},
        "but used",
    ),
    ("its secret by Basic", lambda client, secret: {"authorization": basic(client.client_id, secret)}, "but used"),
    ("nothing", lambda client, secret: {"client_id": client.client_id}, "but used none"),
    ("a signature", lambda client, secret: Signer(client.client_id).proof(), "but used private_key_jwt"),
    (
        "another audience",
        lambda client, secret: by(client, secret).proof(aud="https://b.example"),
        "aud of the assertion",
    ),
    ("another algorithm", lambda client, secret: in_sha1(by(client, secret)), "is signed with 'HS1'"),
]


@clause("OpenID Connect Core", "9")
@pytest.mark.parametrize(("make", "reason"), [each[1:] for each in REFUSED], ids=[each[0] for each in REFUSED])
def test_the_log_has_the_reason_and_the_client_does_not(
    guide: Guide, client: Client, caplog: pytest.LogCaptureFixture, make: Any, reason: str
) -> None:
    """The registered method is the only accepted one, although the hash of the secret is stored, too."""
    secret = Client.objects.rotate_secret(client)
    proof = make(client, secret)
    response = guide.revoke("AT_unknown", **{"client_id": "", "client_secret": "", **proof})
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    assert response.json()["error_description"] == "client authentication failed"
    assert reason in caplog.text
    assert secret not in caplog.text


def test_a_hash_alone_verifies_nothing(guide: Guide, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """A script may register the method without making a secret. The log then tells the operator what to do."""
    assert status(guide, by(client, "k" * 64).proof()) == 401
    assert "none was kept encrypted: rotate it" in caplog.text


def test_a_secret_under_a_token_key_that_is_gone(
    guide: Guide, client: Client, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """The refusal has its reason in the log, and the doctor reports the secret."""
    signer = by(client, Client.objects.rotate_secret(client))
    settings.OAUTH_SERVICE_TOKEN_KEY = "another token key of forty characters...."
    assert status(guide, signer.proof()) == 401
    assert "encrypted under another token key: rotate it" in caplog.text
    assert [each.is_unreadable for each in facts.of_clients()] == [True]


def test_a_secret_is_encrypted_anew_under_a_new_token_key(guide: Guide, client: Client, settings: Settings) -> None:
    """Each use encrypts the secret again, so the fallback key can be removed. A wrong MAC changes nothing."""
    signer = by(client, Client.objects.rotate_secret(client))
    newer = by(client, Client.objects.rotate_secret(client))
    settings.OAUTH_SERVICE_TOKEN_KEY = "another token key of forty characters...."
    settings.OAUTH_SERVICE_TOKEN_KEY_FALLBACKS = [settings.SECRET_KEY]
    assert status(guide, by(client, "k" * 64).proof()) == 401
    assert [each.is_of_earlier_key for each in facts.of_clients()] == [True]
    assert [status(guide, each.proof()) for each in (signer, newer)] == [200, 200]
    settings.OAUTH_SERVICE_TOKEN_KEY_FALLBACKS = []
    assert [status(guide, each.proof()) for each in (signer, newer)] == [200, 200]
    assert [(each.is_of_earlier_key, each.is_unreadable) for each in facts.of_clients()] == [(False, False)]


def test_the_row_of_another_client_does_not_open(guide: Guide, client: Client) -> None:
    """Somebody who can write to the table must not be able to give one client another's secret."""
    secret = Client.objects.rotate_secret(client)
    other = Client.objects.create(client_id="other", name="Other", **METHOD, sealed_secret=client.sealed_secret)
    assert status(guide, by(other, secret).proof()) == 401
    assert not open_secret(bytes(other.sealed_secret or b""), "other")[0]


# -- only there ------------------------------------------------------------------------------------------------------


def test_what_is_kept_is_encrypted(client: Client) -> None:
    """The row contains neither the secret nor a part of it."""
    secret = Client.objects.rotate_secret(client)
    [row] = Client.objects.values_list()
    assert [each for each in row if secret in str(each) or secret.encode() in bytes(str(each), "utf-8")] == []
    stored = bytes(Client.objects.get().sealed_secret or b"")
    assert (len(stored) > 64, secret.encode() in stored) == (True, False)


@pytest.mark.parametrize("method", [each for each in Client.AuthenticationMethod.values if each != "client_secret_jwt"])
def test_nobody_elses_secret_can_be_read_again(presc_man: Client, method: str) -> None:
    """Every other method stores a hash, or nothing."""
    presc_man.token_endpoint_auth_method = method
    presc_man.save()
    Client.objects.rotate_secret(presc_man)
    Client.objects.rotate_secret(presc_man)
    row = Client.objects.get()
    assert (row.sealed_secret, row.previous_sealed_secret) == (None, None)


@pytest.mark.parametrize("method", [each for each in Client.AuthenticationMethod.values if each != "client_secret_jwt"])
@pytest.mark.parametrize("fields", [None, ["token_endpoint_auth_method"]], ids=["the row", "the column"])
def test_another_method_erases_what_could_be_read_again(client: Client, method: str, fields: list[str] | None) -> None:
    """The secret is erased by every way to save the client, even from an old copy."""
    old = Client.objects.get(pk=client.pk)
    Client.objects.rotate_secret(client)
    Client.objects.rotate_secret(client)
    old.token_endpoint_auth_method = method
    old.save(update_fields=fields)
    row = Client.objects.get()
    assert (row.sealed_secret, row.previous_sealed_secret) == (None, None)


def test_a_rotation_that_began_before_the_method_changed_seals_nothing(client: Client) -> None:
    """A rotation decides by the current row, not by an earlier copy of it."""
    Client.objects.filter(pk=client.pk).update(token_endpoint_auth_method="client_secret_basic")
    assert client.seals_secret
    Client.objects.rotate_secret(client)
    assert Client.objects.get().sealed_secret is None


def test_no_person_chooses_the_key_of_a_mac(client: Client) -> None:
    """A chosen secret could be guessed from a single assertion."""
    with pytest.raises(ValueError, match="made by the server"):
        client.choose_secret("chosen by a person")


def test_a_secret_takes_no_more_statements_because_of_macs(guide: Guide) -> None:
    """A secret takes the one statement that reads the client. A MAC takes two more: for the secret and for the jti."""
    with at_most(1):
        assert guide.revoke("AT_" + "A" * 86, client_secret=SECRET).status_code == 200
    guide.client.token_endpoint_auth_method = "client_secret_jwt"
    guide.client.save()
    proof = by(guide.client, Client.objects.rotate_secret(guide.client)).proof()
    with at_most(3):
        assert status(guide, proof) == 200


# -- in the admin and by the commands --------------------------------------------------------------------------------


def secret_of(page: Any) -> str:
    """Return the secret on a page of the admin."""
    return shown_secret(page, characters=64)


def test_it_is_registered_in_the_admin(staff: Browser, guide: Guide) -> None:
    """The secret is shown once, and not again on the client's page."""
    secret = secret_of(staff.post(ADD, form(**METHOD)))
    made = Client.objects.get(client_id="pharmacy")
    assert status(guide, by(made, secret).proof()) == 200
    page = staff.get(change_url(made)).content.decode()
    assert ("The secret is stored encrypted" in page, secret in page) == (True, False)
    newer = secret_of(staff.post(f"/admin/oauth_service/client/{made.pk}/secret/rotate/"))
    assert [status(guide, by(made, each).proof()) for each in (secret, newer)] == [200, 200]
    confirmed(staff, made, "end-previous/")
    assert [status(guide, by(made, each).proof()) for each in (secret, newer)] == [401, 200]


def changed(staff: Browser, client: Client, **changes: Any) -> Any:
    """Submit a client's form."""
    own = {"client_id": None, "name": client.name, "redirect_uris": client.redirect_uris}
    return staff.post(change_url(client), form(**own, **changes))


def test_a_client_that_comes_to_it_gets_a_fresh_secret(staff: Browser, guide: Guide) -> None:
    """The server has only the hash of the earlier secret, so the page says that it has ended."""
    page = changed(staff, guide.client, **METHOD)
    assert (
        "A secret from before the client was registered for client_secret_jwt is no longer accepted."
        in page.content.decode()
    )
    secret = secret_of(page)
    assert status(guide, by(guide.client, secret).proof()) == 200
    row = Client.objects.get()
    assert (row.secret_count, row.secret_hashes) == (1, (client_authentication.hash_of(secret),))


def test_a_client_that_leaves_it_keeps_its_secret_as_a_hash(staff: Browser, guide: Guide) -> None:
    """The encrypted secret is erased. If the method is changed back, the client gets a new one."""
    secret = secret_of(changed(staff, guide.client, **METHOD))
    assert changed(staff, guide.client, token_endpoint_auth_method="client_secret_post").status_code == 302
    assert Client.objects.get().sealed_secret is None
    assert guide.revoke("AT_unknown", client_secret=secret).status_code == 200
    again = secret_of(changed(staff, guide.client, **METHOD))
    assert [status(guide, by(guide.client, each).proof()) for each in (secret, again)] == [401, 200]


def test_saving_the_form_keeps_the_secret(staff: Browser, guide: Guide) -> None:
    """Saving shows no secret either."""
    secret = secret_of(changed(staff, guide.client, **METHOD))
    assert changed(staff, guide.client, **METHOD, operator="Ada").status_code == 302
    assert status(guide, by(guide.client, secret).proof()) == 200


def test_no_history_and_no_trail_has_the_secret(staff: Browser, guide: Guide, committed: Committed) -> None:
    """The secret is in neither of them, plain or encrypted."""
    with committed():
        secret = secret_of(changed(staff, guide.client, **METHOD))
    sealed = str(bytes(Client.objects.get().sealed_secret or b""))
    audit.flush()
    told = [str(row) for row in (*LogEntry.objects.values_list(), *AuditEvent.objects.values_list())]
    assert (len(told) > 1, [text for text in told if secret in text or sealed in text]) == (True, [])


def said(*arguments: str) -> str:
    """Run a command and return its output."""
    output = StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()


OPTIONS = ("--redirect-uri=https://p.example/cb", "--token-endpoint-auth-method=client_secret_jwt")


def test_it_is_registered_by_the_command(guide: Guide) -> None:
    """Another command rotates its secret."""
    text = said("create_client", "--name=P", *OPTIONS)
    assert "It is kept encrypted, as the client's assertions are verified with it." in text
    assert "--data-urlencode client_assertion='THE_JWT'" in text
    told = dict(line.split() for line in text.splitlines() if line.startswith("client_"))
    client = Client.objects.get(client_id=told["client_id"])
    assert status(guide, by(client, told["client_secret"]).proof()) == 200
    again = json.loads(said("rotate_secret", client.client_id, "--json"))
    assert again["token_endpoint_auth_method"] == "client_secret_jwt"
    both = (told["client_secret"], again["client_secret"])
    assert [status(guide, by(client, each).proof()) for each in both] == [200, 200]
    said("rotate_secret", client.client_id, "--end-previous")
    assert [status(guide, by(client, each).proof()) for each in both] == [401, 200]
    assert again["client_secret"] not in said("show_client", client.client_id) + said("list_clients", "--json")


def test_the_first_rotation_of_a_client_that_comes_to_it_ends_its_hash(client: Client) -> None:
    """The command must not promise that the earlier secret is still valid."""
    assert "Earlier secrets are no longer accepted." in said("rotate_secret", client.client_id)


def test_an_algorithm_of_signatures_is_none_of_macs(staff: Browser) -> None:
    """The error is shown at its field."""
    errors = errors_of(staff.post(ADD, form(**METHOD, token_endpoint_auth_signing_alg="ES256")))
    assert errors == {"token_endpoint_auth_signing_alg": ["Choose of HS256, HS384, HS512."]}


def test_without_the_extra_nobody_registers_for_it(
    staff: Browser, client: Client, guide: Guide, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Without the extra, the method cannot be registered, rotated or used; it is not in the metadata, and the page still
    works.
    """
    signer = by(client, Client.objects.rotate_secret(client))
    monkeypatch.setattr(key_sets, "_is_available", False)
    assert set(errors_of(staff.post(ADD, form(**METHOD)))) == {"token_endpoint_auth_method"}
    with pytest.raises(CommandError, match=r"Install django-oauth-service\[oidc\] first"):
        said("create_client", "--name=P", *OPTIONS)
    with pytest.raises(CommandError, match=r"Install django-oauth-service\[oidc\] first"):
        said("rotate_secret", client.client_id)
    response = staff.post(f"/admin/oauth_service/client/{client.pk}/secret/rotate/", follow=True)
    assert "Install django-oauth-service[oidc] first" in response.content.decode()
    assert status(guide, signer.proof()) == 401
    document = Browser().get("/.well-known/oauth-authorization-server").json()
    assert "client_secret_jwt" not in document["token_endpoint_auth_methods_supported"]
