"""/lifecycle/: the nine steps as they happened, and the experiments. The journeys test the real refusals."""

import html

import pytest
from django.test import Client

from prescription_manager_app.experiments import EXPERIMENTS
from prescription_manager_app.models import Connection, RecordedExchange
from prescription_manager_app.models.recorded_exchange import KEPT_PER_STEP
from prescription_manager_app.views.guide import GUIDE
from tests.prescription_manager_app.conftest import Browser
from tests.prescription_manager_app.fake_server import Answer, FakeServer

development = pytest.mark.usefixtures("development")


def page(browser: Browser) -> str:
    response = browser.client.get("/lifecycle/")
    assert response.status_code == 200
    return response.content.decode()


def attempt(browser: Browser, slug: str) -> str:
    """Click "Try it", and return the result."""
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
    assert ("Connected as Alice" in alice.home().text) is not costs


@development
@pytest.mark.parametrize(
    "slug", [experiment.slug for experiment in EXPERIMENTS if experiment.slug != "other-redirect-uri"]
)
def test_without_a_connection_an_experiment_says_what_it_needs(browser: Browser, slug: str) -> None:
    content = browser.press(f"/lifecycle/try/{slug}/").text
    assert "Connect first" in content
    assert browser.server.heard == []


@development
@pytest.mark.parametrize("slug", [experiment.slug for experiment in EXPERIMENTS])
def test_an_experiment_after_the_recording_was_forgotten(alice: Browser, slug: str) -> None:
    alice.press("/lifecycle/forget/")
    assert alice.press(f"/lifecycle/try/{slug}/").status_code in {200, 400}


@development
@pytest.mark.parametrize("slug", [experiment.slug for experiment in EXPERIMENTS if experiment.needs_connection])
def test_an_experiment_on_a_connection_that_has_ended_is_not_tried(alice: Browser, slug: str) -> None:
    """A refusal would prove nothing, because nothing was left to refuse. The page offers to connect again."""
    alice.server.deauthorise()
    trial = attempt(alice, slug)
    assert ("Refused, as it must be." in trial, "Connect, to try it" in trial) == (False, True)


@development
def test_one_experiment_after_another_that_ended_the_connection(alice: Browser) -> None:
    attempt(alice, "replay-code")
    assert (
        "The server has ended your connection. Connect first." in alice.press("/lifecycle/try/old-refresh-token/").text
    )
    assert "Refused" not in page(alice).split('<li id="old-refresh-token"')[1].split("<li id=")[0]


REFUSAL = {
    "replay-code": ("/token/", 2),
    "wrong-client-secret": ("/token/", 2),
    "other-redirect-uri": ("/authorise/", 2),
    "old-refresh-token": ("/token/", 3),
    "revoked-access-token": ("/userinfo/", 2),
}


def answering(alice: Browser, slug: str, answer: Answer) -> None:
    """Let the server give this response instead of the expected refusal, and the right ones before and after."""
    path, number = REFUSAL[slug]
    already = len(alice.server.sent_to(path))

    def answer_or_fault() -> Answer:
        heard = alice.server.sent_to(path)
        if len(heard) - already == number:
            return answer
        with alice.server.lock:
            return alice.server.behave(heard[-1])

    alice.server.faults[path] = answer_or_fault


@development
@pytest.mark.parametrize("slug", REFUSAL)
def test_a_server_that_does_not_refuse_is_shown_up(alice: Browser, slug: str) -> None:
    """The verdict depends on the server's response alone."""
    tokens = {"access_token": "AT_x", "token_type": "Bearer", "expires_in": 3600, "sub": "a", "name": "A"}
    answering(alice, slug, Answer(200, tokens))
    assert "This was not refused" in attempt(alice, slug)


@development
@pytest.mark.parametrize("slug", REFUSAL)
@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_cannot_answer_has_not_refused(alice: Browser, slug: str, status: int) -> None:
    answering(alice, slug, Answer(status))
    assert "This has shown nothing" in attempt(alice, slug)


@development
@pytest.mark.parametrize("slug", ["replay-code", "old-refresh-token"])
def test_a_server_that_refuses_and_takes_nothing_back_is_shown_up(alice: Browser, slug: str) -> None:
    """The refusal alone is half of what the standards ask for."""
    alice.server.faults["/userinfo/"] = lambda: Answer(200, alice.server.profile)
    assert "This was not refused" in attempt(alice, slug)


@development
def test_the_replay_sends_what_the_exchange_sent(alice: Browser) -> None:
    attempt(alice, "replay-code")
    first, _, second = (heard.json for heard in alice.server.sent_to("/token/"))
    assert second == first


@development
def test_the_wrong_secret_is_not_the_right_one(alice: Browser) -> None:
    attempt(alice, "wrong-client-secret")
    sent = alice.server.sent_to("/token/")[-2].json
    assert sent["client_secret"] != "ITS_A_VERY_SECRET_KEY"


@development
def test_the_guide_is_on_the_site_word_for_word(browser: Browser) -> None:
    text = browser.client.get("/lifecycle/guide/").content.decode()
    assert "STEP 9" in text
    assert html.escape(GUIDE.read_text()) in text


@development
def test_an_address_that_is_not_there_has_the_sites_own_page(browser: Browser) -> None:
    """Development has the same page, where Django would show its own."""
    answer = browser.client.get("/nothing/")
    assert (answer.status_code, "Page not found" in answer.content.decode()) == (404, True)


@development
def test_experiments_do_not_clutter_the_nine_steps(alice: Browser) -> None:
    attempt(alice, "wrong-client-secret")
    assert "The tokens have not been renewed yet." in page(alice)


@development
def test_an_unknown_experiment_is_not_found(alice: Browser) -> None:
    assert alice.client.post("/lifecycle/try/nothing/").status_code == 404


@development
def test_a_logout_as_a_form_with_parts_is_recorded_too(alice: Browser, server: FakeServer) -> None:
    """The body has been read by then, and the recording must not read it again."""
    boundary = "multipart/form-data; boundary=b"
    body = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n'
    assert alice.client.generic("POST", "/logout/", body, content_type=boundary).status_code == 302
    assert server.grants == {}
