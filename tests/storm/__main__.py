# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""python -m tests.storm: run schedules, print the sums and what went wrong; the exit code is 1 if anything did."""

from __future__ import annotations

import argparse
import sys

from .runs import CLIENTS, SINS, storm
from .schedules import make


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.storm", description=__doc__)
    parser.add_argument("--runs", type=int, default=100, metavar="N", help="schedules (default: 100)")
    parser.add_argument("--seed", default="1", metavar="S", help="what the chances are made of (default: 1)")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="replay one schedule, and show it")
    parser.add_argument(
        "--with",
        dest="client",
        choices=CLIENTS,
        default="collection",
        help="plays: the collection in plays, without kills; uri: ansible.builtin.uri, until and retries, to compare",
    )
    parser.add_argument("--jobs", type=int, default=2, metavar="J", help="processes at a time (default: 2)")
    given = parser.parse_args()
    numbers = range(given.runs) if given.only is None else [given.only]
    if given.only is not None:
        for part, value in make(given.seed, given.only, 0)._asdict().items():
            print(f"{part}: {value}" if part != "attempts" else "attempts:\n  " + "\n  ".join(map(str, value)))
    verdicts = storm(given.seed, numbers, given.client, given.jobs)
    sums = {name: sum(bool(getattr(one, name)) for one in verdicts) for name in SINS}
    for one in verdicts:
        for name in sums:
            for sentence in getattr(one, name):
                print(f"{name}: {sentence}. Replay: --seed {given.seed} --only {int(one.number)}")
    counted = ", ".join(f"{name}: {number}" for name, number in sums.items())
    print(f"schedules: {len(verdicts)}, runs: {sum(one.runs for one in verdicts)}, {counted}")
    return int(any(sums.values()))


if __name__ == "__main__":
    sys.exit(main())
