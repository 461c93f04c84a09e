"""Horizontal bars as SVG, for light and dark pages alike."""

from collections.abc import Sequence
from html import escape
from typing import Final

from attrs import frozen

from benchmarks.words import number, times

_WIDTH: Final = 780
_LEFT: Final = 220  # where the bars begin
_LONGEST: Final = 380
_ROW: Final = 30
_BAR: Final = 18
_TOP: Final = 66
_CUT: Final = 8.0  # bars of more than so many times ours are cut short

_STYLE: Final = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-size: 16px; font-weight: 600 }
.note, .times { fill: #6e7781 }
.name { text-anchor: end }
.bar { fill: #a9b4c0 }
.ours { fill: #2f7d5b }
.oursname { font-weight: 600 }
.cut { fill: none; stroke: #ffffff; stroke-width: 3 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .note, .times { fill: #8d96a0 }
  .bar { fill: #57606a }
  .ours { fill: #4fb58a }
  .cut { stroke: #0d1117 }
}
"""


@frozen
class Bar:
    """One gateway's figure."""

    name: str
    value: float
    ours: bool = False


def bars(title: str, note: str, drawn: Sequence[Bar]) -> str:
    """Return an SVG image of some bars, the shortest on top."""
    drawn = sorted(drawn, key=lambda bar: bar.value)
    ours = next((bar.value for bar in drawn if bar.ours), 0.0)
    end = max(bar.value for bar in drawn)
    if ours:
        end = min(end, ours * _CUT)
    height = _TOP + _ROW * len(drawn) + 10
    shape = f'viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(title)}"'
    rows = (_row(bar, _TOP + _ROW * place, end, ours) for place, bar in enumerate(drawn))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {shape}>',
            f"<style>{_STYLE}</style>",
            f'<text class="title" x="12" y="26">{escape(title)}</text>',
            f'<text class="note" x="12" y="46">{escape(note)}</text>',
            *rows,
            "</svg>",
            "",
        ]
    )


def _row(bar: Bar, top: int, end: float, ours: float) -> str:
    """Return a bar between its name and its figure, cut where it is longer than the space."""
    long = max(min(bar.value / end, 1.0) * _LONGEST, 1.0) if end > 0 else 1.0
    line = top + _BAR - 4
    kind = "ours" if bar.ours else "bar"
    size = f'width="{long:.1f}" height="{_BAR}" rx="3"'
    shown = number(bar.value)
    if ours and not bar.ours:
        shown += f' <tspan class="times">({times(bar.value / ours)})</tspan>'
    parts = [
        f'<text class="name {kind}name" x="{_LEFT - 10}" y="{line}">{escape(bar.name)}</text>',
        f'<rect class="{kind}" x="{_LEFT}" y="{top}" {size}/>',
        f'<text x="{_LEFT + long + 8:.1f}" y="{line}">{shown}</text>',
    ]
    if bar.value > end:
        at, stroke = _LEFT + long - 40, f"{top + _BAR + 2} l6 -{_BAR + 4}"
        parts.append(f'<path class="cut" d="M{at:.0f} {stroke} M{at + 9:.0f} {stroke}"/>')
    return "\n".join(parts)
