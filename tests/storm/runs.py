# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Schedules become playbooks, and the books become a verdict."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.integration.plays import Plays, steer, task
from tests.sandbox.control import Sandbox
from tests.sandbox.switches import TABLE

from .schedules import TIMEOUT, make, seed_of

KEY = 'storm-key-7f3a/b+c=&"q'
SETTLED = 1.5 * TIMEOUT + 0.2  # seconds after which nothing is carried out any more
GROUP = 20  # schedules in one playbook


class Verdict(NamedTuple):
    """What was found wrong with a schedule; each is a list of sentences."""

    number: int
    runs: int
    doubled: list
    lost: list
    leaked: list


def storm(seed, numbers, client="collection", jobs=2):
    """Run schedules. Returns a Verdict for each."""
    numbers = list(numbers)
    groups = [numbers[start : start + GROUP] for start in range(0, len(numbers), GROUP)]
    with ThreadPoolExecutor(jobs) as pool:
        return [verdict for group in pool.map(lambda group: _group(seed, group, client), groups) for verdict in group]


def _group(seed, numbers, client):
    schedules = [make(seed, number, place) for place, number in enumerate(numbers)]
    if client == "uri":  # it knows one kind of service
        schedules = [one._replace(switches={}) for one in schedules]
    write = _with_uri if client == "uri" else _with_collection
    tasks = [part for one in schedules for part in _tasks(one, write)]
    with tempfile.TemporaryDirectory(prefix="storm-") as folder, Sandbox(seed=seed_of(schedules, KEY)) as sandbox:
        run = Plays(Path(folder), sandbox).start(tasks, "-vv")(1800)
    assert run.rc == 0, run.output
    return [_judge(one, run, _leaked(one, run)) for one in schedules]


def _leaked(one, run):
    """The tasks of a schedule in whose result the key stands. What is printed is made of the results."""
    found = {line["task"] for line in run.lines if KEY in str(line)}
    if not found and KEY in run.output:
        found = {"somewhere in the output"}
    return sorted(name for name in found if name.startswith(("%d." % one.number, "%d:" % one.number, "some")))


def _tasks(one, write):
    """The tasks of a schedule. After each attempt the log is kept and cleared."""
    yield steer("%d: start" % one.number, clear_faults=True, clear_log=True, switches={**_defaults(), **one.switches})
    for position, attempt in enumerate(one.attempts):
        acts = [
            dict(act, project_id=one.project_id) if act["do"] in ("complete_round", "cancel_round") else act
            for act in attempt.acts
        ]
        yield steer(
            "%d.%d: before" % (one.number, position), clear_faults=True, faults=list(attempt.faults), act=acts
        ) | {"ignore_errors": True}
        yield from write(one, "%d.%d" % (one.number, position), attempt.kind, attempt.options, TIMEOUT)
        yield steer("%d.%d: after" % (one.number, position), look=one.project_id, clear_log=True)
    late = any(fault["fault"] == "late_commit" for attempt in one.attempts for fault in attempt.faults)
    yield steer("%d: settle" % one.number, clear_faults=True, sleep=SETTLED if late else 0, act=list(one.clean))
    for kind in ("mark", "request"):
        yield from write(one, "%d: clean" % one.number, kind, {"retesting_window_end": "2030-12-08"}, 20)
    yield steer("%d: end" % one.number, look=one.project_id)


def _defaults():
    """All switches as they are at first."""
    return {switch.name: switch.default for switch in TABLE}


def _with_collection(one, name, kind, options, timeout):
    common = dict(project_id=one.project_id, timeout=timeout, retries=1)
    if kind == "mark":
        yield task(
            f"{name} mark",
            "vulnerability",
            vulnerability_ids=[one.marked],
            status="retest",
            remediation_note=one.note,
            **common,
        )
    elif kind == "cancel":
        yield task(f"{name} cancel", "retest", state="cancelled", **common)
    else:
        options = {"retesting_window_start": "2030-12-01", **options}
        yield task(f"{name} request", "retest", vulnerability_ids=list(one.wished), **options, **common)


def _with_uri(one, name, kind, options, timeout):
    """What playbooks do without the collection: look, then send, with until and retries."""
    base = "{{ lookup('env', 'ATTACKFORGE_BASE_URL') }}/api/ss"
    common = dict(
        headers={"X-SSAPI-KEY": "{{ lookup('env', 'ATTACKFORGE_API_KEY') }}"},
        body_format="json",
        status_code=[200, 201],
        timeout=max(1, int(timeout)),
        return_content=True,
    )
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

    if kind == "mark":
        yield uri("look", "seen", "/vulnerability/" + one.marked)
        notes = "(seen.json.vulnerability.vulnerability_remediation_notes | default([]) | map(attribute='note'))"
        yield uri(
            "note",
            "sent",
            f"/vulnerability/{one.marked}/remediationNote",
            method="POST",
            body={"projectId": one.project_id, "note": one.note},
            when=f"seen is success and '{one.note}' not in {notes}",
        )
        yield uri(
            "ready",
            "sent",
            "/vulnerability/" + one.marked,
            method="PUT",
            body={"projectId": one.project_id, "status": "Retest"},
            when="seen is success and seen.json.vulnerability.vulnerability_retest != 'Yes'",
        )
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
    new = f"({list(one.wished)} | difference({held}))"
    yield uri(
        "send",
        "sent",
        f"/project/{one.project_id}/retest/request",
        method="POST",
        body={"retesting_window_start": "2030-12-01T00:00:00.000Z", "vulnerability_ids": f"{{{{ {new} }}}}"},
        when=f"seen is success and {new} | length > 0",
    )


def _judge(one, run, leaked):
    end = run.result("%d: end" % one.number)["books"]
    doubled = list(_doubled(one, end)) + list(_sent_twice(one, run))
    lost = []
    statuses = {row["id"]: row["status"] for row in end["findings"]}
    for name in one.wished:
        if statuses[name] != "closed" and not end["open_rounds_by_finding"].get(name):
            lost.append(f"finding {name} is neither closed nor in an open round at the end")
    if lost:
        lost += [
            line["result"]["msg"]
            for line in run.lines
            if line["kind"] == "failed" and line["task"].startswith("%d: clean" % one.number)
        ]
    if not any(note["note"] == one.note for note in end["notes"]):
        lost.append("the note is not there at the end")
    return Verdict(one.number, len(one.attempts) + 1, doubled, lost, leaked)


def _doubled(one, books):
    """What we asked for while it was in an open round already, and notes that stand twice."""
    scopes = {row["id"]: set(row["scope"]) for row in books["rounds"]}
    there = {}
    for deed in books["commits"]:
        subject = deed["subject"]
        if deed["what"] == "project-retest-requested":
            name = subject["round_id"]
            if deed["method"] == "RequestNewProjectRetest":
                for other, scope in there.items():
                    if scope & scopes[name]:
                        yield "round %d holds %s, which an open round held (%s)" % (
                            subject["round"],
                            ", ".join(sorted(scope & scopes[name])),
                            other,
                        )
            there[name] = scopes[name]
        elif deed["what"] in ("project-retest-cancelled", "project-retest-completed"):
            there.pop(subject["round_id"], None)
    notes = sum(note["note"] == one.note for note in books["notes"])
    if notes > 1:
        yield "the note stands %d times" % notes


def _sent_twice(one, run):
    """Requests and notes that were sent again although the one before may have been processed."""
    for position in range(len(one.attempts)):
        log = run.result("%d.%d: after" % (one.number, position))["log"]
        for method in ("RequestNewProjectRetest", "CreateRemediationNote"):
            sent = [row for row in log if row["method"] == method and row["status"] not in (429, 400, 422)]
            if len(sent) > 1:
                yield "attempt %d sent %s %d times" % (position, method, len(sent))
