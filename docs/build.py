"""
Build the HTML site from docs/ with Sphinx into build/docs/html: `make docs`.

The pages are plain Markdown with relative links, as code hosts show them. This script adds what only Sphinx needs: a
table
of contents, made from the links of index.md, and the pages of the repository outside docs/.
"""

import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
BUILD = ROOT / "build/docs"
INDEX = "index.md"
# Pages outside docs/ that belong to the site.
BESIDE = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "benchmarks/README.md")
# The pages of a folder are listed below one page.
FOLDERS = {"docs/adr": "docs/decisions.md", "benchmarks/results": "benchmarks/README.md"}
UNLISTED = "How-to guides"  # section for pages that index.md does not name

LINK = re.compile(r"(!?\[[^\]]*\]\()(?!https?://|mailto:|#)([^)#\s]+)(#[^)\s]*)?\)")
FENCE = re.compile(r"^(```.*?^```|~~~.*?^~~~)", re.MULTILINE | re.DOTALL)
SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
GROUP = re.compile(r"^(\w[^:\n]*):$", re.MULTILINE)


def sources() -> list[Path]:
    """Every page of the site, as a path in the repository."""
    return [
        *sorted(DOCS.glob("*.md")),
        *(page for folder in FOLDERS for page in in_folder(folder)),
        *map(ROOT.joinpath, BESIDE),
    ]


def in_folder(folder: str) -> list[Path]:
    """The pages of one of FOLDERS."""
    return sorted((ROOT / folder).glob("*.md"))


def place(path: Path) -> str:
    """Path of a file of the repository within the site, relative to the site's root."""
    return str(path.relative_to(DOCS if path.is_relative_to(DOCS) else ROOT))


def contents(index: str) -> dict[str, list[str]]:
    """
    The parts of the site with their pages, in order.

    Args:
        index: text of index.md. Each `##` is a part; its pages are those that it links to. Pages that index.md does not
            name go to the how-to guides.
    """
    _head, *pieces = SECTION.split(index)
    parts = {title: list(dict.fromkeys(_pages_of(text))) for title, text in zip(pieces[::2], pieces[1::2], strict=True)}
    named = {page for pages in parts.values() for page in pages}
    parts[UNLISTED] += [
        page.name for page in sorted(DOCS.glob("*.md")) if page.name not in named and page.name != INDEX
    ]
    return parts


def _pages_of(text: str) -> Iterator[str]:
    for _label, target, _anchor in LINK.findall(text):
        if target.endswith(".md"):
            yield place((DOCS / target).resolve())


def with_contents(index: str) -> str:
    """Text of index.md with the pages that it does not name, and a hidden table of contents for each part."""
    parts = contents(index)
    head, *pieces = SECTION.split(index)
    text = head
    for title, section in zip(pieces[::2], pieces[1::2], strict=True):
        named = set(_pages_of(section))
        more = "".join(
            f"- [{title_of(DOCS / page)}]({page})\n" for page in parts[title] if page not in named and title == UNLISTED
        )
        text += f"## {title}{section.rstrip()}\n{more}\n"
        text += "".join(toctree(pages, caption=caption) for caption, pages in groups(title, section, parts[title]))
    return text


def groups(title: str, section: str, pages: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """
    Yield the captions of the navigation for one part of index.md, each with its pages.

    A line such as "APIs:" begins a group. Pages before the first group, and pages that the part does not name, have the
    title of the part as their caption.
    """
    _head, *pieces = GROUP.split(section)
    rest = list(pages)
    found = []
    for caption, text in zip(pieces[::2], pieces[1::2], strict=True):
        members = [page for page in dict.fromkeys(_pages_of(text)) if page in rest]
        rest = [page for page in rest if page not in members]
        found.append((caption, members))
    if rest:
        yield title, rest
    yield from found


def toctree(pages: Sequence[str], *, caption: str = "") -> str:
    """A table of contents in Sphinx's syntax."""
    options = ":hidden:\n" + (f":caption: {caption}\n" if caption else "")
    return "```{toctree}\n" + options + "\n" + "".join(f"{page.removesuffix('.md')}\n" for page in pages) + "```\n\n"


def title_of(page: Path) -> str:
    """Text of the first heading of a page."""
    return page.read_text().partition("\n")[0].removeprefix("# ")


def relinked(text: str, page: Path) -> str:
    """
    A page with its relative links adjusted to its place in the site; code blocks stay as they are.

    A link that only names a file, such as [errors.md](errors.md), names the title of the page instead: the site has no such file.
    """

    def moved(link: re.Match[str]) -> str:
        target = (page.parent / link[2]).resolve()
        there = os.path.relpath(BUILD / "source" / place(target), (BUILD / "source" / place(page)).parent)
        names_file = target.suffix == ".md" and Path(link[1].strip("[](")).name == target.name
        label = f"[“{title_of(target)}”](" if names_file else link[1]
        return f"{label}{there}{link[3] or ''})"

    parts = FENCE.split(text)
    return "".join(part if number % 2 else LINK.sub(moved, part) for number, part in enumerate(parts))


def targets(text: str, page: Path) -> Iterator[Path]:
    """Files that a page links to and that are not pages themselves."""
    for part in FENCE.split(text)[::2]:
        for _label, target, _anchor in LINK.findall(part):
            yield (page.parent / target).resolve()


def assemble(into: Path) -> None:
    """Write the source files that Sphinx reads into a directory."""
    pages = sources()
    for page in pages:
        text = page.read_text()
        copy = into / place(page)
        copy.parent.mkdir(parents=True, exist_ok=True)
        for target in targets(text, page):
            if target not in pages:
                if not target.is_file():
                    raise SystemExit(f"{page.relative_to(ROOT)} links to {target}, which is no file.")
                (into / place(target)).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(target, into / place(target))
        text = relinked(with_contents(text) if page == DOCS / INDEX else text, page)
        below = [
            os.path.relpath(place(each), Path(place(page)).parent)
            for folder, above in FOLDERS.items()
            if page == ROOT / above
            for each in in_folder(folder)
        ]
        copy.write_text(text + ("\n" + toctree(below) if below else ""))


def main() -> int:
    """Assemble and build; return Sphinx's exit status."""
    from sphinx.cmd.build import build_main

    shutil.rmtree(BUILD, ignore_errors=True)
    assemble(BUILD / "source")
    # Warnings are errors: dead links, missing anchors, code that does not parse as its language.
    arguments = [
        "-q",
        "-W",
        "--keep-going",
        "-j",
        "auto",
        "-c",
        DOCS,
        "-d",
        BUILD / "doctrees",
        BUILD / "source",
        BUILD / "html",
    ]
    return build_main([str(argument) for argument in arguments])


if __name__ == "__main__":
    sys.exit(main())
