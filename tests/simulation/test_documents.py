"""A run can be exported as Markdown and as HAR, without its secrets."""

import json
from dataclasses import replace
from datetime import datetime

import pytest

from simulation.exchange import Exchange
from simulation.har import har
from simulation.markdown import markdown
from simulation.steps import STEPS
from tests.simulation.guide_server import CSRF, PASSWORD, SECRET, GuideServer
from tests.simulation.test_notation import ALICE, APP
from tests.simulation.test_play import played_on


@pytest.fixture(scope="module")
def run() -> list[Exchange]:
    """A whole play."""
    _, stage = played_on(GuideServer())
    return stage.exchanges


def secrets_of(run: list[Exchange]) -> set[str]:
    """Every secret, code and token that was sent in JSON, and the browser's cookies."""
    sent = [json.loads(exchange.request_body) for exchange in run if exchange.request_body.startswith("{")]
    named = {value for message in sent for name, value in message.items() if name in {"code", "token", "refresh_token"}}
    return {SECRET, PASSWORD, CSRF, *named}


# Markdown


def test_markdown_tells_the_nine_steps(run: list[Exchange]) -> None:
    """The document follows the guide, with the real messages."""
    text = markdown(run)
    missing = [step.number for step in STEPS if f"## Step {step.number}: {step.title}\n" not in text]
    assert missing == []
    assert "[Alice's Browser] ---> [oauth_service]" in text


def test_markdown_begins_with_a_sequence_diagram(run: list[Exchange]) -> None:
    """Two arrows for each exchange, between parties that were declared."""
    diagram = markdown(run).split("```mermaid\n")[1].split("```")[0].splitlines()
    assert diagram[0] == "sequenceDiagram"
    assert "    participant P1 as Alice's Browser" in diagram
    assert len([line for line in diagram if ">>" in line]) == 2 * len(run)
    assert "    P1->>P3: 2. POST /authorise/" in diagram
    assert "    P3-->>P1: 3. 302 Found" in diagram


def test_special_characters_do_not_end_a_line_of_the_diagram() -> None:
    """Mermaid ends a statement at a semicolon and begins an entity at a #."""
    text = markdown([replace(ALICE, url="http://localhost:8000/a;b", reason="No #1")])
    assert "P1->>P2: 1. GET /a#59;b\n" in text
    assert "P2-->>P1: 1. 200 No #35;1\n" in text


def test_no_body_can_close_its_code_block() -> None:
    """The server's response must not become part of the document's own text."""
    text = markdown(
        [replace(APP, response_body="```\n# not a heading", response_headers=(("Content-Type", "text/plain"),))]
    )
    assert "\n````http\n" in text
    assert "\n````\n" in text


def test_markdown_is_masked(run: list[Exchange]) -> None:
    """Runs are pasted into issues."""
    text = markdown(run)
    assert [secret for secret in secrets_of(run) if secret in text] == []


def test_markdown_shows_secrets_when_asked_to(run: list[Exchange]) -> None:
    """Debugging needs the real values."""
    assert SECRET in markdown(run, reveal=True)


def test_an_empty_run_is_still_a_document() -> None:
    """A play that could not begin writes its file, too."""
    assert "sequenceDiagram" in markdown([])


# HAR


def test_har_has_every_member_that_har_1_2_asks_for(run: list[Exchange]) -> None:
    """Viewers refuse an archive with a member missing."""
    log = json.loads(har(run))["log"]
    assert (log["version"], set(log["creator"])) == ("1.2", {"name", "version"})
    assert len(log["entries"]) == len(run)
    for entry in log["entries"]:
        assert {"startedDateTime", "time", "request", "response", "cache", "timings"} <= set(entry)
        assert {"send", "wait", "receive"} <= set(entry["timings"])
        assert datetime.fromisoformat(entry["startedDateTime"]).tzinfo is not None
        message = {"httpVersion", "cookies", "headers", "headersSize", "bodySize"}
        assert {"method", "url", "queryString"} | message <= set(entry["request"])
        assert {"status", "statusText", "content", "redirectURL"} | message <= set(entry["response"])
        assert {"size", "mimeType", "text"} <= set(entry["response"]["content"])
        assert ("postData" in entry["request"]) == (entry["request"]["bodySize"] > 0)


def test_har_takes_query_and_cookies_apart() -> None:
    """Viewers show them in tables of their own."""
    exchange = replace(
        ALICE,
        request_headers=(("Cookie", "sessionid=1; csrftoken=2"),),
        response_headers=(("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2; expires=Thu, 01 Jan 1970 00:00:00 GMT")),
    )
    (entry,) = json.loads(har([exchange], reveal=True))["log"]["entries"]
    assert entry["request"]["cookies"] == [{"name": "sessionid", "value": "1"}, {"name": "csrftoken", "value": "2"}]
    assert entry["response"]["cookies"] == [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}]
    assert {"name": "scope", "value": "user profile"} in entry["request"]["queryString"]


def test_har_is_masked(run: list[Exchange]) -> None:
    """An archive repeats each secret in several places: cookies, headers, bodies, query strings."""
    text = har(run)
    assert [secret for secret in secrets_of(run) if secret in text] == []


def test_har_keeps_secrets_when_asked_to(run: list[Exchange]) -> None:
    """Debugging needs the real values."""
    assert SECRET in har(run, reveal=True)
