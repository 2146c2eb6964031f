"""The documentation site lists every page, and its sources are laid out so that Sphinx finds all link targets."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from config.sites import ROOT

DOCS = ROOT / "docs"
PARTS = [
    *("Tutorial", "How-to guides", "Reference", "Explanation", "Operations", "Comparison", "Questions", "The project"),
]


def load() -> ModuleType:
    """docs/build.py, which is in no package, because it runs in an environment of its own."""
    found = importlib.util.spec_from_file_location("docs_build", DOCS / "build.py")
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


build = load()


def in_the_contents(source: Path) -> list[str]:
    """Every page in the tables of contents of the assembled site, as often as it is listed."""
    tables = [
        (page.parent, line)
        for page in source.rglob("*.md")
        for table in re.findall(r"^```\{toctree\}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
        for line in table.splitlines()
        if line and not line.startswith(":")
    ]
    return [str((folder / f"{line}.md").relative_to(source)) for folder, line in tables]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source files that Sphinx reads."""
    into = tmp_path_factory.mktemp("site")
    build.assemble(into)
    return into


def test_every_page_is_in_the_contents_once(source: Path) -> None:
    """Readers cannot find an unlisted page. Sphinx refuses pages that are listed nowhere or twice."""
    listed = in_the_contents(source)
    pages = {str(page.relative_to(source)) for page in source.rglob("*.md")} - {"index.md"}
    assert (pages - set(listed), sorted(page for page in listed if listed.count(page) > 1)) == (set(), [])
    assert {"settings.md", "adr/0001-tokens-without-rows.md", "CHANGELOG.md", "benchmarks/results/quick.md"} <= pages


def test_a_page_that_the_index_does_not_name_is_a_how_to_guide() -> None:
    """Authors of a new page need not know about the index."""
    named = "- [The doctor](doctor.md)"
    index = (DOCS / "index.md").read_text()
    assert named in index
    without = index.replace(named, "- nothing")
    assert "doctor.md" in build.contents(without)["How-to guides"]
    assert "- [The doctor](doctor.md)\n" in build.with_contents(without).partition("## Reference")[0]


def test_the_navigation_shows_the_groups_of_the_how_to_guides(source: Path) -> None:
    """Readers can hardly find one of thirty guides in a list without headings."""
    captions = re.findall(r"^:caption: (.+)$", (source / "index.md").read_text(), re.MULTILINE)
    groups = ["Your project", "APIs", "Apps and services", "The end of a connection"]
    assert captions[: captions.index("Reference")] == ["Tutorial", *groups]
    pages = ["orders.md", "a.md", "b.md"]
    assert [*build.groups("Guides", "\nOne:\n\n- [A](a.md)\n\nTwo:\n\n- [B](b.md), as in [A](a.md)\n", pages)] == [
        ("Guides", ["orders.md"]),
        ("One", ["a.md"]),
        ("Two", ["b.md"]),
    ]


def test_the_parts_stand_in_their_order() -> None:
    """Newcomers find the parts that they need first."""
    parts = build.contents((DOCS / "index.md").read_text())
    assert ([part for part in PARTS if part in parts], [*parts]) == ([*parts], [*parts])
    assert {"How-to guides", "Reference", "Explanation", "Operations"} <= {*parts}


def test_links_out_of_docs_lead_to_where_the_pages_stand() -> None:
    """
    The site has `../CHANGELOG.md` and `docs/settings.md` beside the other pages, and links must follow. Code stays as
    it is.
    """
    page = DOCS / "doctor.md"
    assert build.relinked("[a](../CHANGELOG.md#x) ![b](images/consent.png)", page) == (
        "[a](CHANGELOG.md#x) ![b](images/consent.png)"
    )
    assert build.relinked("[a](docs/settings.md)\n```\n[a](docs/settings.md)\n```\n", ROOT / "README.md") == (
        "[a](settings.md)\n```\n[a](docs/settings.md)\n```\n"
    )
    assert build.relinked("[a](../deploy.md)", DOCS / "adr/0001-tokens-without-rows.md") == "[a](../deploy.md)"


def test_files_that_pages_link_to_are_there(source: Path) -> None:
    """Pages link to pictures, and to configuration that their readers copy."""
    assert (source / "images/consent.png").is_file()
    assert (source / "deploy/nginx.conf").is_file()


def test_ci_builds_the_site() -> None:
    """Sphinx finds missing anchors and code that does not parse, and CI treats its warnings as errors."""
    assert " docs " in (ROOT / ".ci/run").read_text().splitlines()[-1]
    assert '"-W"' in (DOCS / "build.py").read_text()


def test_a_link_that_names_a_file_names_the_title_of_the_page(source: Path) -> None:
    """The site has no file with that name. A code host shows the file's name, which is right there."""
    page = (source / "settings.md").read_text()
    assert "[“Your own APIs: resources”](resources.md)" in page
    assert [
        (str(each.relative_to(source)), found)
        for each in source.rglob("*.md")
        for found in re.findall(r"\[([^\]\s]+\.md)\]\(\1\)", each.read_text())
    ] == []
