"""Attacks by somebody who chooses client_ids, or the documents there."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client as Browser
from django.utils import timezone
from pytest_django import Settings

from oauth_service.models import Client, Document, Registration, purge
from oauth_service.protocol.device_code import GRANT_TYPE
from tests.assertions import Signer
from tests.attacks.test_ssrf import inside
from tests.client_documents.actors import App
from tests.client_documents.origin import CALLBACK, URL, Origin
from tests.specs.answers import refusal_of

__all__ = ["inside"]


# -- requests that a client_id causes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("is_trial", [False, True], ids=["in production", "in a trial"])
def test_no_client_id_reaches_this_machine(
    documents_are_on: None, signed_in: Browser, settings: Settings, inside: tuple[str, list[str]], is_trial: bool
) -> None:
    """
    The guarded fetch itself refuses the address. With the setting for trials the request arrives, so the test can fail.
    """
    settings.OAUTH_SERVICE_OUTBOUND_LOOPBACK = is_trial
    at, visitors = inside
    assert App(Origin(), signed_in, f"https://{at}/c").ask().status_code == 400
    assert bool(visitors) is is_trial


def test_a_name_that_means_another_address_a_moment_later(
    documents_are_on: None, signed_in: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is resolved once per fetch, and the fetch does not connect to a private address."""
    import socket

    asked: list[Any] = []

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert App(Origin(), signed_in).ask().status_code == 400
    assert asked == ["app.example"]


@pytest.mark.parametrize("path", ["/token/", "/oauth/revoke/", "/introspect/", "/oauth/deauthorise/", "/oauth/logout/"])
def test_only_authorization_requests_fetch_documents(app: App, settings: Settings, path: str) -> None:
    """Other endpoints never fetch, even for a signed-in user."""
    settings.OAUTH_SERVICE_INTROSPECTION = True
    for browser in (app.program, app.browser):
        body = {"client_id": URL, "token": "RT_x", "grant_type": "refresh_token", "refresh_token": "RT_x"}
        browser.post(path, body, content_type="application/json")
    assert (app.origin.urls, Client.objects.count(), Document.objects.count()) == ([], 0, 0)


def test_nothing_is_fetched_before_somebody_has_signed_in(app: App) -> None:
    """Otherwise anybody without an account could make this server fetch URLs."""
    app.browser = Browser()
    answer = app.ask()
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/login/")
    assert (app.origin.urls, Client.objects.count(), Document.objects.count()) == ([], 0, 0)


# -- contents of documents -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 10_000,
        b'{"a":' * 3_000,
        b'{"client_id": "%s", "jwks": %s1%s}' % (URL.encode(), b'{"a":' * 900, b"}" * 900),
        b'{"client_id": 1%s}' % (b"0" * 10_000),
        b'{"client_id": "%s", "client_id": "%s"}' % (URL.encode(), URL.encode()),
        b'{"client_id": "%s", "client_name": "a\\u0000"}' % URL.encode(),
        b'{"client_id": "%s", "client_name": "\\ud800"}' % URL.encode(),
    ],
    ids=["arrays", "objects", "a key set", "a number", "twice", "a NUL byte", "half a character"],
)
def test_json_that_harms_introduces_nobody(app: App, body: bytes) -> None:
    """The user sees an error page, and the server keeps working."""
    app.origin.answer(body)
    assert app.ask().status_code == 400
    assert Client.objects.count() == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"etag": '"\xe9"', "cache-control": "max-age=60"},
        {"expires": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"},
        {"expires": "Mon, 01 Jan 2030 00:00:00 +99999999999999999999"},
    ],
    ids=["a tag that is not ASCII", "a year", "an offset"],
)
def test_headers_that_harm_cost_nobody_the_page(app: App, headers: dict[str, str]) -> None:
    """The origin chooses the headers of its document. They must not make the server fail, now or at the next fetch."""
    app.origin.publish(headers=headers)
    assert app.ask().status_code == 200
    Document.objects.update(fresh_until=timezone.now() - timedelta(seconds=1))
    app.origin.publish(headers=headers, client_name="Letters")
    assert "Letters" in app.page()
    assert all(value.isascii() for _url, sent in app.origin.asked for value in sent.values())


@pytest.mark.parametrize("harm", ["\x1b[2J", "\x9b2J", "\u202e"], ids=ascii)
def test_a_document_writes_nothing_of_its_own_into_the_log(
    app: App, settings: Settings, caplog: pytest.LogCaptureFixture, harm: str
) -> None:
    """An operator who reads the log in a terminal would see what the author of the document wants."""
    settings.OAUTH_SERVICE_SCOPES = {"openid": "Who you are", "user": "Your name"}
    app.origin.publish(post_logout_redirect_uris=[f"{harm}https://app.example/"])
    assert app.ask().status_code == 400
    told = [record.getMessage() for record in caplog.records]
    assert any("app.example/oauth/client.json" in each for each in told)
    assert [each for each in told if not each.isprintable()] == []
    assert Document.objects.get().last_error.isprintable()


def test_unsupported_values_in_a_document_are_ignored(app: App) -> None:
    """
    Documents are written for every server, so they name grant types, scopes, URIs and algorithms that this one lacks.
    """
    app.origin.publish(
        grant_types=["authorization_code", "refresh_token", "client_credentials", "implicit", "urn:x:y"],
        response_types=["code", "token", "code id_token"],
        scope="user mcp:tools",
        redirect_uris=[CALLBACK, "http://app.example/", "javascript:alert(1)", "https://app.example/#f"],
        id_token_signed_response_alg="HS512",
        frobnicate={"deep": [1]},
        software_statement="none.of.this",
    )
    app.connect()
    client = app.client
    assert (client.grant_types, client.scope) == ("authorization_code refresh_token", "user")
    assert client.redirect_uri_list == (CALLBACK,)


def test_a_name_that_is_none_is_that_of_the_host(app: App) -> None:
    """The host of a redirect URI would not do, because it may belong to somebody else."""
    app.origin.publish(client_name=" \u202e ", redirect_uris=["https://bank.example/callback"])
    app.redirect_uri = "https://bank.example/callback"
    app.page()
    assert app.client.name == "app.example"


def test_a_document_gives_itself_nothing_that_is_the_operators(app: App) -> None:
    """Members that only the operator may set are ignored."""
    app.origin.publish(
        operator="Google",
        requires_pkce=False,
        may_impersonate=True,
        is_active=True,
        introspection_resources=["https://a.example"],
    )
    app.page()
    client = app.client
    assert (client.operator, client.requires_pkce, client.may_impersonate, client.introspection_resources) == (
        "",
        True,
        False,
        "",
    )


def test_pkce_is_needed_of_everybody(app: App, settings: Settings) -> None:
    """Even a web client with a key needs PKCE, although the registration setting would not require it."""
    settings.OAUTH_SERVICE_REGISTRATION_REQUIRES_PKCE = False
    jwks = json.loads(Signer(URL).jwks)
    app.origin.publish(token_endpoint_auth_method="private_key_jwt", jwks=jwks, redirect_uris=[CALLBACK])
    answer = app.ask(code_challenge="", code_challenge_method="")
    assert "error=invalid_request" in answer["Location"]


# -- impersonation -------------------------------------------------------------------------------------------------------


def test_a_document_names_no_client_that_there_is(app: App, presc_man: Client) -> None:
    """The operator's client stays as it is."""
    app.origin.publish(client_id=presc_man.client_id)
    assert app.ask().status_code == 400
    assert Client.objects.get() == presc_man


@pytest.mark.parametrize(
    "other",
    [
        "https://app.example:443/oauth/client.json",
        "https://app.example/oauth/client.json/",
        "https://app.example/oauth/client.json?",
        "https://app.example/oauth/%63lient.json",
        "https://app.example//oauth/client.json",
        "https://other.example/oauth/client.json",
    ],
)
def test_no_spelling_is_another_client(app: App, other: str) -> None:
    """A different text is a different client. The document there describes the first one, and does not match."""
    app.connect()
    app.origin.answers[other] = app.origin.answers[URL]
    assert app.ask(client_id=other).status_code == 400
    Document.objects.filter(url=other).delete()  # otherwise it would not be fetched again at once
    app.origin.publish(other)
    assert app.ask(client_id=other).status_code == 200
    assert Client.objects.count() == 2


@pytest.mark.parametrize(
    ("allowed", "blocked", "url", "is_taken"),
    [
        ([], [], URL, True),
        (["app.example"], [], URL, True),
        ([".example"], [], URL, True),
        ([".app.example"], [], "https://a.b.app.example/c", True),
        ([".app.example"], [], URL, True),
        (["app.example"], [], "https://a.app.example/c", False),
        (["other.example"], [], URL, False),
        ([".app.example"], [], "https://badapp.example/c", False),
        (["*"], [], URL, True),
        ([], ["app.example"], URL, False),
        ([], ["app.example"], "https://app.example:8443/c", False),
        ([], [".example"], URL, False),
        ([], ["app.example"], "https://a.app.example/c", True),
        (["app.example"], ["app.example"], URL, False),
    ],
)
def test_lists_say_which_hosts_introduce_clients(
    app: App, settings: Settings, allowed: list[str], blocked: list[str], url: str, is_taken: bool
) -> None:
    """A blocked host is not even contacted."""
    settings.OAUTH_SERVICE_CLIENT_ID_METADATA_ALLOWED_HOSTS = allowed
    settings.OAUTH_SERVICE_CLIENT_ID_METADATA_BLOCKED_HOSTS = blocked
    app.origin.publish(url)
    assert app.ask(client_id=url).status_code == (200 if is_taken else 400)
    assert app.origin.urls == ([url] if is_taken else [])


def test_a_host_that_is_blocked_later_connects_nobody_anew(app: App, settings: Settings) -> None:
    """Existing connections stay alive."""
    tokens = app.connect()
    settings.OAUTH_SERVICE_CLIENT_ID_METADATA_BLOCKED_HOSTS = ["app.example"]
    assert app.ask().status_code == 400
    assert app.refresh(tokens).status_code == 200


# -- floods ----------------------------------------------------------------------------------------------------------------


def flood(app: App, address: str, count: int, *, are_there: bool = False) -> list[int]:
    """Send requests with unknown client_ids, and return their statuses."""
    statuses = []
    for number in range(count):
        url = f"https://{address.replace('.', '-')}.example/{number}"
        if are_there:
            app.origin.publish(url)
        app.browser.defaults["REMOTE_ADDR"] = address
        statuses.append(app.ask(client_id=url).status_code)
    return statuses


def test_an_address_has_only_so_many_fetched(app: App, settings: Settings) -> None:
    """Missing documents count, too. Other addresses are not affected."""
    settings.OAUTH_SERVICE_REGISTRATION_LIMIT = 3
    assert flood(app, "203.0.113.1", 5) == [400, 400, 400, 429, 429]
    assert len(app.origin.asked) == 3
    assert flood(app, "203.0.113.2", 1, are_there=True) == [200]


def test_all_addresses_have_only_so_many_fetched(app: App, settings: Settings) -> None:
    """The limit for all addresses is a hundred times that of one."""
    settings.OAUTH_SERVICE_REGISTRATION_LIMIT = 1
    statuses = [flood(app, f"203.0.{number}.1", 1)[0] for number in range(102)]
    assert (statuses.count(400), statuses.count(429)) == (100, 2)
    assert len(app.origin.asked) == 100


def test_a_client_that_is_known_is_not_concerned(app: App, settings: Settings) -> None:
    """Known clients are limited neither by fetches nor by waiting clients."""
    app.connect()
    settings.OAUTH_SERVICE_REGISTRATION_LIMIT = 1
    settings.OAUTH_SERVICE_REGISTRATION_MOST_WAITING = 1
    flood(app, "203.0.113.1", 2, are_there=True)
    Document.objects.filter(url=URL).update(fresh_until=timezone.now() - timedelta(hours=1))
    app.browser.defaults["REMOTE_ADDR"] = "203.0.113.1"
    assert app.ask().status_code == 302


def test_only_so_many_wait_for_somebody_to_connect_them(app: App, settings: Settings) -> None:
    """The limit is common to all addresses and to self-registered clients."""
    settings.OAUTH_SERVICE_REGISTRATION_MOST_WAITING = 2
    assert [flood(app, f"203.0.113.{n}", 1, are_there=True)[0] for n in range(3)] == [200, 200, 503]
    assert (Registration.objects.count(), len(app.origin.asked)) == (2, 2)


def test_what_nobody_connects_vanishes(app: App) -> None:
    """The row and the copy of the document are deleted. A connected client stays."""
    app.connect()
    flood(app, "203.0.113.1", 2, are_there=True)
    later = timezone.now() + timedelta(days=8)
    purge.sweep(now=later)
    assert list(Client.objects.values_list("client_id", flat=True)) == [URL]
    purge.sweep(now=later + timedelta(hours=2))
    assert list(Document.objects.values_list("url", flat=True)) == [URL]


def test_what_could_not_be_fetched_is_forgotten_soon(app: App) -> None:
    """Rows of random URLs must not pile up."""
    flood(app, "203.0.113.1", 3)
    assert Document.objects.count() == 3
    purge.sweep(now=timezone.now() + timedelta(hours=1, minutes=1))
    assert Document.objects.count() == 0


# -- devices -----------------------------------------------------------------------------------------------------------------


def test_a_device_introduces_its_client(app: App, devices: Settings) -> None:
    """No user is involved yet, so the limits are those of an authorization request."""
    app.origin.publish(grant_types=[GRANT_TYPE, "refresh_token"], redirect_uris=[])
    devices.OAUTH_SERVICE_REGISTRATION_LIMIT = 1
    begun = app.program.post("/device-authorization/", {"client_id": URL}, content_type="application/json")
    assert begun.status_code == 200, begun.content
    assert app.registration.purge_at
    refused = app.program.post("/device-authorization/", {"client_id": f"{URL}?2"}, content_type="application/json")
    assert refusal_of(refused) == (429, "temporarily_unavailable")
    assert app.origin.urls == [URL]


def test_a_device_whose_document_is_none_is_not_authenticated(app: App, devices: Settings) -> None:
    """The error is that of any failed client authentication."""
    app.origin.answer(b"[]")
    refused = app.program.post("/device-authorization/", {"client_id": URL}, content_type="application/json")
    assert refusal_of(refused) == (401, "invalid_client")


# -- words for users and the operator ------------------------------------------------------------------------------------------


def test_its_logo_is_served_from_here(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client_id is one segment of the path."""
    app.origin.publish(logo_uri="https://app.example/logo.png")
    monkeypatch.setattr("oauth_service.endpoints.logo.logo_of", lambda uri: uri.encode())
    page = app.page()
    path = next(part for part in page.split('"') if part.startswith("/oauth/logo/~"))
    assert app.program.get(path).content == b"https://app.example/logo.png"
    assert "https://app.example/logo.png" not in page


def test_staff_see_what_it_is_and_cannot_write_what_its_document_says(app: App, staff: Browser) -> None:
    """Staff can edit the other columns, and saving keeps the client."""
    app.page()
    address = f"/admin/oauth_service/client/{app.client.pk}/change/"
    page = staff.get(address)
    form = page.context["adminform"].form
    assert not {"name", "redirect_uris", "scope", "jwks_uri", "requires_pkce", "client_id"} & set(form.fields)
    text = page.content.decode()
    assert "The metadata document at the client ID. It proves that the client belongs to app.example. Values" in text
    values = {
        name: value for name, value in form.initial.items() if name in form.fields and value not in (None, False, "")
    }
    saved = staff.post(address, values | {"is_active": "", "operator": "Notes Ltd"})
    assert saved.status_code == 302, saved.context["adminform"].form.errors
    client = app.client
    assert (client.name, client.operator, client.is_active) == ("Notes", "Notes Ltd", False)
    assert app.registration.purge_at is None


def test_the_list_of_clients_has_a_filter(app: App, staff: Browser, presc_man: Client) -> None:
    """The filter separates clients with documents, self-registered ones and the operator's."""
    app.page()
    listed = "/admin/oauth_service/client/?registered_by="
    shown = {
        value: [each.client_id for each in staff.get(f"{listed}{value}").context["cl"].queryset]
        for value in ("operator", "document")
    }
    assert shown == {"operator": [presc_man.client_id], "document": [URL]}


def test_nothing_about_it_is_managed_by_registration(app: App, settings: Settings) -> None:
    """The client has no registration access token, and an empty one is not accepted."""
    settings.OAUTH_SERVICE_REGISTRATION = "open"
    app.page()
    path = f"/register/{quote(URL, safe='')}/"
    for token in ("RAT_", "x"):
        assert app.program.get(path, headers={"Authorization": f"Bearer {token}"}).status_code in (401, 404)
    assert app.client.is_active
