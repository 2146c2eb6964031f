"""Registering and editing clients in the admin."""

import re
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse
from pytest_django import Settings

from oauth_service.models import Client, Consent
from oauth_service.outbound import fetch
from oauth_service.protocol import client_authentication
from oauth_service.protocol.secret import Secret
from tests.guide import Guide

ADD = "/admin/oauth_service/client/add/"
FORM = {
    "name": "Pharmacy",
    "client_id": "pharmacy",
    "client_type": "confidential",
    "application_type": "web",
    "is_active": "on",
    "redirect_uris": "https://pharmacy.example/callback",
    "scope": ["user", "profile"],
    "grant_types": ["authorization_code", "refresh_token"],
    "requires_pkce": "on",
    "remembers_consent": "on",
}


def change_url(client: Client) -> str:
    """The page on which a client is edited."""
    return reverse("admin:oauth_service_client_change", args=[client.pk])


def form(**changes: Any) -> dict[str, Any]:
    """The add form filled in; a field that is None is left out, like an unticked box."""
    return {name: value for name, value in (FORM | changes).items() if value is not None}


def errors_of(response: Any) -> dict[str, list[str]]:
    """Errors on the form page, by field."""
    assert response.status_code == 200
    errors: dict[str, list[str]] = response.context["adminform"].form.errors
    return errors


def shown_secret(response: Any, *, characters: int = 43) -> str:
    """The secret on a page, which must show it once."""
    pattern = rf'<textarea id="id_client_secret"[^>]* readonly[^>]*>([^<]{{{characters}}})</textarea>'
    [secret] = re.findall(pattern, response.content.decode())
    return str(secret)


def test_a_confidential_client_is_answered_with_a_secret_that_works(staff: Browser) -> None:
    """The response to the registration is the only place that ever shows the secret."""
    secret = shown_secret(staff.post(ADD, form()))
    assert client_authentication.matches(Secret(secret), Client.objects.get().secret_hash)


def test_the_page_with_the_secret_is_not_kept_by_any_cache(staff: Browser) -> None:
    """A proxy or the browser's history would show it again."""
    assert "no-store" in staff.post(ADD, form())["Cache-Control"]


def test_the_secret_travels_in_the_page_alone(staff: Browser) -> None:
    """Messages, sessions and cookies outlive the page, and must not hold the secret."""
    response = staff.post(ADD, form())
    secret = shown_secret(response)
    kept = [str(dict(staff.session)), str(response.cookies), staff.get("/admin/").content.decode()]
    assert [place for place in kept if secret in place] == []


def test_no_later_page_shows_the_secret_or_its_hash(staff: Browser) -> None:
    """The client's page and history only show that it has a secret."""
    secret = shown_secret(staff.post(ADD, form()))
    client = Client.objects.get()
    urls = [
        change_url(client),
        f"/admin/oauth_service/client/{client.pk}/secret/",
        f"/admin/oauth_service/client/{client.pk}/history/",
        "/admin/",
    ]
    digest = client.secret_hash.partition("$")[2]
    pages = {url: staff.get(url).content.decode() for url in urls}
    assert [url for url, page in pages.items() if secret in page or digest in page] == []


def test_a_public_client_gets_no_secret(staff: Browser) -> None:
    """A secret that is built into an app is not secret."""
    response = staff.post(ADD, form(client_type="public"))
    assert (response.status_code, Client.objects.get().secret_hashes) == (302, ())


def test_a_public_client_must_use_pkce_whatever_the_form_says(staff: Browser) -> None:
    """Without PKCE a public client cannot prove that a code is its own (RFC 9700 section 2.1.1)."""
    staff.post(ADD, form(client_type="public", requires_pkce=None))
    assert Client.objects.get().requires_pkce is True


def test_a_client_that_becomes_public_loses_its_secrets(staff: Browser, presc_man: Client) -> None:
    """An old secret must not become valid again later."""
    staff.post(change_url(presc_man), form(client_type="public", client_id=None))
    presc_man.refresh_from_db()
    assert presc_man.secret_hashes == ()


def test_a_client_that_becomes_confidential_is_answered_with_a_secret(staff: Browser, public_app: Client) -> None:
    """The client could not get tokens without a secret."""
    secret = shown_secret(staff.post(change_url(public_app), form(client_id=None)))
    public_app.refresh_from_db()
    assert client_authentication.matches(Secret(secret), public_app.secret_hash)


def test_editing_a_client_leaves_its_secret_as_it_is(staff: Browser, presc_man: Client) -> None:
    """The client goes on working."""
    staff.post(change_url(presc_man), form(name="Renamed", client_id=None))
    before = presc_man.secret_hash
    presc_man.refresh_from_db()
    assert (presc_man.name, presc_man.secret_hash) == ("Renamed", before)


def test_saving_the_form_does_not_undo_a_rotation_meanwhile(
    staff: Browser, presc_man: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An administrator edits the name while another rotates the secret."""
    clean = Client.clean

    def rotate_meanwhile(client: Client) -> None:
        Client.objects.filter(pk=client.pk).update(secret_hash="rotated")
        clean(client)

    monkeypatch.setattr(Client, "clean", rotate_meanwhile)
    staff.post(change_url(presc_man), form(client_id=None))
    presc_man.refresh_from_db()
    assert presc_man.secret_hash == "rotated"


def test_the_client_id_cannot_be_changed(staff: Browser, presc_man: Client) -> None:
    """Every installation of the client sends it."""
    staff.post(change_url(presc_man), form(client_id="another"))
    presc_man.refresh_from_db()
    assert (presc_man.name, presc_man.client_id) == ("Pharmacy", "presc_man_123")


@pytest.mark.parametrize("client_id", ["with space", "with:colon", "with+plus", "with%25", "ä"])
def test_a_client_id_that_libraries_would_send_differently_is_refused(staff: Browser, client_id: str) -> None:
    """HTTP Basic form-encodes the client_id, and some libraries do not."""
    errors = errors_of(staff.post(ADD, form(client_id=client_id)))
    assert errors == {"client_id": ["A client ID can have only letters, digits and - . _ ~ in it."]}


@pytest.mark.parametrize("name", ["client_uri", "policy_uri", "tos_uri"])
@pytest.mark.parametrize("address", ["javascript:alert(1)", "ftp://pharmacy.example/", "data:text/html,x"])
def test_links_are_web_addresses(staff: Browser, name: str, address: str) -> None:
    """The consent page shows these links."""
    assert list(errors_of(staff.post(ADD, form(**{name: address})))) == [name]


def test_a_link_without_a_scheme_is_taken_as_https(staff: Browser) -> None:
    """People type pharmacy.example."""
    staff.post(ADD, form(client_uri="pharmacy.example"))
    assert Client.objects.get().client_uri == "https://pharmacy.example"


def test_redirect_uris_are_tidied(staff: Browser) -> None:
    """Pasted lists have blank lines, spaces and repetitions."""
    staff.post(ADD, form(redirect_uris="  https://a.example/cb \r\n\r\nhttps://b.example/cb\nhttps://a.example/cb\n"))
    assert Client.objects.get().redirect_uris == "https://a.example/cb\nhttps://b.example/cb"


def test_every_wrong_redirect_uri_is_named_with_its_fault(staff: Browser) -> None:
    """The user can fix all of them at once."""
    wrong = "http://pharmacy.example/cb\nhttps://pharmacy.example/cb#here\nhttps://good.example/cb"
    assert errors_of(staff.post(ADD, form(redirect_uris=wrong))) == {
        "redirect_uris": [
            "http://pharmacy.example/cb is http outside this machine; only 127.0.0.1, [::1] and localhost may be.",
            "https://pharmacy.example/cb#here has a fragment, which RFC 6749 section 3.1.2 forbids.",
        ]
    }


def test_two_redirect_uris_in_a_line_are_refused(staff: Browser) -> None:
    """A space inside a URI looks like two URIs on a line, so the form asks."""
    line = "https://a.example/cb https://b.example/cb"
    assert errors_of(staff.post(ADD, form(redirect_uris=line))) == {
        "redirect_uris": [f"“{line}” has spaces. Enter one URI per line."]
    }


def test_the_scope_is_stored_space_delimited(staff: Browser) -> None:
    """RFC 6749 section 3.3 writes it so."""
    staff.post(ADD, form(scope=["user", "profile"]))
    assert Client.objects.get().scope == "user profile"


@pytest.mark.parametrize("name", ["scope", "grant_types"])
def test_what_the_server_does_not_offer_cannot_be_ticked(staff: Browser, name: str) -> None:
    """The consent page would have no words for such a scope, and the token endpoint no grant type."""
    assert list(errors_of(staff.post(ADD, form(**{name: ["user", "authorization_code", "everything"]})))) == [name]


@pytest.mark.parametrize("name", ["scope", "grant_types"])
def test_a_client_that_may_have_nothing_is_refused(staff: Browser, name: str) -> None:
    """Deactivation is the way to switch a client off."""
    assert errors_of(staff.post(ADD, form(**{name: None}))) == {name: ["This field is required."]}


def test_renewing_alone_is_no_way_to_get_tokens(staff: Browser) -> None:
    """The client would have nothing to renew."""
    assert list(errors_of(staff.post(ADD, form(grant_types=["refresh_token"])))) == ["grant_types"]


def test_a_stored_scope_that_is_gone_from_the_settings_stays_visible_and_kept(
    staff: Browser, presc_man: Client
) -> None:
    """Editing the name must not silently remove a scope."""
    Client.objects.filter(pk=presc_man.pk).update(scope="user legacy")
    page = staff.get(change_url(presc_man)).content.decode()
    staff.post(change_url(presc_man), form(client_id=None, scope=["user", "legacy"]))
    presc_man.refresh_from_db()
    assert ("legacy: no longer offered by this server" in page, presc_man.scope) == (True, "user legacy")


def test_the_add_form_comes_with_everything_ticked_that_is_usual(staff: Browser) -> None:
    """Staff only have to type the name and the redirect URI."""
    page = staff.get(ADD).content.decode()
    ticked = re.findall(r'<input type="checkbox" name="([a-z_]+)"(?: value="([a-z_]+)")?[^>]*checked', page)
    assert ticked == [
        ("is_active", ""),
        ("scope", "user"),
        ("scope", "profile"),
        ("grant_types", "authorization_code"),
        ("grant_types", "refresh_token"),
        ("requires_pkce", ""),
        ("remembers_consent", ""),
    ]


@pytest.mark.parametrize("action", ["deactivate", "activate"])
def test_clients_are_switched_off_and_on_from_the_list(staff: Browser, presc_man: Client, action: str) -> None:
    """Staff should not have to search a form for the box in an emergency."""
    Client.objects.update(is_active=action == "deactivate")
    data = {"action": action, "_selected_action": [presc_man.pk]}
    page = staff.post("/admin/oauth_service/client/", data, follow=True).content.decode()
    presc_man.refresh_from_db()
    told = {"activate": "1 client is active again.", "deactivate": "1 client was deactivated."}[action]
    assert (presc_man.is_active, told in page) == (action == "activate", True)


def test_the_list_counts_live_connections(staff: Browser, consent: Any) -> None:
    """Two connections are live, the third has expired."""
    page = staff.get("/admin/oauth_service/client/").content.decode()
    assert re.findall(r'class="field-connections">(\d+)<', page) == ["2"]


@pytest.mark.parametrize("words", ["Prescription", "presc_man_123", "Wonderland", "127.0.0.1:5000"])
def test_clients_are_found_by_what_people_know_of_them(
    staff: Browser, presc_man: Client, public_app: Client, words: str
) -> None:
    """People know the name, client ID, operator, or the redirect URI in an error message."""
    found = staff.get("/admin/oauth_service/client/", {"q": words}).context["cl"].result_list
    assert list(found) == [presc_man]


def test_deleting_a_client_tells_how_many_connections_end(staff: Browser, consent: Any) -> None:
    """The page has the number and no list of connections, because there may be a million."""
    page = staff.get(f"/admin/oauth_service/client/{consent.client_id}/delete/").content.decode()
    assert "<li>Connections: 2</li>" in page


def test_deleting_a_client_ends_what_hangs_on_it(staff: Browser, guide: Guide) -> None:
    """A client that is registered again under the same name starts without connections."""
    access_token = guide.tokens()["access_token"]
    staff.post(f"/admin/oauth_service/client/{guide.client.pk}/delete/", {"post": "yes"})
    assert (Client.objects.count(), Consent.objects.count(), guide.is_alive(access_token)) == (0, 0, False)


def test_who_may_only_look_sees_a_client_without_any_field_to_fill_in(onlooker: Browser, presc_man: Client) -> None:
    """Staff with view permissions must not find a way to change a client, or a link to its secret."""
    page = onlooker.get(change_url(presc_man)).content.decode()
    assert ("presc_man_123" in page, 'name="name"' in page, "/secret/" in page) == (True, False, False)


@pytest.mark.parametrize("key", ["", "k" * 40])
def test_a_pairwise_client_needs_a_key_and_a_sector(staff: Browser, settings: Settings, key: str) -> None:
    """
    Otherwise users could not sign in to it (OpenID Connect Core section 8.1). The form shows each fault at its field.
    """
    settings.OAUTH_SERVICE_SCOPES = {"openid": "Who you are", "profile": "Your name"}
    settings.OAUTH_SERVICE_PAIRWISE_KEY = key
    hosts = "https://a.example/callback\nhttps://b.example/callback"
    openid = {"scope": ["openid"], "id_token_signed_response_alg": "RS256", "subject_type": "pairwise"}
    errors = errors_of(staff.post(ADD, form(redirect_uris=hosts, **openid)))
    assert (set(errors), Client.objects.count()) == (
        {"sector_identifier_uri"} | (set() if key else {"subject_type"}),
        0,
    )
    if key:
        shown_secret(staff.post(ADD, form(**openid)))


def test_a_client_can_be_saved_after_openid_connect_was_switched_off(staff: Browser, presc_man: Client) -> None:
    """The form has no OpenID Connect fields then, and their faults do not matter."""
    Client.objects.update(subject_type="pairwise", id_token_signed_response_alg="none")
    response = staff.post(change_url(presc_man), form(name="Renamed", client_id=None))
    assert (response.status_code, Client.objects.get().name) == (302, "Renamed")


def test_the_document_of_a_sector_is_read_when_it_matters(
    staff: Browser, settings: Settings, presc_man: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed sector or redirect URI needs it. Renaming or deactivating a client works while the origin is down."""
    settings.OAUTH_SERVICE_SCOPES = {"openid": "Who you are", "profile": "Your name"}
    settings.OAUTH_SERVICE_PAIRWISE_KEY = "k" * 40
    asked: list[str] = []

    def is_down(url: str, **_: object) -> None:
        asked.append(url)
        raise fetch.FetchFailed("it is down")

    monkeypatch.setattr(fetch, "fetch", is_down)
    openid = {"scope": ["openid"], "id_token_signed_response_alg": "RS256", "subject_type": "pairwise"}
    uris = ["https://a.example/callback", "https://b.example/callback"]
    stored = openid | {"sector_identifier_uri": "https://sector.example/1", "redirect_uris": "\r\n".join(uris)}
    Client.objects.update(**stored | {"scope": "openid", "redirect_uris": "\n".join(uris)})
    url = change_url(presc_man)
    saved = staff.post(url, form(client_id=None, **stored | {"name": "Renamed", "is_active": None}))
    client = Client.objects.get()
    assert (saved.status_code, client.name, client.is_active, asked) == (302, "Renamed", False, [])
    for change in ({"sector_identifier_uri": "https://sector.example/2"}, {"redirect_uris": uris[0]}):
        assert set(errors_of(staff.post(url, form(client_id=None, **stored | change)))) == {"sector_identifier_uri"}
    assert set(errors_of(staff.post(ADD, form(**stored | {"client_id": "new"})))) == {"sector_identifier_uri"}
    assert asked == ["https://sector.example/2", "https://sector.example/1"]
