# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Schedules: what one project goes through. A schedule is made of its seed and number alone, so it can be replayed."""

from __future__ import annotations

import random
from typing import NamedTuple

TIMEOUT = 0.4  # seconds; of the attempts, not of the clean run at the end
PROJECT = "66333e1d{:016x}"
READS = ("GetProjectById", "GetProjectVulnerabilitiesById")
WRITES = (
    "RequestNewProjectRetest",
    "RequestNewProjectRetest",
    "CancelProjectRetestRound",
    "UpdateVulnerabilityById",
    "CreateRemediationNote",
    "CreateRemediationNote",
)
# What a tenant may be like. Left out is what makes a clean run fail rightly, and a history that lags behind:
# nobody can see a round that is not shown.
SWITCHES = {
    "history_rows": ["per_round", "per_action"],
    "history_order": ["oldest_first", "newest_first", "shuffled"],
    "history_empty": ["list", "missing", "null"],
    "round_number_type": ["integer", "string"],
    "status_case": ["documented", "lower", "upper"],
    "cancelled_spelling": ["Cancelled", "Canceled"],
    "ready_reads_back": ["flag", "flag_true", "status_retest"],
    "ready_query": ["is_retest", "as_shown"],
    "q_support": ["full", "refused", "ignored", "ids_never_match"],
    "count": ["total", "page", "missing", "too_high"],
    "page_cap": [500, 2],
    "wrapped": ["yes", "no"],
    "nulls": ["no", "yes"],
    "project_id_in_put": ["accepted", "refused", "required"],
    "project_id_in_note": ["accepted", "refused", "required"],
    "overlapping_requests": ["accepted", "refused"],
    "finished_round_again": ["ok", "400", "404", "409"],
    "write_code": ["200", "201"],
    "status_text": ["documented", "empty"],
    "error_shape": ["message", "text", "html", "empty"],
}


class Schedule(NamedTuple):
    """One project's way: the attempts in their order, each with the faults and acts that come before it."""

    number: int
    project_id: str
    wished: tuple  # ids of the findings to be retested
    marked: str  # one of them, which is not ready at first
    note: str
    switches: dict
    attempts: tuple  # of Attempt
    clean: tuple  # acts before the clean run


class Attempt(NamedTuple):
    """One run of a task: ``kind`` is request, mark or cancel."""

    kind: str
    options: dict
    faults: tuple
    acts: tuple


def finding(place, number):
    """The id of a project's finding."""
    return f"6639508f{place + 1:08x}{number:08x}"


def seed_of(schedules, key):
    """The world in which these schedules run: a project for each."""
    projects = []
    for place, one in enumerate(schedules):
        findings = [
            {
                "id": finding(place, number),
                "title": "Finding %d" % number,
                "status": "open" if finding(place, number) == one.marked else "retest",
            }
            for number in range(5)
        ]
        projects.append(
            {
                "id": one.project_id,
                "name": "Storm %d" % one.number,
                "code": "S%d" % one.number,
                "text_kb": 1,
                "findings": findings,
            }
        )
    return {"keys": [{"label": "storm", "key": key}], "projects": projects}


def make(seed, number, place):
    """Make a schedule. ``place`` is its project's place in the world; it has no part in the chances."""
    chance = random.Random(f"{seed}/{number}")
    ids = [finding(place, index) for index in range(5)]
    wished = ids[: chance.randint(2, 4)]
    switches = {name: chance.choice(values) for name, values in SWITCHES.items() if chance.random() < 0.4}
    if switches.get("count") not in (None, "total", "too_high"):
        switches.pop("page_cap", None)  # a short page and no count look like the end of the pages
    duplicates = chance.choice(["warn", "cancel"])
    attempts, unready = [], False
    for position in range(chance.randint(2, 5)):
        kind = "mark" if position == 0 else chance.choices(["request", "mark", "cancel"], [7, 2, 1])[0]
        options = {}
        if kind == "request":
            options = {
                "on_duplicate": duplicates,
                "on_window_change": chance.choice(["keep", "keep", "replace"]),
                "retesting_window_end": chance.choice(["2030-12-08", "2030-12-08", "2030-12-09"]),
            }
        faults = tuple(_fault(chance) for _unused in range(chance.choice([0, 1, 1, 2, 2, 3])))
        acts = ()
        if position and chance.random() < 0.3:
            acts = (_act(chance, wished),)
            unready |= acts[0]["do"] == "unready"
        attempts.append(Attempt(kind, options, faults, acts))
    clean = tuple({"do": "mark_ready", "id": name} for name in wished) if unready else ()
    return Schedule(
        number,
        PROJECT.format(place + 1),
        tuple(wished),
        wished[-1],
        "Fixed in storm %d." % number,
        switches,
        tuple(attempts),
        clean,
    )


def _fault(chance):
    method = chance.choice(WRITES if chance.random() < 0.6 else READS)
    when = chance.choice(["before", "after"])
    kind = chance.choice(
        [
            dict(fault="reset", when=when),
            dict(fault="close", when=when),
            dict(fault="hang", seconds=5, when=when),
            dict(
                fault="status",
                code=chance.choice([500, 502, 503, 504]),
                when=when,
                body=chance.choice(["json", "html", "empty", "text"]),
            ),
            # What says that nothing was done has to be true, or nobody could rely on anything.
            dict(fault="status", code=429, when="before", times=chance.randint(1, 3)),
            dict(fault="status", code=chance.choice([400, 403, 404, 409]), when="before"),
            dict(
                fault="echo_key",
                where=chance.choice(["json", "html", "header", "urlencoded"]),
                when="before",
                code=chance.choice([400, 401, 500]),
            ),
            dict(fault="echo_key", where="json", when="after", code=500),
            dict(fault="truncated"),
            dict(fault="garbage", when=when),
            dict(fault="login_page", when=when),
            dict(fault="redirect", url="http://127.0.0.1:9/", when="before"),
            dict(fault="refuse", seconds=0.1, when=when),
            # In time to be seen by a look that lasts as long as the timeout.
            dict(fault="late_commit", seconds=round(chance.uniform(0.05, 1.5 * TIMEOUT), 2)),
            dict(fault="deep", when=when, levels=20_000),
        ]
    )
    return dict({"times": chance.choice([1, 1, 1, 2])}, method=method, skip=chance.choice([0, 0, 0, 1]), **kind)


def _act(chance, wished):
    do = chance.choice(["close", "cancel_round", "complete_round", "request_round", "add_note", "unready"])
    if do in ("cancel_round", "complete_round"):
        return {"do": do}
    if do == "request_round":
        return {"do": do, "ids": wished[: chance.randint(1, len(wished))]}
    return {"do": do, "id": chance.choice(wished), **({"note": "Seen by a person."} if do == "add_note" else {})}
