"""An unknown client, from its first request to its last token."""

import json
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from oauth_service.models import Client, Consent, Document, Grant, Registration
from tests.actors import FORM
from tests.assertions import Signer
from tests.client_documents.actors import App
from tests.client_documents.origin import CALLBACK, LOOPBACK, URL, Origin
from tests.database import connection


def test_it_is_connected_and_goes_on(app: App) -> None:
    """Code, tokens, a guarded view, a refresh and a revocation work as for any other public client."""
    tokens = app.connect()
    assert app.opens(tokens)
    refreshed = app.refresh(tokens)
    assert refreshed.status_code == 200, refreshed.content
    assert app.revoke(refreshed.json()).status_code == 200
    assert app.refresh(refreshed.json()).status_code == 400
    assert app.origin.urls == [URL]


def test_its_row_says_what_the_document_says(app: App) -> None:
    """The registration is marked to stay, because a user connected the client."""
    app.connect()
    client, kept = app.client, app.registration
    assert (client.name, client.client_type, client.application_type) == ("Notes", "public", "native")
    assert client.redirect_uri_list == (CALLBACK, LOOPBACK)
    assert client.requires_pkce
    assert (kept.is_document, kept.purge_at, kept.connected_at is None) == (True, None, False)
    assert kept.document_fetched_at == Document.objects.get(url=URL).fetched_at


def test_after_signing_in_the_request_goes_on(app: App, alice: User) -> None:
    """The login page leads back to the request, as for any other client."""
    app.browser = Browser()
    onward = app.ask()["Location"]
    app.browser.force_login(alice)
    assert app.browser.get(parse_qs(urlsplit(onward).query)["next"][0]).status_code == 200
    assert app.registration.is_document


def test_without_anybody_signed_in_prompt_none_is_an_error_page(app: App, settings: Settings) -> None:
    """The redirect URI is not verified, and the document is not fetched without a signed-in user."""
    app.browser = Browser()
    assert app.ask(prompt="none").status_code == 400
    assert app.origin.urls == []


@pytest.mark.parametrize("uri", ["http://127.0.0.1:33418/callback", "http://127.0.0.1/callback"])
@pytest.mark.parametrize("listed", [LOOPBACK, "http://127.0.0.1:8080/callback"])
def test_the_port_on_the_device_is_free(app: App, uri: str, listed: str) -> None:
    """The port is free even if the document says that it is a web client (RFC 8252 section 7.3)."""
    app.origin.publish(redirect_uris=[listed], application_type="web")
    app.redirect_uri = uri
    assert app.opens(app.connect())


def test_a_client_that_signs_authenticates(app: App, settings: Settings) -> None:
    """The keys are those in the document. Without an assertion the client gets nothing."""
    signer = Signer(URL)
    app.origin.publish(token_endpoint_auth_method="private_key_jwt", jwks=json.loads(signer.jwks))
    code = app.code()
    exchange = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": "v" * 43}
    assert app.token(**exchange).status_code == 401
    signed = app.token(**exchange, **signer.proof())
    assert signed.status_code == 200, signed.content
    assert app.client.client_type == "confidential"


# -- one client_id, many installs -------------------------------------------------------------------------------------


def test_connections_are_counted_and_end_one_by_one(app: App, bob: User) -> None:
    """
    Two installs of Alice's and one of Bob's share one client row. An install that revokes its token ends only itself.
    """
    first, second = app.connect(), app.connect()
    bobs = App(app.origin, Browser())
    bobs.browser.force_login(bob)
    third = bobs.connect()
    assert (Client.objects.filter(client_id=URL).count(), Grant.objects.count(), Consent.objects.count()) == (1, 3, 2)
    app.revoke(first)
    assert [app.opens(each) for each in (first, second, third)] == [False, True, True]


def test_who_disconnects_the_app_ends_all_of_their_own_installs(app: App, bob: User) -> None:
    """Alice gave one consent for her installs; Bob has his own."""
    first, second = app.connect(), app.connect()
    bobs = App(app.origin, Browser())
    bobs.browser.force_login(bob)
    third = bobs.connect()
    app.browser.post("/oauth/deauthorise/", urlencode({"client_id": URL}), content_type=FORM)
    assert [app.opens(each) for each in (first, second, third)] == [False, False, True]


def test_a_replay_at_one_install_leaves_the_others(app: App) -> None:
    """A late replay of a refresh token ends only the connection that it belongs to."""
    first, second = app.connect(), app.connect()
    newer = app.refresh(app.refresh(first).json()).json()
    assert app.refresh(first).status_code == 400
    assert [app.opens(each) for each in (newer, second)] == [False, True]


# -- consent ----------------------------------------------------------------------------------------------------------


def test_an_app_on_the_device_is_asked_about_every_time(app: App) -> None:
    """Anybody can send the client_id, and any program on the device may receive the answer (RFC 8252 section 8.6)."""
    app.redirect_uri = LOOPBACK
    app.connect()
    assert app.ask().status_code == 200


def test_an_answer_to_the_site_of_the_app_is_remembered(app: App) -> None:
    """An https redirect URI proves who gets the answer, as for any other public client."""
    app.connect()
    assert app.ask()["Location"].startswith(f"{CALLBACK}?code=")


# -- switched off, and cost --------------------------------------------------------------------------------------------


def test_off_a_url_is_an_unknown_client(app: App, settings: Settings) -> None:
    """Nothing is fetched, and the metadata does not mention documents."""
    settings.OAUTH_SERVICE_CLIENT_ID_METADATA_DOCUMENTS = False
    assert app.ask().status_code == 400
    assert (app.origin.urls, Client.objects.count()) == ([], 0)
    assert (
        "client_id_metadata_document_supported" not in app.program.get("/.well-known/oauth-authorization-server").json()
    )


def test_switched_off_later_nobody_connects_it_anew(app: App, settings: Settings) -> None:
    """Existing connections stay alive."""
    tokens = app.connect()
    settings.OAUTH_SERVICE_CLIENT_ID_METADATA_DOCUMENTS = False
    assert app.ask().status_code == 400
    assert app.refresh(tokens).status_code == 200


@pytest.mark.parametrize("is_on", [False, True])
def test_a_client_of_the_operators_may_have_a_url(app: App, presc_man: Client, settings: Settings, is_on: bool) -> None:
    """The client was registered past the admin: no document describes it, and none is fetched."""
    settings.OAUTH_SERVICE_CLIENT_ID_METADATA_DOCUMENTS = is_on
    Client.objects.filter(pk=presc_man.pk).update(client_id=URL, redirect_uris=CALLBACK)
    assert app.ask().status_code == 200
    assert (app.origin.urls, Registration.objects.count()) == ([], 0)


def test_a_warm_request_costs_one_statement_more(app: App) -> None:
    """The comparison is with a registered client."""
    app.connect()
    with CaptureQueriesContext(connection) as of_document:
        app.ask()
    Registration.objects.all().delete()
    Client.objects.update(client_id="registered")
    app.client_id = "registered"
    with CaptureQueriesContext(connection) as of_registered:
        app.ask()
    assert len(of_document) <= len(of_registered) + 1


def test_a_client_that_is_registered_pays_nothing(app: App, presc_man: Client, settings: Settings) -> None:
    """The setting makes no difference for registered clients."""
    counts = []
    for is_on in (False, True):
        settings.OAUTH_SERVICE_CLIENT_ID_METADATA_DOCUMENTS = is_on
        with CaptureQueriesContext(connection) as asked:
            app.ask(client_id=presc_man.client_id, redirect_uri=presc_man.redirect_uri_list[0])
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_an_origin_that_is_down_introduces_nobody(origin: Origin, signed_in: Browser) -> None:
    """The user sees an error page, no client is stored, and the attempted document is deleted soon."""
    app = App(origin, signed_in)
    assert app.ask().status_code == 400
    assert Client.objects.count() == 0
