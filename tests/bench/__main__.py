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
            "Measure the collection beside ansible.builtin.uri. All that is compared runs in turns, against a sandbox "
            "on this machine."
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
    parser.add_argument("--other", type=Path, help="the checkout of another build, which the roles are compared with")
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
        lab = Lab(Path(folder), sandbox, _say, options.other)
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
    print(
        f"\n{int(sum(bound.met for bound in every))} of {len(every)} bounds met, in {int(time.monotonic() - begun)} s."
    )
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
        f"  {'':<{width}}  {'wall':>10} {'ratio':>8} {'processor':>10} {'ratio':>8} {'peak':>8} {'sandbox':>10} runs",
    ]
    for row in table.rows:
        wall = cpu = ""
        if table.reference and row.name not in (cases.NOTHING, cases.NO_HOSTS):
            reference = table.row(table.reference)
            wall = f"{row.figures.wall / reference.wall:.3f}"
            cpu = f"{row.figures.cpu / reference.cpu:.3f}"
        lines.append(
            f"  {row.name:<{width}}  {_time(row.figures.wall):>10} {wall:>8} {_time(row.figures.cpu):>10} {cpu:>8} "
            f"{row.figures.memory / 1e6:>5.0f} MB {_time(row.figures.service):>10} {row.runs:>4}"
        )
    for bound in table.bounds:
        lines.append(f"  {'met' if bound.met else 'NOT MET'}: {bound.text}: {bound.value:.3f}, at most {bound.limit:g}")
    return "\n".join(lines)


def _time(seconds):
    return f"{seconds:.2f} s" if abs(seconds) >= 1 else f"{seconds * 1000:.1f} ms"


def _kept(path, tables):
    """The tables, and those in the file that were not measured again."""
    new = {table.name for table in tables}
    old = cases.from_json(path.read_text(encoding="utf-8")) if path.exists() else []
    return [table for table in old if table.name not in new] + tables


def _machine():
    ansible = subprocess.run(
        [str(BIN / "ansible-playbook"), "--version"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    core = re.sub(r".*\[(.*)\]", r"ansible-\1", ansible.splitlines()[0])
    return (
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}, "
        f"{core}, requests {version('requests')}, voluptuous {version('voluptuous')}; "
        "medians, net of a play that does nothing"
    )


def _say(text):
    """Progress, for a person who waits."""
    if sys.stderr.isatty():
        print("\r\x1b[K" + text, end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
