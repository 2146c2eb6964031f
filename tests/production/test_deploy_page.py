"""docs/deploy.md names exactly the variables that the server reads."""

import re

from config.sites import ROOT

READ = re.compile(r"""(?:os\.environ\.get\(|_list\(|number\()["']([A-Z_]+)["']""")
# Variables of Django and of the command itself, which the page explains in its first example.
UNLISTED = {"DEBUG", "DJANGO_SETTINGS_MODULE"}


def test_the_page_lists_what_is_read_from_the_environment() -> None:
    """Operators never set an undocumented variable, and set a documented one in vain if the server does not read it."""
    sources = [ROOT / "config/serve.py", *sorted((ROOT / "config/server").glob("*.py"))]
    read = {name for path in sources for name in READ.findall(path.read_text())}
    table = (ROOT / "docs/deploy.md").read_text().partition("## The environment")[2]
    listed = {
        name
        for line in table.splitlines()
        if line[:1] == "|"
        for name in re.findall(r"`([A-Z_]+)`", line.split("|")[1])
    }
    assert (listed - read, read - listed - UNLISTED) == (set(), set())


def test_the_page_names_every_logger_of_the_server() -> None:
    """Operators filter by logger name, and must not miss a logger that only warns."""
    sources = [path.read_text() for path in (ROOT / "oauth_service").rglob("*.py")]
    loggers = {name for source in sources for name in re.findall(r'getLogger\("([a-z_.]+)"\)', source)}
    page = (ROOT / "docs/deploy.md").read_text()
    assert loggers
    assert {name for name in loggers if f"`{name}`" not in page} == set()
