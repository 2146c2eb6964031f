"""The report: findings in groups, the gravest first, as text or as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from textwrap import fill

from .finding import Finding, Level

WIDTH = 100
INDENT = " " * 10


def in_words(groups: Mapping[str, Sequence[Finding]]) -> str:
    """
    Return the report as text.

    Args:
        groups: findings by the title of the group.
    """
    blocks = [_block(title, found) for title, found in groups.items()]
    return "\n\n".join([*blocks, _summary(groups)])


def in_json(groups: Mapping[str, Sequence[Finding]]) -> dict[str, object]:
    """Return the report as data for JSON."""
    findings = [
        {"group": title, **asdict(finding), "level": finding.level.name.lower()}
        for title, found in groups.items()
        for finding in _sorted(found)
    ]
    return {"findings": findings, **{f"{level.name.lower()}s": _count(groups, level) for level in Level}}


def exit_status(groups: Mapping[str, Sequence[Finding]], *, strict: bool) -> int:
    """Return 2 for errors, 1 for warnings if strict, and otherwise 0."""
    if _count(groups, Level.ERROR):
        return 2
    return 1 if strict and _count(groups, Level.WARNING) else 0


def _block(title: str, found: Sequence[Finding]) -> str:
    return "\n".join([title, *(_lines(finding) for finding in _sorted(found))] if found else [title, "  in order"])


def _lines(finding: Finding) -> str:
    subject = f"{finding.about}: " if finding.about else ""
    head = f"  {finding.level.name.lower():8}"
    return "\n".join(
        [
            _wrapped(f"{subject}{finding.what}", first=head),
            _wrapped(finding.why, first=INDENT),
            _wrapped(f"→ {finding.remedy}  [{finding.id}]", first=INDENT),
        ]
    )


def _wrapped(text: str, *, first: str) -> str:
    return fill(
        text, WIDTH, initial_indent=first, subsequent_indent=INDENT, break_long_words=False, break_on_hyphens=False
    )


def _summary(groups: Mapping[str, Sequence[Finding]]) -> str:
    counts = [(_count(groups, level), level.name.lower()) for level in sorted(Level, reverse=True)]
    return ", ".join(f"{count} {name}{'' if count == 1 else 's'}" for count, name in counts) + "."


def _count(groups: Mapping[str, Sequence[Finding]], level: Level) -> int:
    return sum(finding.level is level for found in groups.values() for finding in found)


def _sorted(found: Sequence[Finding]) -> list[Finding]:
    return sorted(found, key=lambda finding: -finding.level)
