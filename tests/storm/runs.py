# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Schedules are run, and the books become a verdict.

The collection is called without a play, but where a play is to be killed. ``plays`` runs it in plays, ``uri`` does what
playbooks do without the collection, to compare.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from tests.integration.plays import ROOT, Plays, Run, steer, task
from tests.sandbox.control import Sandbox
from tests.sandbox.switches import TABLE

from .books import findings_of
from .schedules import LAST_RELEASE, TIMEOUT, Attempt, Schedule, make, seed_of

KEY = 'storm-key-7f3a/b+c=&"q'
SETTLED = 1.5 * TIMEOUT + 0.2  # seconds after which nothing is carried out any more
GROUP = 20  # schedules in one sandbox
ENDED = 1.5  # seconds after a kill in which nothing may be written
CLIENTS = ("collection", "plays", "uri")


class Verdict(NamedTuple):
    """What was found wrong with a schedule; each is a list of sentences."""

    number: int
    runs: int
    doubled: list[str]  # requested or noted twice
    repeated: list[str]  # requested again although it was sent back and nothing said that it was fixed again
    opened: list[str]  # opened although a tester had closed it
    lost: list[str]
    late: list[str]  # written after the end of a play
    leaked: list[str]


SINS = Verdict._fields[2:]


def storm(seed: Any, numbers: Iterable[int], client: str = "collection", jobs: int = 2) -> list[Verdict]:
    """Run schedules. Returns a Verdict for each."""
    numbers = list(numbers)
    groups = [numbers[start : start + GROUP] for start in range(0, len(numbers), GROUP)]
    # Without a fork: the threads of a client do not survive one.
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        parts = pool.map(_group, [seed] * len(groups), groups, [client] * len(groups))
        return [verdict for part in parts for verdict in part]


def _group(seed: Any, numbers: list[int], client: str) -> list[Verdict]:
    schedules = [make(seed, number, place) for place, number in enumerate(numbers)]
    if client == "uri":  # it knows one kind of service
        schedules = [one._replace(switches={}) for one in schedules]
    with tempfile.TemporaryDirectory(prefix="storm-") as folder, Sandbox(seed=seed_of(schedules, KEY)) as sandbox:
        if client == "collection":
            runs = [_called(one, Path(folder), sandbox) for one in schedules]
        else:
            write = _with_uri if client == "uri" else _with_collection
            tasks = [part for one in schedules for part in _tasks(one, write)]
            run = Plays(Path(folder), sandbox).start(tasks, "-vv")(1800)
            assert run.rc == 0, run.output
            runs = [run] * len(schedules)
    return [_verdict(one, run, client) for one, run in zip(schedules, runs)]


# The collection, called


def _called(one: Schedule, folder: Path, sandbox: Sandbox) -> Run:
    if str(ROOT / ".build/collections") not in sys.path:
        sys.path.append(str(ROOT / ".build/collections"))
    from tests.integration.calls import Calls  # where the collection may not be found before

    calls, lines, output = Calls(sandbox), [], ""
    for part in _tasks(one, _with_collection):
        run = _killed(part, folder, sandbox) if "kill" in part else calls.run([part])
        assert run.rc == 0 or "kill" in part or part.get("ignore_errors"), run.output
        lines += run.lines
        output += run.output
    return Run(0, output, lines)


def _killed(part: dict[str, Any], folder: Path, sandbox: Sandbox) -> Run:
    """Run a task in a play, and kill its process group after so many requests."""
    name, after = part["kill"]
    tasks = [{key: value for key, value in part.items() if key != "kill"}]
    wait = Plays(folder, sandbox).start(tasks, start_new_session=True)
    deadline = time.monotonic() + 60
    while wait.process.poll() is None and len(sandbox.log()) < after and time.monotonic() < deadline:
        time.sleep(0.01)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(wait.process.pid, signal.Signals[name])
    run = wait()
    count = len(sandbox.log())
    time.sleep(ENDED)
    written = [row["method"] for row in sandbox.log()[count:] if row["http"] != "GET"]
    line = {"kind": "ok", "task": f"{part['name']}: killed", "result": {"written": written}}
    return Run(0, run.output, [line])


# Tasks


def _tasks(one: Schedule, write: Any) -> Iterator[dict[str, Any]]:
    """The tasks of a schedule. After each attempt the log is kept and cleared."""
    yield steer(f"{one.name}: start", clear_faults=True, clear_log=True, switches={**_defaults(), **one.switches})
    for position, attempt in enumerate(one.attempts):
        name = f"{one.name}.{position}"
        acts = [{"project_id": one.project_id, **act} if _needs_project(act) else act for act in attempt.acts]
        moments = [{"project_id": one.project_id, **act} if _needs_project(act) else act for act in attempt.moments]
        yield steer(f"{name}: before", clear_faults=True, faults=list(attempt.faults)) | {"ignore_errors": True}
        for act in [*acts, *moments]:
            yield steer(f"{name}: act", act=[act]) | {"ignore_errors": True}
        yield from write(one, name, attempt, TIMEOUT)
        pause = 0.3 if "cache_ms" in one.switches else 0
        yield steer(f"{name}: after", sleep=pause, look=one.project_id, clear_log=True, clear_acts=True)
    late = any(fault["fault"] == "late_commit" for attempt in one.attempts for fault in attempt.faults)
    yield steer(f"{one.name}: settle", clear_faults=True, sleep=SETTLED if late else 0)
    last = {"release": LAST_RELEASE, "retesting_window_end": "2030-12-08"}
    yield from write(one, f"{one.name}: clean", Attempt("release", last, (), (), (), None), 20)
    yield steer(f"{one.name}: end", look=one.project_id)


def _needs_project(act: dict[str, Any]) -> bool:
    return act["do"] in ("complete_round", "cancel_round", "remove_from_round")


def _defaults() -> dict[str, Any]:
    """All switches as they are at first."""
    return {switch.name: switch.default for switch in TABLE}


def _with_collection(one: Schedule, name: str, attempt: Attempt, timeout: float) -> Iterator[dict[str, Any]]:
    common = dict(project_id=one.project_id, timeout=timeout, retries=1)
    kill = {"kill": attempt.kill} if attempt.kill else {}
    options = dict(attempt.options)
    if attempt.kind == "mark":
        note = f"Fixed in release {options['release']}."
        yield (
            task(f"{name} mark", "vulnerability", vulnerability_ids=list(one.asked), remediation_note=note, **common)
            | kill
        )
    elif attempt.kind == "cancel":
        yield task(f"{name} cancel", "retest", state="cancelled", **common) | kill
    else:
        which: dict[str, Any] = {"vulnerability_ids": list(one.asked)}
        if attempt.kind == "release":
            which = {"select": {"tags": ["storm"]}, "mark_ready": True}
        yield (
            task(f"{name} {attempt.kind}", "retest", retesting_window_start="2030-12-01", **which, **options, **common)
            | kill
        )


def _verdict(one: Schedule, run: Run, client: str) -> Verdict:
    end = run.result(f"{one.name}: end")["books"]
    logs = [run.result(f"{one.name}.{position}: after")["log"] for position in range(len(one.attempts))]
    found = findings_of(one, end, [*logs, run.result(f"{one.name}: end")["log"]])
    lost = []
    statuses = {row["id"]: row["status"] for row in end["findings"]}
    for name in one.asked:
        if statuses[name] != "closed" and not end["open_rounds_by_finding"].get(name):
            lost.append(f"finding {name} is neither closed nor in an open round at the end")
        noted = {note["finding_id"] for note in end["notes"] if note["note"].split() == _LAST_NOTE}
        if statuses[name] != "closed" and name not in noted and client != "uri":
            lost.append(f"finding {name} has no note of the last release")
    if lost:
        lost += [
            line["result"]["msg"]
            for line in run.lines
            if line["kind"] == "failed" and line.get("task", "").startswith(f"{one.name}: clean")
        ]
    late = [
        f"{line['task']}: {line['result']['written']}"
        for line in run.lines
        if line.get("task", "").startswith(f"{one.name}.") and line["result"].get("written")
    ]
    return Verdict(one.number, len(one.attempts) + 1, lost=lost, late=late, leaked=_leaked(one, run), **found)


_LAST_NOTE = f"Fixed in release {LAST_RELEASE}.".split()


def _leaked(one: Schedule, run: Run) -> list[str]:
    """The tasks of a schedule in whose result the key stands. What is printed is made of the results."""
    found = {line["task"] for line in run.lines if line.get("task") and KEY.lower() in str(line).lower()}
    if not found and KEY in run.output:
        found = {"somewhere in the output"}
    return sorted(name for name in found if name.startswith((f"{one.name}.", f"{one.name}:", "some")))


# With ansible.builtin.uri


def _with_uri(one: Schedule, name: str, attempt: Attempt, timeout: float) -> Iterator[dict[str, Any]]:
    """What playbooks do without the collection: look, then send, with until and retries."""
    base = "{{ lookup('env', 'ATTACKFORGE_BASE_URL') }}/api/ss"
    common = dict(
        headers={"X-SSAPI-KEY": "{{ lookup('env', 'ATTACKFORGE_API_KEY') }}"},
        body_format="json",
        status_code=[200, 201],
        timeout=max(1, int(timeout)),
        return_content=True,
    )
    kind = attempt.kind
    patient = {"retries": 2, "delay": 0, "ignore_errors": True}

    def uri(what, register, url, **more):
        keywords = {name: more.pop(name) for name in ("when",) if name in more}
        return {
            "name": f"{name} {kind} {what}",
            "ansible.builtin.uri": dict(common, url=base + url, **more),
            "register": register,
            "until": f"{register}.json is defined and {register}.status < 300",
            "no_log": False,
            **patient,
            **keywords,
        }

    if kind in ("mark", "release"):
        note = f"Fixed in release {attempt.options['release']}."
        for finding_id in one.asked:
            path = f"/vulnerability/{finding_id}"
            yield uri("look", "seen", path)
            notes = "(seen.json.vulnerability.vulnerability_remediation_notes | default([]) | map(attribute='note'))"
            body = {"projectId": one.project_id, "note": note}
            missing = f"seen is success and '{note}' not in {notes}"
            yield uri("note", "sent", f"{path}/remediationNote", method="POST", body=body, when=missing)
            if kind == "release":
                body = {"projectId": one.project_id, "status": "Retest"}
                unready = (
                    "seen is success and seen.json.vulnerability.vulnerability_retest != 'Yes' and "
                    "seen.json.vulnerability.vulnerability_status != 'Closed'"
                )
                yield uri("ready", "sent", path, method="PUT", body=body, when=unready)
        if kind == "mark":
            return
    yield uri("look", "seen", "/project/" + one.project_id)
    rounds = (
        "seen.json.project.project_retesting_history | default([]) | "
        "selectattr('retesting_round_status', 'equalto', 'Requested') | list"
    )
    if kind == "cancel":
        yield uri(
            "send",
            "sent",
            f"/project/{one.project_id}/retest/{{{{ ({rounds} | first).retesting_round }}}}/cancel",
            method="POST",
            when=f"seen is success and {rounds} | length > 0",
        )
        return
    held = (
        f"({rounds} | map(attribute='retesting_round_vulnerabilities') | flatten | map(attribute='vulnerability_id'))"
    )
    new = f"({list(one.asked)} | difference({held}))"
    yield uri(
        "send",
        "sent",
        f"/project/{one.project_id}/retest/request",
        method="POST",
        body={"retesting_window_start": "2030-12-01T00:00:00.000Z", "vulnerability_ids": f"{{{{ {new} }}}}"},
        when=f"seen is success and {new} | length > 0",
    )
