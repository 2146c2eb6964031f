"""The log in production has one JSON object a line, whatever was sent."""

import json
import logging
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from config.server.logs import JSON, JsonFormatter

GRANT = UUID("3f2504e0-4f89-41d3-9a0c-0305e82c3301")


def line(message: str, **extra: object) -> str:
    record = logging.makeLogRecord({"name": "oauth_service.events", "levelname": "INFO", "msg": message} | extra)
    settings: dict[str, Any] = {name: value for name, value in JSON.items() if name != "()"}
    return JsonFormatter(**settings).format(record)


def test_a_line_is_one_object_with_names_of_its_own() -> None:
    text = line("token_issued", event="token_issued", facts={"user_id": 7, "grant_id": GRANT})

    told = json.loads(text)

    assert datetime.fromisoformat(told.pop("time")).tzinfo == UTC
    assert told == {
        "level": "INFO",
        "logger": "oauth_service.events",
        "message": "token_issued",
        "event": "token_issued",
        "facts": {"user_id": 7, "grant_id": str(GRANT)},
    }


@pytest.mark.parametrize("value", ["\ud800", 2**80, b"\xff", {1: "one"}], ids=["surrogate", "number", "bytes", "key"])
def test_no_line_is_lost_for_what_is_in_it(value: object) -> None:
    told = json.loads(line("refused", detail=value))

    assert told["message"] == "refused"
    assert "detail" in told


def test_nothing_that_was_sent_begins_a_line_of_its_own() -> None:
    text = line("refused", detail='"}\n{"level": "INFO"}\r\u2028')

    assert len(text.split("\n")) == len(text.split("\r")) == 1
