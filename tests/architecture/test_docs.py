"""The documentation matches the code: settings, errors, make targets, names, links, citations, migrations."""

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.core.management import call_command, get_commands, load_command_class
from django.test import Client as Browser
from django.urls import resolve

from config.sites import ROOT
from oauth_service.protocol import errors
from oauth_service.protocol.errors import OAuthError
from oauth_service.watch import metrics
from tests.architecture import reference_pages
from tests.architecture.tree import tracked

SERVER = ROOT / "oauth_service"
RULES = sorted(path for path in (SERVER / "protocol").glob("*.py") if path.name != "__init__.py")
ENDPOINTS = sorted(path for path in (SERVER / "endpoints").glob("*.py") if path.name != "__init__.py")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/adr/*.md")])
SPECIFICATION = re.compile(r"\bRFC \d{4}\b|\bOpenID Connect \w+|\bdraft-[a-z0-9-]+")
ENDPOINT = re.compile(r"((?:GET|POST|PUT|DELETE)(?:, (?:GET|POST|PUT|DELETE))*) (/\S*) -- ")


def first_line(path: Path) -> str:
    """First line of a module's docstring."""
    return (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]


def names(paths: list[Path]) -> list[str]:
    """Test ids of the modules."""
    return [path.stem for path in paths]


# -- pages that are written from the code ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", reference_pages.pages())
def test_a_reference_page_is_what_the_code_says(name: str) -> None:
    """`make docs` writes the page again, and so does `.venv/bin/python -m tests.architecture.reference_pages` alone."""
    assert (ROOT / "docs" / name).read_text() == reference_pages.pages()[name]()


def test_the_reference_pages_have_what_the_code_has() -> None:
    """Otherwise the test above would also pass for two empty pages."""
    written = {name: page() for name, page in reference_pages.pages().items()}
    assert all(f"\n## `{url}`\n" in written["endpoints.md"] for url in ("/token/", "/jwks/", "/register/<client_id>/"))
    assert "Parameters: `grant_type`, `code`, `redirect_uri`, `code_verifier`" in written["endpoints.md"]
    assert (
        "| `token_revoked` | token revoked | `user_id`, `client_id`, `grant_id`, `token_type` |"
        in written["signals.md"]
    )
    assert "| `--redirect-uri` |" in written["commands.md"].partition("\n## create_client\n")[2].partition("\n## ")[0]
    assert "\n### oauth_keys rotate\n" in written["commands.md"]
    assert "| `oauth_service_refusals_total` | counter | `who`, `reason` |" in written["metrics.md"]
    assert (
        "| `oauth_service/login.html` | `oauth_service/base.html` | `title`, `content`, `heading`"
        in written["templates.md"]
    )
    assert "| `--accent` | `#" in written["templates.md"]
    assert "](adr/0001-tokens-without-rows.md)" in written["decisions.md"]


def test_the_page_of_metrics_has_what_prometheus_reads() -> None:
    """The page is written from the source, which would miss a metric that is made in another way."""
    named = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE))
    counted = {family.name + "_total" * (family.type == "counter") for family in metrics._registry.collect()}
    assert named == counted | {"oauth_service_sweep_backlog"}


# -- settings ----------------------------------------------------------------------------------------------------------


def test_the_page_of_settings_explains_every_check() -> None:
    """Developers look up the id of a check that stops them."""
    source = "".join(path.read_text() for path in (*SERVER.glob("*checks.py"), SERVER / "conf.py"))
    raised = set(re.findall(r'"([EW]\d{3})"', source))
    explained = set(re.findall(r"`oauth_service\.([EW]\d{3})`", (ROOT / "docs/settings.md").read_text()))
    assert explained == raised
    assert len(raised) >= 29


# -- errors ------------------------------------------------------------------------------------------------------------


def all_errors(base: type[OAuthError] = OAuthError) -> Iterator[type[OAuthError]]:
    """All errors of the server."""
    for error in base.__subclasses__():
        if error.__module__.startswith("oauth_service"):
            yield error
            yield from all_errors(error)


def sentences() -> set[str]:
    """Every sentence that the server may send to a client; “…” for the values of an f-string."""
    raised = {error.__name__ for error in all_errors()}
    calls = [
        node
        for path in SERVER.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in raised and node.args
    ]
    return {said for call in calls if (said := sentence(call.args[0]))}


def sentence(argument: ast.expr) -> str:
    """Words of a string or f-string; "" for a sentence that is passed on."""
    match argument:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in parts)
        case _:
            return ""


def documented() -> list[tuple[str, str, str]]:
    """Rows of docs/errors.md: sentence, endpoints, advice."""
    rows = [
        line.strip("| ").split(" | ") for line in (ROOT / "docs/errors.md").read_text().splitlines() if line[:1] == "|"
    ]
    return [(row[0], row[1], row[2]) for row in rows if row[0] not in ("sentence", "---")]


def test_every_sentence_of_the_server_is_explained_and_no_other() -> None:
    """Developers search for the server's words."""
    rows = {said for said, _where, _advice in documented()}
    assert (sentences() - rows, rows - sentences()) == (set(), set())


def test_the_sentences_are_found_in_the_code() -> None:
    """Otherwise the test above would also pass for two empty sets."""
    assert len(sentences()) > 50


@pytest.mark.parametrize("error", sorted({error.error for error in all_errors() if getattr(error, "error", "")}))
def test_every_error_code_has_its_heading(error: str) -> None:
    """A code with few sentences needs a heading, too."""
    headings = re.findall(r"^## (.+)$", (ROOT / "docs/errors.md").read_text(), re.MULTILINE)
    assert error in re.findall(r"[a-z]+_[a-z_]+", " ".join(headings))


def test_every_row_says_what_to_do() -> None:
    """An explanation does not help developers without advice."""
    assert [said for said, where, advice in documented() if not (where and advice.endswith("."))] == []


def test_every_class_of_error_is_raised_somewhere() -> None:
    """An error that nothing raises documents what does not happen."""
    source = "\n".join(path.read_text() for path in SERVER.rglob("*.py"))
    bases = {errors.BearerError}
    unused = [
        error.__name__
        for error in all_errors()
        if error not in bases and f"{error.__name__}(" not in source.replace(f"class {error.__name__}(", "")
    ]
    assert unused == []


# -- make --------------------------------------------------------------------------------------------------------------


def targets() -> set[str]:
    """Targets of `make`."""
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def asked_of_make(page: Path) -> set[str]:
    """Targets of every `make …` in a page's code: between backticks, in fences, or indented."""
    text = page.read_text()
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    code = [*fenced, *re.findall(r"`([^`\n]+)`", text), *re.findall(r"^ {4}(.+)$", text, re.MULTILINE)]
    return {word for line in code for words in re.findall(r"\bmake((?: [a-z-]+)+)", line) for word in words.split()}


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_make_command_in_the_documentation_is_a_target(page: Path) -> None:
    """Newcomers type these commands, so they must work."""
    assert asked_of_make(page) - targets() == set()


def test_the_readme_names_the_commands_that_everybody_needs() -> None:
    """Newcomers start the two sites, the simulation and the tests."""
    assert {"run", "simulate", "test"} - asked_of_make(ROOT / "README.md") == set()


def test_every_phony_target_exists() -> None:
    """A phony target without a rule does nothing: make only says that there is nothing to be done."""
    phony = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert (set(" ".join(phony).split()) - targets(), bool(phony)) == (set(), True)


# -- management commands -------------------------------------------------------------------------------------------------


def typed(page: Path) -> list[list[str]]:
    """Every manage.py command that a page's code contains: its name and arguments."""
    text = page.read_text().replace("\\\n", " ")
    fenced = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in fenced for line in block.splitlines()] + re.findall(r"^ {4}(.+)$", text, re.MULTILINE)
    return [
        found[1].split() for line in lines if (found := re.search(r"\bmanage\.py (\w[^#|]*)", line.replace("'", " ")))
    ]


def options_of(name: str) -> set[str]:
    """Options of a command, and of its subcommands."""
    command = load_command_class(get_commands()[name], name)
    parsers, options = [command.create_parser("manage.py", name)], set[str]()
    while parsers:
        below, own = reference_pages.arguments_of(parsers.pop())
        options |= {option for action in own for option in action.option_strings}
        parsers += [parser for _title, _help, parser in below]
    return options | reference_pages.OF_EVERY_COMMAND | {"--verbosity", "--noinput"}


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_command_that_a_page_tells_to_run_has_its_options(page: Path) -> None:
    """Operators copy these commands, so they must work."""
    known = {name: options_of(name) for name, *_ in typed(page)}
    unknown = [
        word
        for name, *words in typed(page)
        for word in words
        if word.startswith("--") and word.partition("=")[0] not in known[name]
    ]
    assert unknown == []


def test_the_commands_are_found_in_the_pages() -> None:
    """Otherwise the test above would also pass for no commands at all."""
    found = {name for page in PAGES for name, *_ in typed(page)}
    assert {"create_client", "migrate", "oauth_doctor", "oauth_keys"} <= found


# -- the README, and dependencies -------------------------------------------------------------------------------------


def table(page: str, heading: str) -> list[list[str]]:
    """Rows of the table under a heading, cell by cell."""
    section = (ROOT / page).read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return [row for row in rows[1:] if row[0] != "---"]


def test_the_readme_lists_every_endpoint_with_its_verbs() -> None:
    """The table must not name an endpoint that does not exist either."""
    stated = {url: verbs for path in ENDPOINTS for verbs, url in ENDPOINT.findall(first_line(path))}
    assert {url.strip("`"): verbs for verbs, url, *_rest in table("README.md", "Endpoints")} == stated


def test_every_dependency_has_a_reason() -> None:
    """docs/dependencies.md lists exactly the packages of pyproject.toml, and of the other locks (pip, npm, Go and Maven)."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = [settings["project"]["dependencies"], *settings["project"]["optional-dependencies"].values()]
    groups += settings["dependency-groups"].values()
    wanted = {re.split(r"[^\w-]", entry)[0].lower() for group in groups for entry in group if isinstance(entry, str)}
    strangers = ROOT / "tests/journeys/strangers"
    wanted |= set(json.loads((strangers / "node/package.json").read_text())["dependencies"])
    for own in ("examples", "tests/journeys/strangers/mcp"):
        wanted |= set(re.findall(r"^([\w-]+)==", (ROOT / own / "requirements.in").read_text(), re.MULTILINE))
    wanted |= set(re.findall(r"^(?:require\s+|\t)(\S+) v[\d.]+$", (strangers / "go/go.mod").read_text(), re.MULTILINE))
    dependencies = (
        (strangers / "java/pom.xml").read_text().partition("<dependencies>")[2].partition("</dependencies>")[0]
    )
    wanted |= set(re.findall("<artifactId>(.*?)</artifactId>", dependencies))
    for tools in ("docs", "release"):
        wanted |= set(re.findall(r"^([a-z-]+)", (ROOT / tools / "requirements.in").read_text(), re.MULTILINE))
    reasons = {
        name.lower(): reason
        for names, reason in table("docs/dependencies.md", "All packages")
        for name in names.split(", ")
    }
    assert (set(reasons), [name for name, reason in reasons.items() if not reason]) == (wanted, [])


# -- names on a page ---------------------------------------------------------------------------------------------------

OURS = re.compile(
    r"(?:oauth_service|prescription_manager_app|config|simulation|tests|docs)/[\w./-]+|[\w-]+\.(?:toml|lock|md)|Makefile"
)
TEST = re.compile(r"(tests/[\w/]+\.py)::(\w+)")


@cache
def defined() -> frozenset[str]:
    """The name of every function and class in the tree."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    sources = [path for path in tracked() if path.suffix == ".py"]
    return frozenset(
        node.name for path in sources for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kinds)
    )


def code(page: Path) -> list[str]:
    """Code between backticks."""
    return re.findall(r"`([^`\n]+)`", page.read_text())


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    """Readers want to open these files. Pages name templates and static files as Django finds them."""
    named = [word.rstrip("/") for word in code(page) if OURS.fullmatch(word)]
    folders = (ROOT, SERVER / "templates", SERVER / "static")
    assert [name for name in named if not any((folder / name).exists() for folder in folders)] == []


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_function_that_a_page_names_exists(page: Path) -> None:
    """Readers search for these names: `redeem()`, `Grant.objects.rotate()`."""
    named = [word.split(".")[-1] for text in code(page) for word in re.findall(r"^([A-Za-z_][\w.]*)\(\)$", text)]
    assert [name for name in named if name not in defined()] == []


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    """A page names a test as the proof of what it says."""
    texts = [text for text in code(page) if "::" in text and "tests" in text]
    named = [TEST.fullmatch(text) for text in texts]
    assert all(named), [text for text in texts if not TEST.fullmatch(text)]
    assert [test[0] for test in named if test and not is_test(ROOT / test[1], test[2])] == []


@cache
def found_in(path: Path) -> frozenset[str]:
    """Names of a module's tests."""
    tree = ast.parse(path.read_text()) if path.is_file() else ast.Module(body=[], type_ignores=[])
    return frozenset(
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


def is_test(path: Path, name: str) -> bool:
    """Return whether pytest finds a test of this name in the module."""
    return name in found_in(path)


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    """Links to pictures count, too."""
    links = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


# -- loggers -----------------------------------------------------------------------------------------------------------


def test_the_page_about_logging_lists_every_logger() -> None:
    """Operators choose a level and a handler for each of them."""
    used = {name for path in SERVER.rglob("*.py") for name in re.findall(r'getLogger\("([\w.]+)"\)', path.read_text())}
    listed = {name.strip("`") for name, *_rest in table("docs/logging.md", "Loggers")}
    assert (listed, len(used) > 5) == (used, True)


# -- threats -----------------------------------------------------------------------------------------------------------


def threats() -> list[list[str]]:
    """Rows of docs/security.md: threat, defence, proof."""
    rows = [line.strip("| ").split(" | ") for line in (ROOT / "docs/security.md").read_text().splitlines()]
    return [row for row in rows if len(row) == 3 and row[0] not in ("threat", "---")]


def test_every_threat_is_stopped_by_a_file_and_proven_by_a_test() -> None:
    """A security claim without a proof is advertising."""
    bare = [
        threat
        for threat, file, test in threats()
        if not (
            re.search(r"`(?:oauth_service|prescription_manager_app|config/server)/[\w/]+\.py`", file)
            and TEST.search(test)
        )
    ]
    assert (bare, len(threats()) > 50) == ([], True)


# -- decisions ---------------------------------------------------------------------------------------------------------

DECISIONS = sorted((ROOT / "docs/adr").glob("*.md"))


@pytest.mark.parametrize(("number", "decision"), list(enumerate(DECISIONS, start=1)), ids=names(DECISIONS))
def test_a_decision_is_numbered_and_short(number: int, decision: Path) -> None:
    """Developers who want to change a decision first read its context and consequences."""
    text = decision.read_text()
    headings = re.findall(r"^##? (.+)$", text, re.MULTILINE)
    assert decision.name.startswith(f"{number:04}-")
    assert headings[0].startswith(f"{number}. ")
    assert headings[1:] == ["Context", "Decision", "Consequences"]
    assert len(text.splitlines()) <= 40


# -- citations ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", RULES, ids=names(RULES))
def test_a_rule_cites_its_specification_in_the_first_line(path: Path) -> None:
    """Each module implements one specification, which its first line names."""
    assert SPECIFICATION.search(first_line(path)), first_line(path)


@pytest.mark.parametrize("path", ENDPOINTS, ids=names(ENDPOINTS))
def test_an_endpoint_says_at_which_url_it_is(path: Path) -> None:
    """The first line has the verbs and a URL, and the URLconf leads from that URL to this module."""
    stated = ENDPOINT.match(first_line(path))
    assert stated, first_line(path)
    assert resolve(stated[2]).func.__module__ == f"oauth_service.endpoints.{path.stem}"


@pytest.mark.parametrize("path", ENDPOINTS, ids=names(ENDPOINTS))
def test_an_endpoint_says_which_verbs_it_answers(path: Path) -> None:
    """The server must say the same in its response to OPTIONS. HEAD comes with GET."""
    stated = ENDPOINT.match(first_line(path))
    assert stated
    verbs = {*stated[1].split(", "), "OPTIONS", *({"HEAD"} if "GET" in stated[1] else ())}
    assert set(Browser().options(stated[2])["Allow"].split(", ")) == verbs


# -- migrations --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_migrations_are_complete() -> None:
    """Otherwise the first `make run` would ask a newcomer for a migration."""
    call_command("makemigrations", "oauth_service", check_changes=True, dry_run=True, verbosity=0)
