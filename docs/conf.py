"""Sphinx settings; docs/build.py runs Sphinx."""

import tomllib
from pathlib import Path

_project = tomllib.loads((Path(__file__).resolve().parents[1] / "pyproject.toml").read_text())["project"]

project = _project["name"]
version = release = _project["version"]
copyright = f"the authors of {project}"  # noqa: A001 - Sphinx' own name
language = "en"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = f"{project} {release}"
html_copy_source = False
html_static_path = ["_static"]  # in this folder
html_css_files = ["site.css"]
html_show_sphinx = False
myst_heading_anchors = 4  # anchors as on code hosts: `page.md#a-heading`
myst_enable_extensions = ["strikethrough"]
