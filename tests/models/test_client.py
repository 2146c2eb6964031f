"""The client model: the metadata that may be registered, and the permissions that follow from it."""

from datetime import timedelta

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db.models import URLField
from django.forms import modelform_factory
from pytest_django import Settings

from oauth_service.models import Client
from oauth_service.protocol import client_authentication

pytestmark = pytest.mark.django_db


def faults(**changes: str) -> dict[str, list[str]]:
    """Return the errors of a client with these columns, by field."""
    fields = {"name": "Rx", "redirect_uris": "https://rx.example/callback"} | changes
    try:
        Client(**fields).full_clean()
    except ValidationError as refusal:
        return refusal.message_dict
    return {}


def test_a_client_without_choices_is_a_safe_one() -> None:
    """The defaults are safe: confidential, PKCE required, no secret until one is made, an unguessable id."""
    first, second = (Client.objects.create(name="Rx", redirect_uris="https://rx.example/callback") for _ in range(2))
    assert (first.is_public, first.must_use_pkce, first.is_native, first.is_active) == (False, True, False, True)
    assert (first.secret_hashes, first.scope) == ((), "user profile")
    assert (len(first.client_id), first.client_id != second.client_id) == (32, True)
    assert str(first) == "Rx"


@pytest.mark.parametrize("client_id", ["presc_man_123", "a-b.c_d~e", "A", "0"])
def test_a_client_id_of_unreserved_characters_may_be(client_id: str) -> None:
    """Clients send these characters alike, encoded or not."""
    assert faults(client_id=client_id) == {}


@pytest.mark.parametrize("client_id", ["a:b", "a b", "a+b", "a%20b", "é", "a\n", "a/b"])
def test_a_client_id_that_could_be_read_in_two_ways_may_not(client_id: str) -> None:
    """HTTP Basic ends the name at a colon, and some clients form-encode the other characters and some do not."""
    assert faults(client_id=client_id) == {
        "client_id": ["A client ID can have only letters, digits and - . _ ~ in it."]
    }


def test_a_client_id_is_given_once() -> None:
    """Two clients with one client_id would share their users' trust."""
    Client.objects.create(client_id="rx", name="Rx", redirect_uris="https://rx.example/callback")
    assert list(faults(client_id="rx")) == ["client_id"]


def test_every_redirect_uri_that_cannot_be_one_is_named() -> None:
    """The form reports all faults at once, each with its URI."""
    found = faults(
        redirect_uris="https://rx.example/callback\nhttp://rx.example/callback\njavascript:alert(1)\nhttps://rx.example/#x"
    )
    assert found == {
        "redirect_uris": [
            "http://rx.example/callback is http outside this machine; only 127.0.0.1, [::1] and localhost may be.",
            "javascript:alert(1) has a scheme that no app can have for its own.",
            "https://rx.example/#x has a fragment, which RFC 6749 section 3.1.2 forbids.",
        ]
    }


@pytest.mark.parametrize("scope", ["user", "user profile", "https://rx.example/read a:b"])
def test_a_scope_of_allowed_characters_may_be(scope: str) -> None:
    """The set of allowed characters is that of RFC 6749 section 3.3."""
    assert faults(scope=scope) == {}


@pytest.mark.parametrize("scope", ['user "', "user\\", "é", "user\tprofile"])
def test_a_scope_that_no_request_could_name_may_not(scope: str) -> None:
    """No request could ask for such a scope."""
    assert faults(scope=scope) == {"scope": ["the scope contains a character that is not allowed"]}


@pytest.mark.parametrize("field", ["client_uri", "policy_uri", "tos_uri"])
@pytest.mark.parametrize("address", ["javascript:alert(1)", "ftp://rx.example/", "rx.example"])
def test_the_consent_page_links_to_web_pages_only(field: str, address: str) -> None:
    """A link on our page counts as our recommendation."""
    assert field in faults(**{field: address})


@pytest.mark.parametrize(
    ("client_type", "requires_pkce", "must_use_pkce"),
    [("confidential", False, False), ("confidential", True, True), ("public", False, True), ("public", True, True)],
)
def test_public_clients_need_pkce_whatever_is_ticked(
    client_type: str, requires_pkce: bool, must_use_pkce: bool
) -> None:
    """Public clients have no other proof that a code is theirs (RFC 9700 section 2.1.1)."""
    assert Client(client_type=client_type, requires_pkce=requires_pkce).must_use_pkce == must_use_pkce


@pytest.mark.parametrize(
    ("client_type", "remembers", "uri", "may_skip"),
    [
        ("confidential", True, "http://127.0.0.1/callback", True),
        ("confidential", False, "https://rx.example/callback", False),
        ("public", True, "https://rx.example/callback", True),
        ("public", True, "http://127.0.0.1/callback", False),
        ("public", True, "com.example.rx:/callback", False),
        ("public", False, "https://rx.example/callback", False),
    ],
)
def test_consent_is_skipped_only_where_the_client_is_proven(
    client_type: str, remembers: bool, uri: str, may_skip: bool
) -> None:
    """The proof is a secret, or an https address that belongs to the client (RFC 8252 section 8.6)."""
    client = Client(client_type=client_type, remembers_consent=remembers)
    assert client.may_skip_consent(uri) == may_skip


def test_a_grant_type_is_a_whole_word() -> None:
    """A part of a grant type's name does not match."""
    client = Client(grant_types="authorization_code refresh_token")
    assert [client.may_use(name) for name in ("refresh_token", "refresh", "authorization_code refresh_token", "")] == [
        True,
        False,
        False,
        False,
    ]


def test_a_rotation_keeps_one_secret_before_and_stores_neither() -> None:
    """The row holds hashes only, so reading it opens nothing."""
    client = Client.objects.create(name="Rx", redirect_uris="https://rx.example/callback")
    first, second, third = (Client.objects.rotate_secret(client) for _ in range(3))
    stored = Client.objects.get()
    assert stored.secret_hashes == tuple(client_authentication.hash_of(secret) for secret in (third, second))
    assert not {first, second, third} & {str(value) for value in vars(stored).values()}
    Client.objects.end_previous_secret(client)
    assert Client.objects.get().secret_hashes == client.secret_hashes == (client_authentication.hash_of(third),)


def test_a_chosen_secret_replaces_all_before() -> None:
    """Someone who sets a secret by hand expects only that one to be valid."""
    client = Client.objects.create(name="Rx", redirect_uris="https://rx.example/callback")
    Client.objects.rotate_secret(client)
    Client.objects.rotate_secret(client)
    client.choose_secret("chosen")
    [kept] = client.secret_hashes
    assert "chosen" not in kept
    assert not client_authentication.is_server_made(kept)


def test_clients_can_be_saved_without_openid_connect(settings: Settings) -> None:
    """A project that switched OpenID Connect off can still save its clients: no form shows these columns."""
    pairwise = {"subject_type": "pairwise", "initiate_login_uri": "http://rx.example/login"}
    assert faults(**pairwise) == {}
    settings.OAUTH_SERVICE_SCOPES = {"openid": "Who you are"}
    assert list(faults(**pairwise)) == ["subject_type", "initiate_login_uri"]


def test_a_fault_of_a_column_that_a_form_does_not_show_concerns_the_form() -> None:
    """Django would answer 500 for an error of a field that the form does not have."""
    form = modelform_factory(Client, fields=["name"])
    client = Client(name="Rx", redirect_uris="https://rx.example/callback", access_token_lifetime=timedelta(0))
    assert form({"name": "Rx"}, instance=client).errors == {"__all__": ["A lifetime is one second or more."]}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "field",
    [
        field
        for model in apps.get_app_config("oauth_service").get_models()
        for field in model._meta.fields
        if isinstance(field, URLField)
    ],
    ids=str,
)
def test_every_url_is_https_unless_it_says_otherwise(field: "URLField[str, str]") -> None:
    """Every form adds https, on every version of Django, and without Django's warning."""
    form_field = field.formfield()
    assert form_field is not None
    assert form_field.clean("rx.example/about") == "https://rx.example/about"
    with pytest.raises(ValidationError):
        field.clean("ftp://rx.example/", None)
