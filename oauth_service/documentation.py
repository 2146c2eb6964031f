"""Pages of the documentation, as messages name them: the package does not contain them."""

from functools import cache
from importlib.metadata import PackageNotFoundError, metadata

DISTRIBUTION = "django-oauth-service"


def page(name: str) -> str:
    """
    Name a page, to be put into a sentence: its address, or its name if the documentation is not published.

    Args:
        name: of the page's file in docs/, without .md.
    """
    return address(name) or f"the page “{name}” of the documentation"


def address(name: str) -> str:
    """Return the address of a page; "" if the documentation is not published."""
    return f"{site}/{name}.html" if (site := _site()) else ""


@cache
def _site() -> str:
    """The address under `Documentation` in [project.urls] of pyproject.toml, as it was when the package was built; else ""."""
    try:
        urls = metadata(DISTRIBUTION).get_all("Project-URL") or []
    except PackageNotFoundError:  # a checkout that was not installed
        return ""
    labelled: dict[str, str] = dict(str(url).split(", ", 1) for url in urls)
    return labelled.get("Documentation", "").rstrip("/")
