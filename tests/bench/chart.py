# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Draw the result: horizontal bars on a logarithmic scale, for light and dark pages."""

from __future__ import annotations

import math
from html import escape

from . import cases

WIDTH, LEFT, RIGHT = 820, 190, 90  # pixels; names stand left of the bars, times right of them
BAR, GAP, HEAD = 15, 4, 34
LEAST, MOST = 0.001, 1000.0  # seconds
_LEGEND = (("ours", "this collection"), ("theirs", "uri or curl"), ("floor", "the floor"))
_FLOOR = (cases.DEBUG, cases.BARE, cases.LOOP_DEBUG, cases.HOSTS_DEBUG)
_KINDS = [kind for kind, _name in _LEGEND]
_LEFT_OUT = (cases.NOTHING, cases.NO_HOSTS)
_DRAWN = ("post-tasks", "post-items", "job-500", "job-10000", "many-0", "many-100", "rerun")
_STYLE = """
  text { font: 12px -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #24292f; }
  .title { font-weight: 600; font-size: 13px; } .faint { fill: #6e7781; font-size: 11px; }
  .grid { stroke: #8c959f; stroke-opacity: .3; }
  .ours { fill: #1a7f5a; } .theirs { fill: #b3651d; } .floor { fill: #8c959f; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .faint { fill: #9198a1; }
    .ours { fill: #3fb68b; } .theirs { fill: #dd8b45; } .floor { fill: #6e7681; }
  }
"""


def draw(tables):
    """The picture of some of the tables, as SVG."""
    drawn = [table for name in _DRAWN for table in tables if table.name == name]
    parts, top = [_legend()], 46
    for table in drawn:
        parts.append(f'<text class="title" x="10" y="{int(top + 18)}">{escape(table.title)}</text>')
        top += HEAD - 6
        for row in sorted(table.rows, key=lambda row: _KINDS.index(_kind(row.name))):
            if row.name not in _LEFT_OUT:
                parts.append(_bar(row, top))
                top += BAR + GAP
        top += 12
    grid = []
    for power in range(int(math.log10(LEAST)), int(math.log10(MOST)) + 1):
        x = _x(10.0**power)
        grid.append(f'<line class="grid" x1="{int(x)}" x2="{int(x)}" y1="40" y2="{int(top)}"/>')
        grid.append(
            f'<text class="faint" x="{int(x)}" y="{int(top + 14)}" text-anchor="middle">{_time(10.0**power)}</text>'
        )
    size, shown = f'width="{WIDTH}" height="{top + 24}"', "\n".join(grid + parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {WIDTH} {top + 24}" role="img">\n'
        f"<title>Wall time of the collection beside ansible.builtin.uri</title>\n<style>{_STYLE}</style>\n"
        f"{shown}\n</svg>\n"
    )


def _legend():
    parts = ['<text class="faint" x="10" y="20">Wall time, net of a play that does nothing; logarithmic scale</text>']
    x = WIDTH - 350
    for kind, name in _LEGEND:
        parts.append(f'<rect class="{kind}" x="{int(x)}" y="11" width="11" height="11" rx="2"/>')
        parts.append(f'<text x="{int(x + 16)}" y="21">{name}</text>')
        x += 130
    return "\n".join(parts)


def _kind(name):
    return "floor" if name in _FLOOR else "theirs" if "uri" in name or "curl" in name else "ours"


def _bar(row, top):
    end = _x(row.figures.wall)
    width = int(max(1, end - LEFT))
    return (
        f'<text x="{LEFT - 8}" y="{int(top + 12)}" text-anchor="end">{escape(row.name)}</text>'
        f'<rect class="{_kind(row.name)}" x="{LEFT}" y="{int(top)}" width="{width}" height="{BAR}" rx="2"/>'
        f'<text x="{int(end + 6)}" y="{int(top + 12)}">{_time(row.figures.wall)}</text>'
    )


def _x(seconds):
    share = math.log10(max(seconds, LEAST) / LEAST) / math.log10(MOST / LEAST)
    return LEFT + round(share * (WIDTH - LEFT - RIGHT))


def _time(seconds):
    """Three digits, which is more than such figures are worth."""
    number, unit = (seconds, "s") if seconds >= 1 else (seconds * 1000, "ms")
    digits = 2 if number < 10 and number % 1 else 1 if number < 100 and number % 1 else 0
    return f"{number:.{digits}f} {unit}"
