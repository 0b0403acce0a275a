# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``python -m tests.bench [--quick] [--only NAME ...] [--runs N] [--svg FILE] [--json FILE]``"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from tests.sandbox.control import Sandbox

from . import cases, chart
from .lab import BIN, Lab


def main():
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description=(
            "Measure the collection beside ansible.builtin.uri. All that is compared runs in turns, against a sandbox on "
            "this machine."
        ),
    )
    parser.add_argument("--quick", action="store_true", help="fewer runs: a quarter of an hour, not most of one")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=cases.CASES,
        default=list(cases.CASES),
        metavar="NAME",
        help="one or several of: " + ", ".join(cases.CASES),
    )
    parser.add_argument("--runs", type=int, help="runs of each (default 5, with --quick 3)")
    parser.add_argument("--svg", type=Path, help="draw the result here")
    parser.add_argument("--json", type=Path, help="write the figures here; figures of other cases in it are kept")
    options = parser.parse_args()
    runs = options.runs or (3 if options.quick else 5)
    if runs < 1:
        parser.error("--runs: at least one")
    print(_machine(), flush=True)
    print(
        "processor: of all processes that the run started; peak: of the largest one; sandbox: its processor time",
        flush=True,
    )
    begun, tables = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, Sandbox(seed=cases.START_SEED) as sandbox:
        lab = Lab(Path(folder), sandbox, _say)
        try:
            lab.play([])()  # so that bytecode and caches are there
            for name in options.only:
                _say(f"{name} ...")
                for table in cases.CASES[name](lab, runs, options.quick):
                    tables.append(table)
                    print("\n" + show(table), flush=True)
        finally:
            lab.close()
    every = [bound for table in tables for bound in table.bounds]
    print("\n%d of %d bounds met, in %d s." % (sum(bound.met for bound in every), len(every), time.monotonic() - begun))
    if options.json:
        tables = _kept(options.json, tables)
        options.json.write_text(cases.as_json(tables), encoding="utf-8")
    if options.svg:
        options.svg.write_text(chart.draw(tables), encoding="utf-8")


def show(table):
    """A table for a terminal."""
    width = max(len(row.name) for row in table.rows)
    lines = [
        table.title,
        "  %-*s  %10s %8s %10s %8s %8s %10s %4s"
        % (width, "", "wall", "ratio", "processor", "ratio", "peak", "sandbox", "runs"),
    ]
    for row in table.rows:
        wall = cpu = ""
        if table.reference and row.name not in (cases.NOTHING, cases.NO_HOSTS):
            reference = table.row(table.reference)
            wall = "%.3f" % (row.figures.wall / reference.wall)
            cpu = "%.3f" % (row.figures.cpu / reference.cpu)
        lines.append(
            "  %-*s  %10s %8s %10s %8s %5d MB %10s %4d"
            % (
                width,
                row.name,
                _time(row.figures.wall),
                wall,
                _time(row.figures.cpu),
                cpu,
                row.figures.memory / 1e6,
                _time(row.figures.service),
                row.runs,
            )
        )
    for bound in table.bounds:
        lines.append(
            "  {}: {}: {:.3f}, at most {:g}".format(
                "met" if bound.met else "NOT MET", bound.text, bound.value, bound.limit
            )
        )
    return "\n".join(lines)


def _time(seconds):
    return f"{seconds:.2f} s" if abs(seconds) >= 1 else "%.1f ms" % (seconds * 1000)


def _kept(path, tables):
    """The tables, and those in the file that were not measured again."""
    new = {table.name for table in tables}
    old = cases.from_json(path.read_text(encoding="utf-8")) if path.exists() else []
    return [table for table in old if table.name not in new] + tables


def _machine():
    ansible = subprocess.run(
        [str(BIN / "ansible-playbook"), "--version"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    return "%d cores, %s %s, Python %s, %s, requests %s, voluptuous %s; medians, net of a play that does nothing" % (
        os.cpu_count(),
        platform.system(),
        platform.machine(),
        platform.python_version(),
        re.sub(r".*\[(.*)\]", r"ansible-\1", ansible.splitlines()[0]),
        version("requests"),
        version("voluptuous"),
    )


def _say(text):
    """Progress, for a person who waits."""
    if sys.stderr.isatty():
        print("\r\x1b[K" + text, end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
