"""Steps 1 to 6: from the Connect button to the list."""

import base64
import hashlib

import pytest
from django.test import Client

from prescription_manager_app.models import Connection, Patient
from tests.prescription_manager_app.conftest import Browser
from tests.prescription_manager_app.fake_server import REDIRECT_URI, Answer, FakeServer


def test_nobody_connected_is_shown_the_way_to_connect(browser: Browser) -> None:
    assert "Connect to OAuth Service" in browser.home().text


def test_connect_sends_the_request_of_step_1_with_pkce(browser: Browser) -> None:
    url = browser.depart()
    sent = FakeServer.parameters(url)
    assert url.startswith(f"{browser.server.issuer}/authorise/?")
    assert len(sent.pop("state")) >= 32
    assert len(sent.pop("code_challenge")) == 43
    assert sent == {
        "response_type": "code",
        "client_id": "presc_man_123",
        "redirect_uri": REDIRECT_URI,
        "scope": "user profile",
        "code_challenge_method": "S256",
    }


def test_connect_is_not_a_link_and_needs_our_own_page(server: FakeServer, db: None) -> None:
    """Otherwise another site could begin an authorization in Alice's browser."""
    client = Client(enforce_csrf_checks=True)
    assert client.get("/connect/").status_code == 405
    assert client.post("/connect/").status_code == 403


def test_after_allow_her_name_is_shown(browser: Browser) -> None:
    assert "Connected as Alice Liddell" in browser.connect().text


def test_the_code_is_exchanged_with_the_json_of_step_4(browser: Browser) -> None:
    url = browser.depart()
    query = browser.server.allow(url)
    browser.come_back(query)
    (heard,) = browser.server.sent_to("/token/")
    sent = heard.json
    challenge = hashlib.sha256(sent.pop("code_verifier").encode()).digest()
    assert (heard.method, heard.content_type, heard.authorization) == ("POST", "application/json", "")
    assert FakeServer.parameters(url)["code_challenge"] == base64.urlsafe_b64encode(challenge).decode().rstrip("=")
    assert sent == {
        "grant_type": "authorization_code",
        "code": FakeServer.parameters(f"?{query}")["code"],
        "redirect_uri": REDIRECT_URI,
        "client_id": "presc_man_123",
        "client_secret": "ITS_A_VERY_SECRET_KEY",
    }


def test_userinfo_gets_the_access_token_in_the_header_of_step_6(alice: Browser) -> None:
    heard = alice.server.sent_to("/userinfo/")[0]
    assert heard.method == "GET"
    assert heard.authorization.startswith("Bearer AT_")


def test_the_session_gets_a_new_key(browser: Browser) -> None:
    """Session fixation: an attacker who planted the old key must not share the connection."""
    browser.depart()
    before = browser.client.session.session_key
    browser.connect()
    assert browser.client.session.session_key != before


def test_the_code_leaves_the_address_bar(browser: Browser) -> None:
    assert browser.connect().redirects == ["/"]


def test_a_state_of_another_browser_is_ignored_before_anything_is_sent(browser: Browser, server: FakeServer) -> None:
    query = server.allow(browser.depart())
    response = Browser(Client(), server).come_back(query)
    assert response.status_code == 400
    assert "does not belong to your visit" in response.text
    assert server.heard == []


def test_a_state_is_good_for_one_answer(browser: Browser) -> None:
    url = browser.depart()
    browser.come_back(browser.server.deny(url))
    assert "does not belong to your visit" in browser.come_back(browser.server.allow(url)).text
    assert browser.server.heard == []


def test_an_answer_that_arrives_again_is_not_used_again(browser: Browser) -> None:
    """A second exchange of the code would end the connection that the first one has made."""
    query = browser.server.allow(browser.depart())
    browser.come_back(query)
    assert "Connected as Alice" in browser.come_back(query).text
    assert len(browser.server.sent_to("/token/")) == 1


def test_two_tabs_can_connect_at_once(browser: Browser) -> None:
    first, second = browser.depart(), browser.depart()
    assert browser.come_back(browser.server.allow(first)).status_code == 200
    assert "Connected as Alice" in browser.come_back(browser.server.allow(second)).text


def test_the_connection_of_the_second_tab_replaces_the_first_and_gives_it_back(browser: Browser) -> None:
    first, second = browser.depart(), browser.depart()
    browser.come_back(browser.server.allow(first))
    browser.come_back(browser.server.allow(second))
    assert (Connection.objects.count(), len(browser.server.grants)) == (1, 1)


@pytest.mark.parametrize("iss", ["https://attacker.example", "", None, "twice"])
def test_an_answer_without_our_servers_name_is_ignored(browser: Browser, iss: str | None) -> None:
    """RFC 9207: with several servers, a mix-up would give one server's code to another."""
    ours = f"&iss={browser.server.issuer}".replace(":", "%3A").replace("/", "%2F")
    query = browser.server.allow(browser.depart())
    assert ours in query
    query = query + ours if iss == "twice" else query.replace(ours, "" if iss is None else f"&iss={iss}")
    response = browser.come_back(query)
    assert (response.status_code, browser.server.heard) == (400, [])
    assert "comes from somewhere else" in response.text


def test_deny_is_told_with_a_way_back(browser: Browser) -> None:
    content = browser.come_back(browser.server.deny(browser.depart())).text
    assert "You chose not to connect" in content
    assert "Connect to OAuth Service" in content


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("invalid_scope", "refused our request"),
        ("unauthorized_client", "does not recognise this app"),
        ("temporarily_unavailable", "has a problem"),
        ("<script>alert(1)</script>", "refused our request"),
    ],
)
def test_every_error_at_the_callback_is_told_in_words(browser: Browser, error: str, words: str) -> None:
    content = browser.come_back(browser.server.deny(browser.depart(), error)).text
    assert words in content
    assert "alert(1)" not in content


@pytest.mark.parametrize("parameters", ["", "&code=", "&code=a&code=b"])
def test_an_answer_with_no_code_is_not_used(browser: Browser, parameters: str) -> None:
    query = browser.server.allow(browser.depart())
    query = "&".join(part for part in query.split("&") if not part.startswith("code=")) + parameters
    assert "do not understand" in browser.come_back(query).text
    assert browser.server.heard == []


def test_a_code_that_is_refused_asks_for_another_try(browser: Browser) -> None:
    query = browser.server.allow(browser.depart())
    browser.server.codes.clear()
    content = browser.come_back(query).text
    assert "took too long" in content
    assert "Connect to OAuth Service" in content


def test_tokens_that_open_nothing_are_given_back(browser: Browser) -> None:
    """If userinfo fails there is no connection, and the grant must not stay on the server."""
    query = browser.server.allow(browser.depart())
    browser.server.faults["/userinfo/"] = lambda: Answer(500)
    assert browser.come_back(query).status_code == 502
    assert (browser.server.grants, Connection.objects.count()) == ({}, 0)


def test_a_patient_belongs_to_the_server_that_named_her(alice: Browser, server: FakeServer) -> None:
    """Another server may give the same sub to someone else."""
    patient = Patient.objects.get()
    assert (patient.issuer, patient.sub) == (server.issuer, "alice-1")


@pytest.mark.usefixtures("development")
def test_the_first_visit_in_development_shows_a_sample_list(browser: Browser) -> None:
    assert "Lisinopril" in browser.connect().text
    browser.client.post("/logout/")
    assert browser.connect().text.count("Lisinopril") == 3, "heading and two buttons: no second helping"


def test_the_first_visit_in_production_shows_an_empty_list(alice: Browser) -> None:
    assert "No prescriptions yet" in alice.home().text


def test_localhost_moves_to_the_host_of_the_callback(browser: Browser) -> None:
    """The session cookie of localhost is not sent to 127.0.0.1."""
    response = browser.client.get("/", headers={"host": "localhost:5000"})
    assert (response.status_code, response["Location"]) == (302, "http://127.0.0.1:5000/")
