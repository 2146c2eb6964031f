"""docs/doctor.md explains every finding."""

import re

from config.sites import ROOT

CALL = re.compile(r'\b(?:error|warning|note|found)\(\s*"([a-z-]+)"')


def test_every_finding_is_explained_and_no_other() -> None:
    """Operators look up the id of a finding."""
    source = "\n".join(path.read_text() for path in (ROOT / "oauth_service/watch/doctor").glob("*.py"))
    explained = re.findall(r"^\| `([a-z-]+)` \|", (ROOT / "docs/doctor.md").read_text(), re.MULTILINE)
    assert (set(CALL.findall(source)) ^ set(explained), len(explained)) == (set(), len(set(explained)))


def test_the_findings_are_found_in_the_code() -> None:
    """Otherwise the test above would also pass for two empty sets."""
    assert len(CALL.findall((ROOT / "oauth_service/watch/doctor/outside.py").read_text())) > 20
