"""/lifecycle/: the nine steps as they happened, and what must fail. The real refusals are the journeys' to prove."""

import pytest
from django.test import Client

from prescription_manager_app.experiments import EXPERIMENTS
from prescription_manager_app.models import Connection, RecordedExchange
from prescription_manager_app.models.recorded_exchange import KEPT_PER_STEP
from tests.prescription_manager_app.conftest import Browser
from tests.prescription_manager_app.fake_server import Answer, FakeServer

development = pytest.mark.usefixtures("development")


def page(browser: Browser) -> str:
    response = browser.client.get("/lifecycle/")
    assert response.status_code == 200
    return response.content.decode()


def attempt(browser: Browser, slug: str) -> str:
    """Press Try it, and read what came of it."""
    browser.client.post(f"/lifecycle/try/{slug}/", follow=True)
    return page(browser).split(f'<li id="{slug}"')[1].split('<li id="')[0]


@pytest.mark.parametrize("path", ["", "reveal/", "forget/", "try/replay-code/"])
def test_in_production_there_is_no_such_page(alice: Browser, path: str) -> None:
    assert alice.client.get(f"/lifecycle/{path}").status_code == 404
    assert alice.client.post(f"/lifecycle/{path}").status_code == 404
    assert "lifecycle" not in alice.home().text


def test_in_production_nothing_is_recorded(alice: Browser) -> None:
    alice.client.post("/logout/")
    assert RecordedExchange.objects.count() == 0
    assert "journey" not in alice.client.session


@development
def test_before_connecting_every_step_says_how_to_see_it(browser: Browser) -> None:
    content = page(browser)
    assert content.count('class="number"') == 9
    assert content.count("Connect to see this step.") == 5


@development
def test_a_whole_journey_is_shown_message_by_message(alice: Browser) -> None:
    tokens = Connection.objects.get().tokens
    alice.client.post("/lifecycle/try/revoked-access-token/")
    alice.home()
    alice.client.post("/logout/")
    content = page(alice)
    for line in (
        "GET /authorise/?response_type=code&amp;client_id=presc_man_123",
        "GET /callback?code=SPL__",
        "POST /token/ HTTP/1.1",
        "&quot;grant_type&quot;: &quot;authorization_code&quot;",
        "&quot;token_type&quot;: &quot;Bearer&quot;",
        "GET /userinfo/ HTTP/1.1",
        "Authorization: Bearer AT_",
        "&quot;grant_type&quot;: &quot;refresh_token&quot;",
        "POST /logout/ HTTP/1.1",
        "POST /oauth/revoke/ HTTP/1.1",
    ):
        assert line in content, line
    for secret in (tokens.access_token, tokens.refresh_token, "ITS_A_VERY_SECRET_KEY"):
        assert secret not in content


@development
def test_values_are_shown_in_full_only_after_reveal_and_only_here(alice: Browser) -> None:
    token = Connection.objects.get().tokens.access_token
    alice.client.get("/lifecycle/reveal/")
    assert token not in page(alice), "a link must not reveal them"
    alice.client.post("/lifecycle/reveal/")
    assert token in page(alice)
    alice.client.post("/lifecycle/reveal/")
    assert token not in page(alice)


@development
def test_another_browser_sees_nothing_of_it(alice: Browser) -> None:
    stranger = Browser(Client(), alice.server)
    assert "GET /callback" in page(alice)
    assert "GET /callback" not in page(stranger)


@development
def test_the_recording_can_be_forgotten(alice: Browser) -> None:
    alice.client.post("/lifecycle/forget/")
    assert "GET /callback" not in page(alice)


@development
def test_many_visits_push_nothing_else_out(alice: Browser) -> None:
    for _ in range(2 * KEPT_PER_STEP):
        alice.home()
    assert RecordedExchange.objects.filter(step=6).count() == KEPT_PER_STEP
    assert "GET /callback" in page(alice)


@development
@pytest.mark.parametrize("slug", [experiment.slug for experiment in EXPERIMENTS])
def test_every_experiment_is_refused_and_explained(alice: Browser, slug: str) -> None:
    assert "Refused, as it must be." in attempt(alice, slug)


@development
@pytest.mark.parametrize("slug", [experiment.slug for experiment in EXPERIMENTS])
def test_the_connection_survives_what_does_not_warn(alice: Browser, slug: str) -> None:
    costs = next(bool(experiment.warning) for experiment in EXPERIMENTS if experiment.slug == slug)
    attempt(alice, slug)
    if slug == "replay-code":  # the real server takes back what the code gave; this small one has forgotten the code
        alice.server.deauthorise()
    assert ("Connected as Alice" in alice.home().text) is not costs


@development
@pytest.mark.parametrize(
    "slug", [experiment.slug for experiment in EXPERIMENTS if experiment.slug != "other-redirect-uri"]
)
def test_without_a_connection_an_experiment_says_what_it_needs(browser: Browser, slug: str) -> None:
    content = browser.press(f"/lifecycle/try/{slug}/").text
    assert "connect first" in content
    assert browser.server.heard == []


@development
@pytest.mark.parametrize("slug", [experiment.slug for experiment in EXPERIMENTS])
def test_an_experiment_after_the_recording_was_forgotten(alice: Browser, slug: str) -> None:
    alice.press("/lifecycle/forget/")
    assert alice.press(f"/lifecycle/try/{slug}/").status_code in {200, 400}


@development
def test_a_server_that_does_not_refuse_is_shown_up(alice: Browser) -> None:
    """The verdict is the server's answer, not ours."""
    alice.server.faults["/token/"] = lambda: Answer(200, {"access_token": "AT_x", "token_type": "Bearer"})
    assert "This was not refused" in attempt(alice, "replay-code")


@development
def test_the_replay_sends_what_the_exchange_sent(alice: Browser) -> None:
    attempt(alice, "replay-code")
    first, second = (heard.json for heard in alice.server.sent_to("/token/"))
    assert second == first


@development
def test_the_wrong_secret_is_not_the_right_one(alice: Browser) -> None:
    attempt(alice, "wrong-client-secret")
    sent = alice.server.sent_to("/token/")[-1].json
    assert sent["client_secret"] != "ITS_A_VERY_SECRET_KEY"


@development
def test_experiments_do_not_clutter_the_nine_steps(alice: Browser) -> None:
    attempt(alice, "wrong-client-secret")
    assert "The tokens have not been renewed yet." in page(alice)


@development
def test_an_unknown_experiment_is_not_found(alice: Browser) -> None:
    assert alice.client.post("/lifecycle/try/nothing/").status_code == 404


@development
def test_a_logout_as_a_form_with_parts_is_recorded_too(alice: Browser, server: FakeServer) -> None:
    """Its body has been read by then: the recording must not read it again."""
    boundary = "multipart/form-data; boundary=b"
    body = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n'
    assert alice.client.generic("POST", "/logout/", body, content_type=boundary).status_code == 302
    assert server.grants == {}
