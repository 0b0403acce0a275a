# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Schedules: what one project goes through. A schedule is made of its seed and number alone, so it can be replayed."""

from __future__ import annotations

import random
import signal
from typing import Any, NamedTuple

TIMEOUT = 0.4  # seconds; of the attempts, not of the clean run at the end
PROJECT = "66333e1d{:016x}"
TAG = "storm"
RELEASES = ("1.0", "1.0", "1.0", "1.1")
LAST_RELEASE = "final"
READS = ("GetProjectById", "GetProjectVulnerabilitiesById", "GetVulnerabilityById")
WRITES = (
    "RequestNewProjectRetest",
    "RequestNewProjectRetest",
    "CancelProjectRetestRound",
    "UpdateVulnerabilityById",
    "CreateRemediationNote",
    "CreateRemediationNote",
)
# What a tenant may be like. Left out is what makes a clean run fail rightly, and a history that lags behind: nobody can
# see a round that is not shown. What fills in later does so within the time that an attempt has.
SWITCHES: dict[str, list[Any]] = {
    "history_rows": ["per_round", "per_action"],
    "history_order": ["oldest_first", "newest_first", "shuffled"],
    "history_empty": ["list", "missing", "null"],
    "scope_empty_ms": [120],
    "scope_empty_as": ["empty", "null", "missing"],
    "scope_fill_ms": [120],
    "round_ids": ["kept", "new_each_read", "missing"],
    "round_number_type": ["integer", "string"],
    "round_numbering": ["sequential", "reused_after_cancel"],
    "status_case": ["documented", "lower", "upper"],
    "cancelled_spelling": ["Cancelled", "Canceled"],
    "ready_reads_back": ["flag", "flag_true", "status_retest"],
    "ready_query": ["is_retest", "as_shown"],
    "list_notes": ["full", "empty", "missing"],
    "list_order": ["stable", "shuffled"],
    "note_form": ["as_sent", "nfd", "trimmed", "crlf"],
    "q_support": ["full", "refused", "ignored", "ids_never_match"],
    "q_ids": ["objectid", "text", "both", "in_refused"],
    "count": ["total", "page", "missing"],
    "page_cap": [500, 2],
    "wrapped": ["yes", "no"],
    "nulls": ["no", "yes"],
    "project_id_in_put": ["accepted", "refused", "required"],
    "project_id_in_note": ["accepted", "refused", "required"],
    "overlapping_requests": ["accepted", "refused"],
    "finished_round_again": ["ok", "400", "404", "409"],
    "write_code": ["200", "201"],
    "status_text": ["documented", "empty"],
    "error_shape": ["message", "nested", "text", "html", "empty"],
    "cache_ms": [200],
}


class Attempt(NamedTuple):
    """One run of a task: ``kind`` is release, request, mark or cancel.

    ``acts`` are done before it, ``moments`` between two of its requests. ``kill`` is a signal and the number of
    requests after which it comes.
    """

    kind: str
    options: dict[str, Any]
    faults: tuple[dict[str, Any], ...]
    acts: tuple[dict[str, Any], ...]
    moments: tuple[dict[str, Any], ...]
    kill: tuple[str, int] | None


class Schedule(NamedTuple):
    """One project's way: the attempts in their order, each with the faults and acts that come with it."""

    number: int
    project_id: str
    asked: tuple[str, ...]  # ids of the findings to be retested
    statuses: dict[str, str]  # of all findings, at the start
    switches: dict[str, Any]
    attempts: tuple[Attempt, ...]

    @property
    def name(self) -> str:
        return str(self.number)


def finding(place: int, number: int) -> str:
    """The id of a project's finding."""
    return f"6639508f{place + 1:08x}{number:08x}"


def seed_of(schedules: list[Schedule], key: str) -> dict[str, Any]:
    """The world in which these schedules run: a project for each."""
    projects = [
        {
            "id": one.project_id,
            "name": f"Storm {one.number}",
            "code": f"S{one.number}",
            "text_kb": 1,
            "findings": [
                {
                    "id": finding_id,
                    "title": f"Finding {number}",
                    "status": status,
                    "tags": [TAG] if finding_id in one.asked else [],
                }
                for number, (finding_id, status) in enumerate(one.statuses.items())
            ],
        }
        for one in schedules
    ]
    return {"keys": [{"label": "storm", "key": key}], "projects": projects}


def make(seed: Any, number: int, place: int) -> Schedule:
    """Make a schedule. ``place`` is its project's place in the world; it has no part in the chances."""
    chance = random.Random(f"{seed}/{number}")
    ids = [finding(place, index) for index in range(5)]
    asked = ids[: chance.randint(2, 4)]
    statuses = {one: chance.choice(["retest", "retest", "open"]) for one in ids}
    switches = {name: chance.choice(values) for name, values in SWITCHES.items() if chance.random() < 0.3}
    if switches.get("count") not in (None, "total"):
        switches.pop("page_cap", None)  # a short page and no count look like the end of the pages
    if switches.get("list_order") == "shuffled":
        switches.pop("page_cap", None)  # three pages of a list that changes its order never add up
    duplicates = chance.choice(["warn", "cancel"])
    attempts = tuple(_attempt(chance, position, asked, duplicates) for position in range(chance.randint(2, 5)))
    return Schedule(number, PROJECT.format(place + 1), tuple(asked), statuses, switches, attempts)


def _attempt(chance: random.Random, position: int, asked: list[str], duplicates: str) -> Attempt:
    kind = chance.choices(["release", "request", "mark", "cancel"], [6, 3, 2, 1 if position else 0])[0]
    options: dict[str, Any] = {}
    if kind in ("release", "request"):
        options = {
            "on_duplicate": duplicates,
            "on_window_change": chance.choice(["keep", "keep", "replace"]),
            "retesting_window_end": chance.choice(["2030-12-08", "2030-12-08", "2030-12-09"]),
        }
    if kind in ("release", "mark"):
        options["release"] = chance.choice(RELEASES)
    acts: tuple[dict[str, Any], ...] = ()
    if position and chance.random() < 0.5:
        acts = _retest(chance, asked) if chance.random() < 0.4 else (_act(chance, asked),)
    moments = (_moment(chance, asked),) if chance.random() < 0.3 else ()
    kill = None
    if chance.random() < 0.05:
        kill = (chance.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT]).name, chance.randint(1, 8))
    faults = tuple(_fault(chance) for _unused in range(chance.choice([0, 1, 1, 2, 2, 3])))
    return Attempt(kind, options, faults, acts, moments, kill)


def _fault(chance: random.Random) -> dict[str, Any]:
    method = chance.choice(WRITES if chance.random() < 0.6 else READS)
    when = chance.choice(["before", "after"])
    kind: dict[str, Any] = chance.choice(
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
            # In time to be seen by a search that lasts as long as the timeout.
            dict(fault="late_commit", seconds=round(chance.uniform(0.05, 1.5 * TIMEOUT), 2)),
            dict(fault="deep", when=when, levels=20_000),
            dict(fault="list_moved", method="GetProjectVulnerabilitiesById"),
            dict(fault="list_shuffled", method="GetProjectVulnerabilitiesById"),
            dict(fault="counter_ahead", method="GetProjectById"),
        ]
    )
    common = {"times": chance.choice([1, 1, 1, 2]), "method": method, "skip": chance.choice([0, 0, 0, 1])}
    return {**common, **kind}


_DEEDS = ("close", "close", "reopen", "mark_ready", "unready", "add_note", "request_round")
_OF_ROUNDS = ("cancel_round", "complete_round", "complete_round", "remove_from_round")


def _act(chance: random.Random, asked: list[str]) -> dict[str, Any]:
    """What a person does."""
    do = chance.choice([*_DEEDS, *_OF_ROUNDS])
    if do in ("cancel_round", "complete_round"):
        return {"do": do}
    if do == "request_round":
        return {"do": do, "ids": asked[: chance.randint(1, len(asked))]}
    return {"do": do, "id": chance.choice(asked), **({"note": "Seen by a person."} if do == "add_note" else {})}


def _retest(chance: random.Random, asked: list[str]) -> tuple[dict[str, Any], ...]:
    """The testers do their work: each finding is closed, sent back or left, and the round is completed."""
    acts = [{"do": chance.choice(["close", "reopen", "reopen"]), "id": one} for one in asked if chance.random() < 0.8]
    return (*acts, {"do": "complete_round"})


def _moment(chance: random.Random, asked: list[str]) -> dict[str, Any]:
    """What a person does between two requests of an attempt."""
    when = chance.choice(["before", "after"])
    return {**_act(chance, asked), when: chance.choice([*READS, *WRITES]), "skip": chance.choice([0, 0, 1, 2])}
