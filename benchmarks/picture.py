"""Picture of a run: a self-contained SVG that is legible on light and on dark pages."""

from collections.abc import Sequence
from html import escape

from .measure import Results
from .operations import OPERATIONS, Operation
from .subjects import Subject

WIDTH, LABELS, FIGURES = 860, 290, 110
BAR, GAP, HEAD = 16, 6, 34
# Bars longer than this many times the longest of the others are cut off, because they would make the others invisible.
CUT = 4.0

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.title { font-weight: 600; font-size: 15px; }
.figure, .legend { fill: #59636e; font-size: 12px; }
.server { fill: #8c959f; } .database { fill: #c8cfd6; }
.ours .server { fill: #0969da; } .ours .database { fill: #80b8f0; }
.cut { stroke: #ffffff; stroke-width: 3; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; } .figure, .legend { fill: #9198a1; }
  .server { fill: #7d8590; } .database { fill: #4a515a; }
  .ours .server { fill: #4493f8; } .ours .database { fill: #1f5fae; }
  .cut { stroke: #0d1117; }
}
"""


def svg(title: str, subjects: Sequence[Subject], results: Results, operations: Sequence[Operation] = OPERATIONS) -> str:
    """
    Groups of bars, one per operation; a bar is the server's CPU, then the database's. Missing operations have no bar.
    """
    having = [[each for each in subjects if operation.name in results[each.name]] for operation in operations]
    height = 50 + sum(_height(len(each)) for each in having)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">',
        f"<style>{STYLE}</style>",
        f'<text class="title" x="0" y="18">{escape(title)}</text>',
        '<text class="legend" x="0" y="38">In ms: first of the server, then of PostgreSQL. Shorter is better.</text>',
    ]
    top = 50
    for operation, able in zip(operations, having, strict=True):
        totals = {subject.name: results[subject.name][operation.name].cpu_ms for subject in able}
        longest = _longest(list(totals.values()))
        parts.append(f'<text class="title" x="0" y="{top + 22}">{escape(operation.title.replace("`", ""))}</text>')
        for place, subject in enumerate(able):
            series = results[subject.name][operation.name]
            parts += _bar(
                subject,
                y=top + HEAD + place * (BAR + GAP),
                server=series.server_ms,
                database=series.database_ms,
                scale=(WIDTH - LABELS - FIGURES) / longest,
                longest=longest,
            )
        top += _height(len(able))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _height(bars: int) -> int:
    return HEAD + bars * (BAR + GAP) + 12


def _longest(totals: list[float]) -> float:
    ordered = sorted(totals)
    longest = ordered[0]
    for total in ordered[1:]:
        if total > CUT * longest and total > 100:
            break
        longest = total
    return longest


def _bar(subject: Subject, *, y: float, server: float, database: float, scale: float, longest: float) -> list[str]:
    whole = min(server + database, longest * 1.02)
    dark = min(server, whole)
    end = LABELS + whole * scale
    parts = [
        f'<g class="{"ours" if subject.is_ours else "other"}">',
        f'<text x="{LABELS - 8}" y="{y + 12}" text-anchor="end">{escape(subject.title)}</text>',
        f'<rect class="server" x="{LABELS}" y="{y}" width="{max(dark * scale, 1):.1f}" height="{BAR}"/>',
        f'<rect class="database" x="{LABELS + dark * scale:.1f}" y="{y}" width="{(whole - dark) * scale:.1f}" height="{BAR}"/>',
    ]
    if server + database > whole:
        parts.append(f'<path class="cut" d="M{end - 14:.1f} {y + BAR + 2} l8 -{BAR + 4}"/>')
    parts.append(f'<text class="figure" x="{end + 6:.1f}" y="{y + 12}">{server:.2f} + {database:.2f}</text>')
    return [*parts, "</g>"]
