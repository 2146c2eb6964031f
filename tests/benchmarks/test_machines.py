"""Benchmarks of services and APIs check every response, and leave out operations that a subject lacks."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from pytest_django import Settings

from benchmarks import picture, report
from benchmarks.load import Answer
from benchmarks.measure import Results, Series, Window
from benchmarks.operations import APIS, CONNECTED, MACHINES, OPERATIONS, SCOPE, Facts, Operation, Paths, Player, Wrong
from benchmarks.subjects import OURS_APIS, TOOLKIT_APIS, Subject
from benchmarks.subjects.in_process import environ_of, raw_answer
from benchmarks.subjects.ours_apis import SERVER, register
from tests.entry import Program

COUNT = 2
# The members that each response must have.
NEEDED = {
    "client-credentials": {"access_token", "token_type", "expires_in", "scope"},
    "api-token": {"access_token", "token_type", "expires_in", "scope"},
    "introspect": {"active", "client_id", "scope", "exp", "aud"},
    "exchange": {"access_token", "token_type", "expires_in", "scope", "issued_token_type"},
    "userinfo": {"sub", "email"},
    "api": {"sub", "email"},
    "plain": {"sub", "email"},
    "drf": {"sub", "email"},
    "ninja": {"sub", "email"},
}


@pytest.fixture
def site(settings: Settings) -> None:
    """Settings that benchmarks.subjects.ours_apis_settings has and the tests' settings lack."""
    settings.ROOT_URLCONF = "benchmarks.subjects.ours_apis_urls"
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    settings.OAUTH_SERVICE_RESOURCE = SERVER
    settings.OAUTH_SERVICE_INTROSPECTION = True
    settings.OAUTH_SERVICE_SCOPES = {"user": "Your username", "profile": "Your name", "openid": "Who you are"}


def player_of(subject: Subject) -> Player:
    """A player for a subject whose users, clients and APIs are registered here."""
    facts = register(COUNT, scope=subject.scope, token_alg=subject.token_alg)
    heard = Facts.heard(json.dumps({name: getattr(facts, name) for name in Facts.__dataclass_fields__}))
    assert heard == facts
    return Player(name=subject.name, port=80, paths=subject.paths, facts=facts, token_alg=subject.token_alg)


def ask(player: Player, operation: Operation) -> list[Answer]:
    """Responses of the server, through the fast path if it has the URL."""
    handler: Any = Program().handler
    answers = []
    for request in operation.send(player, COUNT):
        response = handler(environ_of(request.decode("latin-1")))
        status = f"{response.status_code} {response.reason_phrase}"
        raw = raw_answer(status, list(response.items()), response.content)
        answers.append(Answer(raw=raw.encode("latin-1"), seconds=0))
    assert len(answers) == COUNT
    return answers


def changed(answer: Answer, change: Callable[[dict[str, Any]], object]) -> Answer:
    """A 200 response with changed members."""
    members = json.loads(answer.body)
    change(members)
    raw = raw_answer("200 OK", [("Content-Type", "application/json")], json.dumps(members).encode())
    return Answer(raw=raw.encode("latin-1"), seconds=0)


@pytest.mark.django_db
@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("subject", OURS_APIS, ids=lambda subject: subject.name)
def test_every_answer_of_ours_is_right_and_one_that_lacks_something_is_not(subject: Subject) -> None:
    """
    A benchmark that accepts wrong responses measures nothing. The test covers each operation with each format of access
    tokens.
    """
    player = player_of(subject)
    for operation in CONNECTED:
        operation.take(player, ask(player, operation))
    for operation in (*MACHINES, *APIS):
        good = ask(player, operation)
        operation.take(player, good)
        for name in NEEDED[operation.name]:
            lacking = changed(good[0], lambda members, name=name: members.pop(name))  # type: ignore[misc]
            with pytest.raises(Wrong):
                operation.take(player, [lacking, good[1]])
        with pytest.raises(Wrong):
            operation.take(player, [Answer(raw=b"HTTP/1.1 500 Oh\r\n\r\n", seconds=0)])


@pytest.mark.django_db
@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("subject", OURS_APIS, ids=lambda subject: subject.name)
def test_a_token_of_another_format_or_for_another_api_is_wrong(subject: Subject) -> None:
    """Each row of the results must measure what its heading says."""
    player = player_of(subject)
    for operation in CONNECTED:
        operation.take(player, ask(player, operation))
    own = next(each for each in MACHINES if each.name == "client-credentials")
    own.take(player, ask(player, own))
    for operation in (each for each in MACHINES if each.name in ("api-token", "exchange")):
        good = ask(player, operation)
        operation.take(player, good)
        with pytest.raises(Wrong):
            operation.take(player, [changed(good[0], lambda members: members.update(refresh_token="RT_1"))])
        for other in {"", "RS256", "ES256"} - {subject.token_alg}:
            with pytest.raises(Wrong):
                operation.take(replace(player, token_alg=other), good)
        if subject.token_alg:
            elsewhere = replace(player.facts, resources=("https://api.example.com/other", SERVER))
            with pytest.raises(Wrong):
                operation.take(replace(player, facts=elsewhere), good)


def test_the_five_operations_are_asked_for_without_a_resource() -> None:
    """The rows must stay comparable with earlier results."""
    paths = Paths(authorise="/a", token="/t", bearer="/b", revoke="/r")
    player = Player(name="x", port=80, paths=paths, facts=Facts(client_id="c", client_secret="s", cookies=("k=v",)))
    sent = b""
    for operation in OPERATIONS:
        player.codes, player.tokens = player.codes or [("code", "verifier")], [("access", "refresh")]
        [request] = operation.send(player, 1)
        sent += request
    assert b"resource" not in sent
    assert [each.name for each in OPERATIONS] == ["authorise", "code", "bearer", "refresh", "revoke"]


def results_of(subjects: Sequence[Subject], operations: Sequence[Operation]) -> Results:
    """A window of each operation that a subject has."""
    window = Window(server_cpu=0.002, database_cpu=0.001, per_second=10, latencies=(0.1,))
    return {
        subject.name: {each.name: Series(windows=[window]) for each in operations if each.name not in subject.lacks}
        for subject in subjects
    }


def test_what_a_subject_lacks_has_a_dash_and_no_bar() -> None:
    """A missing operation is a dash in each table, and the picture has no bar for it."""
    subjects = [*OURS_APIS, TOOLKIT_APIS]
    results = results_of(subjects, MACHINES)
    page = report.markdown(
        "Services",
        subjects,
        results,
        surroundings=[],
        picture="machines.svg",
        operations=MACHINES,
        base=subjects[0].name,
        targets=(),
    )
    lacking = [each for each in MACHINES if each.name in TOOLKIT_APIS.lacks]
    rows = [line for line in page.splitlines() if line.startswith(f"| {TOOLKIT_APIS.title} |")]
    assert [row.count("—") for row in rows] == [len(lacking)] * 3
    assert page.count("—") == 3 * len(lacking) > 0
    assert "Targets" not in page
    bars = picture.svg("CPU", subjects, results, MACHINES).count('class="server"')
    assert bars == len(subjects) * len(MACHINES) - len(lacking)


def test_the_other_runs_have_the_five_columns_and_the_targets() -> None:
    """Readers compare these pages with earlier ones, so the pages must not change."""
    subjects = [replace(OURS_APIS[0], name="ours", scope=SCOPE)]
    page = report.markdown("All", subjects, results_of(subjects, OPERATIONS), surroundings=[], picture="full.svg")
    assert f"| | {' | '.join(each.title for each in OPERATIONS)} |" in page
    assert "## Times the CPU of ours (server and PostgreSQL together)" in page
    assert "## Targets" in page
