# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A soak of the source attackforge.retest.events: events at a steady rate for a while, with cuts and restarts.

The source runs in a process of its own, so that its memory and its processor time are its own. Run it with
``python -m tests.eda.soak``; it exits with 1 if an event was lost or delivered twice.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import json
import os
import resource
import runpy
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.eda.faulty_service import KEY, ORDERS, FaultyService

ROOT = Path(__file__).resolve().parents[2]
DONE = "project-retest-completed"
PATIENCE = 120  # seconds in which the last events have to arrive


def main() -> int:
    """Run the soak and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600, help="how long events happen (default: 600)")
    parser.add_argument("--rate", type=float, default=200, help="events a second (default: 200)")
    parser.add_argument("--cuts", type=float, default=20, help="seconds between two cuts; 0 for none (default: 20)")
    parser.add_argument("--restarts", type=float, default=120, help="seconds between two restarts; 0 for none")
    parser.add_argument("--plugins", type=Path, default=ROOT / "extensions/eda/plugins", help="whose source to run")
    parser.add_argument("--source", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.source:
        return run_source(options.plugins, *options.source)
    with tempfile.TemporaryDirectory() as folder:
        return Soak(options, Path(folder)).run()


class Soak:
    """One soak. Events are delivered into a file, a line each; each run of the source adds its figures."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self._options = options
        self._delivered = folder / "delivered.jsonl"
        self._delivered.touch()
        self._state = folder / "state.json"
        self._service = FaultyService(1, 0)
        self._service.order, self._service.by_day, self._service.late = ORDERS[1], False, 0
        self._service.pings = False
        self._processor = 0.0  # seconds
        self._peaks: list[int] = []  # MiB, of each run of the source

    def run(self) -> int:
        """Run it. Returns the exit status."""
        with self._service:
            source = self._start()
            try:
                source = self._send(source)
                self._wait(source)
            finally:
                self._stop(source)
        return self._report()

    def _send(self, source: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
        options, service = self._options, self._service
        begin = time.monotonic()
        next_cut, next_restart = begin + (options.cuts or 1e9), begin + (options.restarts or 1e9)
        while (now := time.monotonic()) < begin + options.seconds:
            for _event in range(int((now - begin) * options.rate) - len(service.events)):
                service.create(DONE)
            if now >= next_cut:
                service.cut()
                next_cut += options.cuts
            if now >= next_restart:
                self._stop(source)
                source = self._start()
                next_restart += options.restarts
            time.sleep(0.02)
        return source

    def _wait(self, source: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + PATIENCE
        while len(self._rounds()) < len(self._service.events) and time.monotonic() < end and source.poll() is None:
            time.sleep(1)
        time.sleep(2)  # for what would be too much

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.eda.soak", "--plugins", str(self._options.plugins)]
        command += ["--source", self._service.url, str(self._state), str(self._delivered)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT)

    def _stop(self, source: subprocess.Popen[bytes]) -> None:
        source.send_signal(signal.SIGTERM)
        output, _errors = source.communicate(timeout=60)
        figures = json.loads(output or "{}")
        self._processor += figures.get("processor", 0.0)
        self._peaks.append(figures.get("peak", 0))

    def _rounds(self) -> list[int]:
        return [int(line) for line in self._delivered.read_text(encoding="utf-8").split()]

    def _report(self) -> int:
        sent, delivered = len(self._service.events), collections.Counter(self._rounds())
        lost = sent - len(delivered)
        twice = sum(count > 1 for count in delivered.values())
        print(f"sent        {sent}")
        print(f"delivered   {len(delivered)}")
        print(f"lost        {lost}")
        print(f"twice       {twice}")
        print(f"connections {self._service.opened}, runs of the source {len(self._peaks)}")
        print(f"peak memory {max(self._peaks)} MiB (of each run: {', '.join(map(str, self._peaks))})")
        print(f"processor   {1000 * self._processor / max(sent, 1):.3f} ms an event")
        return 1 if lost or twice else 0


def run_source(plugins: Path, url: str, state: str, delivered: str) -> int:
    """Run the source until SIGTERM, as ansible-rulebook does. Prints its figures."""
    asyncio.run(_run_source(plugins, url, state, delivered))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"processor": usage.ru_utime + usage.ru_stime, "peak": _peak()}))
    return 0


def _peak() -> int:
    """The most memory that this process had, in MiB. Of getrusage it would be that of its parent as well."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


async def _run_source(plugins: Path, url: str, state: str, delivered: str) -> None:
    source = runpy.run_path(str(plugins / "event_source/events.py"))["main"]
    queue: asyncio.Queue[dict[str, object]] = asyncio.Queue(1)
    args = {"base_url": url, "api_key": KEY, "state_file": state, "from": "2026-01-01"}
    with open(delivered, "ab", buffering=0) as file:
        tasks = [asyncio.ensure_future(source(queue, args)), asyncio.ensure_future(_take(queue, file.fileno()))]
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, tasks[0].cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await tasks[0]
        tasks[1].cancel()


async def _take(queue: asyncio.Queue[dict[str, object]], file: int) -> None:
    while True:
        event = await queue.get()
        retest = event["retest"]
        assert isinstance(retest, dict)
        os.write(file, b"%d\n" % retest["round"])


if __name__ == "__main__":
    sys.exit(main())
