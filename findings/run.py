# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the findings and print what became of them as a table, or write the table of README.md.

python3 findings/run.py                      all of them
python3 findings/run.py role_null role_omit  these two
python3 findings/run.py --readme             the table of guesses beside what was seen, from the scripts' heads
"""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
README = HERE / "README.md"
SHARED = "lib.sh"
FIELDS = ("Versions", "Guessed", "Seen", "Product")
OUTCOMES = {0: "holds", 1: "CHANGED"}
WIDTHS = {"finding": 26, "versions": 22, "guessed": 34, "seen": 56, "now": 7}


class Finding(NamedTuple):
    """A script's name and what its head says."""

    name: str
    versions: str
    guessed: str
    seen: str
    product: str


def read(script: Path) -> Finding:
    """Read the head comment: each field may go on in the lines below it, which are indented."""
    head = re.search(r"^#\n((?:#.*\n)+)", script.read_text(encoding="utf-8"), re.MULTILINE)
    fields: dict[str, str] = dict(re.findall(r"^# (\w+): ((?:.*\n#   )*.*)$", head[1] if head else "", re.MULTILINE))
    missing = [field for field in FIELDS if field not in fields]
    if missing:
        sys.exit(f"{script.name}: the head has no {', '.join(missing)}.")
    return Finding(script.stem, *(" ".join(fields[field].replace("\n#", " ").split()) for field in FIELDS))


def readme_with_table(findings: list[Finding]) -> str:
    """Return README.md with its table made anew."""
    rows = ["| finding | versions | guessed | seen |", "| --- | --- | --- | --- |"]
    for finding in findings:
        cells = (f"[{finding.name}]({finding.name}.sh)", finding.versions, finding.guessed, finding.seen)
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    before = README.read_text(encoding="utf-8").partition("| finding | versions |")[0]
    return before + "\n".join(rows) + "\n"


def print_row(cells: list[str]) -> None:
    """Print one row of the table, its cells wrapped to the widths of their columns."""
    columns = [textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, WIDTHS.values(), strict=True)]
    for number in range(max(map(len, columns))):
        lines = [column[number] if number < len(column) else "" for column in columns]
        print("  ".join(line.ljust(width) for line, width in zip(lines, WIDTHS.values(), strict=True)).rstrip())
    print()


def run(finding: Finding) -> str:
    """Run one finding and return what became of it; what it says goes to the terminal."""
    print(f"\n==> {finding.name}\n", flush=True)
    code = subprocess.run([HERE / f"{finding.name}.sh"], stdin=subprocess.DEVNULL, check=False).returncode
    return OUTCOMES.get(code, "NOT RUN")


def main(arguments: list[str]) -> int:
    """Return 0 if every finding that was asked for holds and README.md is up to date."""
    findings = [read(script) for script in sorted(HERE.glob("*.sh")) if script.name != SHARED]
    if arguments == ["--readme"]:
        README.write_text(readme_with_table(findings), encoding="utf-8")
        return 0
    unknown = set(arguments) - {finding.name for finding in findings}
    if unknown:
        sys.exit(f"There is no finding named {', '.join(sorted(unknown))}.")
    chosen = [finding for finding in findings if not arguments or finding.name in arguments]
    outcomes = [run(finding) for finding in chosen]
    print()
    print_row(list(WIDTHS))
    for finding, outcome in zip(chosen, outcomes, strict=True):
        print_row([finding.name, finding.versions, finding.guessed, finding.seen, outcome])
    holding = outcomes.count("holds")
    print(f"{holding} of {len(outcomes)} findings hold.")
    stale = readme_with_table(findings) != README.read_text(encoding="utf-8")
    if stale:
        print("The table of README.md is out of date: python3 findings/run.py --readme")
    return int(stale or holding < len(outcomes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
