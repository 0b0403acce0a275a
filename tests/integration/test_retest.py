# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The main job over HTTP: request, rerun, cancel, rerun, request again."""

from __future__ import annotations

import pytest

PROJECT = "66333e1d110ab5acf8a4354e"
WEBAPP_1 = "6639508f50523053f459d29f"
REQUEST = {
    "attackforge.retest.attackforge_retest": {
        "project_id": PROJECT,
        "vulnerability_ids": [WEBAPP_1],
        "window_start": "2030-12-01T01:00:00+01:00",
        "window_end": "+1w",
    },
}
CANCEL = {"attackforge.retest.attackforge_retest": {"project_id": PROJECT, "state": "cancelled"}}


def test_it_goes_round(anywhere, sandbox):
    steps = [("request", REQUEST), ("rerun", REQUEST), ("cancel", CANCEL), ("cancel again", CANCEL),
             ("request again", REQUEST)]
    run = anywhere.ok([{"name": name, **task} for name, task in steps])
    assert [run.result(name)["changed"] for name, _task in steps] == [True, False, True, False, True]
    assert len(sandbox.log("RequestNewProjectRetest")) == 2
    assert sandbox.log("RequestNewProjectRetest")[0]["body"] == {
        "retesting_window_start": "2030-12-01T00:00:00.000Z",
        "retesting_window_end": "2030-12-08T00:00:00.000Z",
        "vulnerability_ids": [WEBAPP_1],
    }
