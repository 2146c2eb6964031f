"""Pages of docs/ that are generated from the code: `make docs` writes them, a test compares them."""

import ast
import inspect
import os
import re
from argparse import Action
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from tests.architecture import settings_page

ROOT = Path(__file__).resolve().parents[2]
SERVER = ROOT / "oauth_service"
VERBS = ("get", "post", "put", "delete")
# Django's own options, which every command has.
OF_EVERY_COMMAND = {
    *("-h", "--help", "--version", "-v", "--settings", "--pythonpath", "--traceback", "--no-color", "--force-color"),
    "--skip-checks",
}

ENDPOINTS = """\
# Endpoints

This page lists every URL of `oauth_service.urls`, with its parameters and responses. A URL that ends in a slash also works
without it. The URL of a feature that is switched off answers 404. `/openapi.json` describes a running server in OpenAPI
format. [errors.md](errors.md) explains every error.

This page is generated from the code. A test keeps it up to date.
"""

SIGNALS = """\
# Signals

`oauth_service.signals` has a Django signal for each event. A signal is sent after the transaction is committed, so a
receiver cannot change the decision. The facts are keyword arguments: IDs and words, never a code, token or secret.
`sender` is `None`. If a receiver raises an exception, Django logs it and the client still gets its response.

```python
from django.dispatch import receiver
from oauth_service.signals import app_deauthorised


@receiver(app_deauthorised)
def forget_the_app(sender, user_id, client_id, **facts):
    print(f"user {{user_id}} disconnected {{client_id}}")
```

Accept `**facts`, because later versions may send more of them. `oauth_service.signals.current_request()` tells you the
address that sent the request and, if staff or a management command acted, who it was. An unverified user name or
`client_id` is only given as a digest, because users sometimes type a password into the wrong field. If a client has a token
of its own, there is no user and no connection, so `user_id` and `grant_id` are `None`.

This page is generated from the code. A test keeps it up to date.

| signal | event | facts |
| --- | --- | --- |
{rows}

The log `oauth_service.events` has the same events and facts ([logging.md](logging.md)), and the audit trail stores them
([audit.md](audit.md)). `request_answered` is a measurement. It is sent after every response and is neither logged nor stored.
"""

COMMANDS = """\
# Commands

Run these as `python manage.py NAME`. `--help` shows the same information in a terminal, with the options that all Django
commands have. The audit trail records what a command changed, with the name of the command.

This page is generated from the code. A test keeps it up to date.
"""

METRICS = """\
# Metrics

`/metrics/` has these metrics for Prometheus. Install the extra `metrics`, and set `OAUTH_SERVICE_METRICS_ADDRESSES` or
`OAUTH_SERVICE_METRICS_SECRET` to allow access. Until then, the URL answers 404 and nothing is counted. Clients cannot choose
the value of any label. To count several processes together, set `PROMETHEUS_MULTIPROC_DIR` to a directory that is empty
when they start. [deploy.md](deploy.md#metrics) explains what to watch.

This page is generated from the code. A test keeps it up to date.

| metric | type | labels | meaning |
| --- | --- | --- | --- |
"""

TEMPLATES = """\
# Templates

The pages for users are Django templates. A template of the same name in your project replaces ours. Yours can also
extend ours.

This page is generated from the code. A test keeps it up to date.

| template | extends | its blocks |
| --- | --- | --- |
{rows}

Several templates include these parts. You can replace each of them:

{parts}

## Custom properties of the style sheet

These custom properties set the colours, fonts and sizes of the style sheet. The table shows the values for light mode.

| property | value |
| --- | --- |
{properties}
"""

DECISIONS = """\
# Decisions

Architecture decision records explain why the project is built as it is. Each gives the context, the decision and its
consequences.

This page is generated from the code. A test keeps it up to date.

"""


def pages() -> Mapping[str, Callable[[], str]]:
    """Each page, and the function that writes it."""
    return {
        "settings.md": settings_page.page,
        "endpoints.md": endpoints,
        "signals.md": signals,
        "commands.md": commands,
        "metrics.md": metrics,
        "templates.md": templates,
        "decisions.md": decisions,
    }


def write() -> None:
    """Write every page again."""
    for name, page in pages().items():
        (ROOT / "docs" / name).write_text(page())


# -- endpoints ---------------------------------------------------------------------------------------------------------


def endpoints() -> str:
    """Every URL with its parameters and responses, as OpenAPI describes it for a server with every feature."""
    from oauth_service.openapi import PATHS, document

    described: dict[str, Any] = document(_everything())
    return ENDPOINTS + "".join(
        f"\n## `{path.replace('{', '<').replace('}', '>')}`\n"
        + "".join(_operations(described["paths"][path], described))
        for path in PATHS
    )


def _everything() -> Any:
    """A server with all features switched on."""
    from oauth_service import grant_types
    from oauth_service.openapi import Server

    given: dict[str, object] = {
        "url": "https://auth.example.com",
        "name": "OAuth Service",
        "scopes": {"profile": "Your name"},
        "grant_types": tuple(each.DESCRIPTION for each in grant_types.GRANT_TYPES.values()),
        "session_cookie": "sessionid",
        "csrf_cookie": "csrftoken",
    }
    switches = {field.name: True for field in fields(Server) if field.name.startswith("has_")}
    return Server(**given, **switches)  # type: ignore[arg-type]


def _operations(item: Mapping[str, Any], described: Mapping[str, Any]) -> Iterator[str]:
    for verb in VERBS:
        if verb not in item:
            continue
        operation = item[verb]
        yield f"\n**{verb.upper()}**: {_line(operation['summary'])}\n"
        if taken := list(dict.fromkeys(_parameters(item, operation, described))):
            yield f"\nParameters: {', '.join(f'`{name}`' for name in taken)}.\n"
        yield "\n| response | |\n| --- | --- |\n"
        for status, answer in sorted(operation["responses"].items()):
            codes = ", ".join(f"`{code}`" for code in _error_codes(answer))
            yield f"| {status} | {_line(answer['description'])}{f' {codes}' if codes else ''} |\n"


def _parameters(item: Mapping[str, Any], operation: Mapping[str, Any], described: Mapping[str, Any]) -> Iterator[str]:
    for parameter in [*item.get("parameters", ()), *operation.get("parameters", ())]:
        yield parameter["name"]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        yield from _properties(content["schema"], described)


def _properties(schema: Mapping[str, Any], described: Mapping[str, Any]) -> Iterator[str]:
    if reference := schema.get("$ref"):
        schema = described["components"]["schemas"][reference.rpartition("/")[2]]
    yield from schema.get("properties", {})
    for kind in ("oneOf", "anyOf", "allOf"):
        for each in schema.get(kind, ()):
            yield from _properties(each, described)


def _error_codes(answer: Mapping[str, Any]) -> list[str]:
    """Error codes that a response may have."""
    schemas = [content.get("schema", {}) for content in answer.get("content", {}).values()]
    return [code for schema in schemas for code in schema.get("properties", {}).get("error", {}).get("enum", ())]


def _line(text: str) -> str:
    return " ".join(str(text).replace("|", "\\|").split())


# -- signals -----------------------------------------------------------------------------------------------------------


def signals() -> str:
    """Every signal with its arguments."""
    from oauth_service import signals as module
    from oauth_service.models.audit_event import Event

    words = {event.value: str(event.label) for event in Event}
    told = re.findall(r"^(\w+) = Signal\(\)  # ([^;\n]+)", inspect.getsource(module), re.MULTILINE)
    rows = [
        f"| `{name}` | {words.get(name, 'a response was sent')} | {', '.join(f'`{fact}`' for fact in facts.split(', '))} |"
        for name, facts in told
    ]
    return SIGNALS.format(rows="\n".join(rows))


# -- commands ----------------------------------------------------------------------------------------------------------


def commands() -> str:
    """Every management command with its arguments."""
    folder = SERVER / "management/commands"
    names = sorted(path.stem for path in folder.glob("*.py") if path.name != "__init__.py")
    return COMMANDS + "".join(_command(name) for name in names)


def _command(name: str) -> str:
    from importlib import import_module

    command = import_module(f"oauth_service.management.commands.{name}").Command()
    parser = command.create_parser("manage.py", name)
    text = f"\n## {name}\n\n{_prose(command.help)}\n"
    subcommands, actions = arguments_of(parser)
    text += _arguments(actions)
    for title, help_text, below in subcommands:
        text += f"\n### {name} {title}\n\n{_prose(help_text)}\n" + _arguments(arguments_of(below)[1])
    return text


def arguments_of(parser: Any) -> tuple[list[tuple[str, str, Any]], list[Action]]:
    """Subcommands of a parser, and its own arguments."""
    subcommands: list[tuple[str, str, Any]] = []
    own: list[Action] = []
    for action in parser._actions:
        if isinstance(action.choices, dict):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            subcommands += [(title, helps.get(title, ""), below) for title, below in action.choices.items()]
        elif not OF_EVERY_COMMAND & {*action.option_strings}:
            own.append(action)
    return subcommands, own


def _arguments(actions: list[Action]) -> str:
    if not actions:
        return ""
    rows = [f"| {_argument(action)} | {_line(_prose(action.help or ''))} |" for action in actions]
    return "\n| argument | |\n| --- | --- |\n" + "\n".join(rows) + "\n"


def _argument(action: Action) -> str:
    name = ", ".join(f"`{option}`" for option in action.option_strings) or f"`{action.metavar or action.dest}`"
    if action.choices:
        name += ": " + ", ".join(f"`{choice}`" for choice in action.choices)
    return name + (" (required)" if action.required and action.option_strings else "")


def _prose(text: str) -> str:
    return text.strip().replace("%%", "%").replace("<", "&lt;")


# -- metrics -----------------------------------------------------------------------------------------------------------


def metrics() -> str:
    """Every metric with its labels, read from the source: importing the module would register the metrics."""
    source = ast.parse((SERVER / "watch/metrics.py").read_text())
    rows = [_metric(call) for call in ast.walk(source) if isinstance(call, ast.Call) and _kind(call)]
    return METRICS + "\n".join(rows) + "\n"


def _kind(call: ast.Call) -> str:
    kinds = {"Counter": "counter", "Histogram": "histogram", "GaugeMetricFamily": "gauge"}
    return kinds.get(call.func.id, "") if isinstance(call.func, ast.Name) and call.args else ""


def _metric(call: ast.Call) -> str:
    from oauth_service.watch.metrics import MOST_BACKLOG

    kind = _kind(call)
    name = ast.literal_eval(call.args[0]) + ("_total" if kind == "counter" else "")
    meaning = "".join(
        part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else f"{MOST_BACKLOG:,}"
        for part in (call.args[1].values if isinstance(call.args[1], ast.JoinedStr) else [call.args[1]])
    )
    lists = [*call.args[2:], *(keyword.value for keyword in call.keywords if keyword.arg == "labels")]
    labels = [label for each in lists if isinstance(each, ast.List) for label in ast.literal_eval(each)]
    return f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {meaning} |"


# -- templates ---------------------------------------------------------------------------------------------------------

BLOCK = re.compile(r"{% block (\w+) %}")
EXTENDS = re.compile(r'{% extends "([^"]+)" %}')
VARIABLE = re.compile(r"^\s+--([\w-]+): (.+);$", re.MULTILINE)


def templates() -> str:
    """Every template with its blocks, and the custom properties of the style sheet."""
    folder = SERVER / "templates/oauth_service"
    whole = {path.name: path.read_text() for path in sorted(folder.glob("*.html"))}
    rows = [f"| `oauth_service/{name}` | {_extended(text)} | {_blocks(text)} |" for name, text in whole.items()]
    parts = [f"`oauth_service/includes/{path.name}`" for path in sorted((folder / "includes").glob("*.html"))]
    properties = dict[str, str]()
    for name, value in VARIABLE.findall((SERVER / "static/oauth_service/style.css").read_text()):
        properties.setdefault(name, value)
    return TEMPLATES.format(
        rows="\n".join(rows),
        parts="\n".join(f"- {part}" for part in parts),
        properties="\n".join(f"| `--{name}` | `{value}` |" for name, value in properties.items()),
    )


def _extended(text: str) -> str:
    found = EXTENDS.search(text)
    return f"`{found[1]}`" if found else ""


def _blocks(text: str) -> str:
    return ", ".join(f"`{block}`" for block in dict.fromkeys(BLOCK.findall(text)))


# -- decisions ---------------------------------------------------------------------------------------------------------


def decisions() -> str:
    """The architecture decision records, by number."""
    records = sorted((ROOT / "docs/adr").glob("*.md"))
    lines = [f"- [{path.read_text().partition(chr(10))[0].removeprefix('# ')}](adr/{path.name})" for path in records]
    return DECISIONS + "\n".join(lines) + "\n"


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.server.settings")
    django.setup()
    write()
