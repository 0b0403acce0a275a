# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The job templates of docs/awx, run by ansible-runner as AWX runs them: what they do, and what they leave."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
import yaml
from ansible.release import __version__ as core

from tests.integration.awx import Job
from tests.integration.plays import ROOT

PROJECT = "66333e1d110ab5acf8a4354e"
CORE = "Zq7XcoreX7qZ"  # letters that no spelling of the key changes, but base64
KEY = f"a/b+c=&\"{CORE}<'%2F\\u0041#{{{{x"
SEED = yaml.safe_load((ROOT / "tests/sandbox/demo.yml").read_text(encoding="utf-8"))
SEED["keys"].insert(0, {"label": "odd", "key": KEY})
REQUEST = {
    "attackforge_retest_project_id": PROJECT,
    "attackforge_retest_select": '{"tags": ["release-2026.12"]}',
    "attackforge_retest_release": "v2026.12",
    "attackforge_retest_window_start": "now",
    "attackforge_retest_window_days": 5,
    "attackforge_retest_on_window_change": "keep",
}
GATE = {"attackforge_retest_gate_project_id": PROJECT, "attackforge_retest_gate_round": 2}
CANCEL = {"attackforge_retest_project_id": PROJECT, "attackforge_retest_round": 3}
JOBS = ["a number", "request", "gate, open", "gate, closed", "cancel", "refused"]


@pytest.fixture(scope="module", name="jobs")
def fixture_jobs(tmp_path_factory, running_sandbox):
    """Each job, one after the other, the books after all of them, and what the first one wrote."""
    running_sandbox.reset(seed=SEED)

    def job(playbook, answers, verbosity=0):
        folder = tmp_path_factory.mktemp("job")
        return Job(folder, running_sandbox, KEY, playbook, answers, verbosity)

    done = {"a number": job("request.yml", dict(REQUEST, attackforge_retest_release="2026.10"))}
    written = running_sandbox.writes()
    running_sandbox.reset(seed=SEED)
    done.update({"request": job("request.yml", REQUEST, 4), "gate, open": job("gate.yml", GATE, 4)})
    running_sandbox.act("close", ids=running_sandbox.books()["rounds"][-1]["scope"])
    running_sandbox.act("complete_round", round=2)
    done["gate, closed"] = job("gate.yml", dict(GATE, attackforge_retest_gate_ignore_priorities=["Low", "Info"]))
    running_sandbox.act("request_round", ids=["WEBAPP-7"])
    done["cancel"] = job("cancel.yml", CANCEL)
    books = running_sandbox.books()
    running_sandbox.fault("echo_key", "GetProjectById", where="json", code=401)
    done["refused"] = job("gate.yml", GATE, 4)
    return done, books, written


def test_the_answers_of_a_survey_become_a_round_and_its_artifact(jobs):
    done, books, _written = jobs
    assert done["request"].status == "successful"
    result = done["request"].artifacts["attackforge_retest_result"]
    assert result["changed"] is True and result["retest"]["round"] == 2
    assert [one["alternate_id"] for one in result["retest"]["vulnerabilities"]] == [
        f"WEBAPP-{number}" for number in range(1, 6)
    ]
    assert [(one["number"], one["status"]) for one in books["rounds"]] == [
        (1, "completed"),
        (2, "completed"),
        (3, "cancelled"),
    ]


def test_a_release_is_noted_as_it_was_typed_or_refused_before_any_write(jobs):
    """AWX writes the answer as !unsafe '2026.10'. ansible-core 2.19 and newer make 2026.1 of it; 2.18 keeps it."""
    job, written = jobs[0]["a number"], jobs[2]
    if tuple(map(int, core.split(".")[:2])) < (2, 19):
        assert job.status == "successful" and "Fixed in release 2026.10." in json.dumps(written)
    else:
        assert job.status == "failed" and written == []
        assert "attackforge_retest_release" in job.output and "v2026.10" in job.output


def test_the_gate_fails_the_job_and_leaves_its_artifact_all_the_same(jobs):
    gate = jobs[0]["gate, open"]
    assert gate.status == "failed"
    result = gate.artifacts["attackforge_retest_gate_result"]
    assert result["passed"] is False and result["rounds"][0]["round"] == 2 and result["totals"]["pending"] == 5


def test_the_gate_passes_when_the_testers_have_closed_everything(jobs):
    gate = jobs[0]["gate, closed"]
    assert gate.status == "successful"
    assert gate.artifacts["attackforge_retest_gate_result"]["passed"] is True


def test_the_round_is_cancelled(jobs):
    cancel = jobs[0]["cancel"]
    assert cancel.status == "successful"
    retest = cancel.artifacts["attackforge_retest_result"]["retest"]
    assert (retest["round"], retest["status"]) == (3, "cancelled")


def test_a_job_that_is_refused_says_why(jobs):
    refused = jobs[0]["refused"]
    assert refused.status == "failed" and "GetProjectById" in refused.output and "401" in refused.output


def spellings():
    """The key's core as it is, in which no quoting changes a letter, and the ways in which base64 may hold it."""
    yield CORE
    for before in range(3):
        coded = base64.b64encode(b"?" * before + CORE.encode() + b"?" * 3).decode()
        yield coded[4 : len(coded) - 8]


def holds_key(text):
    return any(spelling in text for spelling in spellings())


def test_the_key_would_be_found():
    for text in (KEY, quote(KEY), json.dumps(KEY), json.dumps(json.dumps(KEY)), repr(KEY)):
        assert holds_key(text)
    for before in range(3):
        assert holds_key(base64.b64encode(b"x" * before + KEY.encode()).decode())
    assert not holds_key(base64.b64encode(b"something else altogether").decode())


@pytest.mark.parametrize("name", JOBS)
def test_nothing_that_awx_keeps_of_a_job_holds_the_key(jobs, name):
    job = jobs[0][name]
    assert len(job.events) > 5 and job.command
    assert not holds_key(json.dumps([job.events, job.artifacts, job.command]))
    assert not holds_key(job.output)


@pytest.mark.parametrize("name", JOBS)
def test_no_file_holds_the_key_but_the_runner_s_own_note_of_the_environment(jobs, name):
    """ansible-runner notes the environment of every job, whatever it holds. AWX deletes both folders afterwards."""
    job = jobs[0][name]
    notes = [folder / "artifacts/1/command" for folder in (job.controller, job.worker)]
    files = [path for path in job.controller.parent.rglob("*") if path.is_file()]
    assert set(notes) < set(files)
    assert {path for path in files if holds_key(path.read_text(encoding="latin-1"))} == set(notes)
    for note in notes:
        noted = json.loads(note.read_text(encoding="utf-8"))
        assert note.stat().st_mode & 0o077 == 0
        assert noted["env"].pop("ATTACKFORGE_API_KEY") == KEY and not holds_key(json.dumps(noted))
