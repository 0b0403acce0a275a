# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTPS that must be refused is refused, with an error that says why, and before the key is sent."""

from __future__ import annotations

import contextlib

import pytest

from tests.integration.plays import Plays, steer, task
from tests.sandbox.control import Sandbox

pytestmark = pytest.mark.every_core

PROJECT = "66333e1d110ab5acf8a4354e"
KINDS = ("good", "expired", "wrong_host", "old_version")
# {what is tried: (the kind of server, with its CA, further options, what the error says or None)}
CASES = {
    "its own CA": ("good", True, {}, None),
    "an unknown CA": ("good", False, {}, ["not trusted", "ca_path"]),
    "nothing is checked": ("good", False, {"validate_certs": False}, None),
    "the CA of another": ("good", "expired", {}, ["not trusted", "ca_path"]),
    "a CA that is none": ("good", "none", {}, ["CA certificates cannot be read", "ca_path"]),
    "an empty folder of CAs": ("good", "folder", {}, ["not trusted", "ca_path"]),
    "expired": ("expired", True, {}, ["expired"]),
    "expired, nothing is checked": ("expired", False, {"validate_certs": False}, None),
    "another address": ("wrong_host", True, {}, ["for another address", "base_url"]),
    "another host": ("wrong_host", True, {"by_name": True}, ["for another host", "base_url"]),
    "another host, nothing is checked": ("wrong_host", False, {"validate_certs": False}, None),
    "an old version": ("old_version", True, {}, ["TLS 1.2 or newer"]),
    "an old version, nothing is checked": ("old_version", False, {"validate_certs": False}, ["TLS 1.2 or newer"]),
}

# A bundle that the environment of one item of a loop names holds for that item alone.
VARIABLES = ("ATTACKFORGE_CA_PATH", "REQUESTS_CA_BUNDLE")
ITEMS = ("good", "expired", "good")


@pytest.fixture(scope="module", name="runs")
def fixture_runs(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        servers = {
            kind: stack.enter_context(Sandbox(tls=True, tls_broken=None if kind == "good" else kind)) for kind in KINDS
        }
        folder = tmp_path_factory.mktemp("tls")
        (folder / "none.pem").write_text("This is no certificate.\n", encoding="utf-8")
        (folder / "empty").mkdir()
        authorities = {False: None, "none": str(folder / "none.pem"), "folder": str(folder / "empty")}
        tasks = []
        for name, (kind, authority, options, _error) in CASES.items():
            ca_path = (
                servers[kind].ca
                if authority is True
                else authorities.get(authority) or (servers[authority].ca if authority else None)
            )
            more = {"ca_path": ca_path} if ca_path else {}
            url = servers[kind].url
            if options.get("by_name"):
                url, options = url.replace("127.0.0.1", "localhost"), {}
            tasks.append(task(name, "retest_info", project_id=PROJECT, base_url=url, retries=0, **more, **options))
        tasks += [
            task(variable, "retest_info", project_id=PROJECT, base_url=servers["good"].url, retries=0)
            | {"environment": {variable: "{{ item }}"}, "loop": [servers[kind].ca for kind in ITEMS]}
            for variable in VARIABLES
        ]
        runs = Plays(folder, servers["good"]).both([*tasks, steer("log", look=PROJECT)])
        return runs, {kind: servers[kind].log() for kind in KINDS}


@pytest.mark.parametrize("mode", ["process", "module"])
@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_said(runs, name, mode):
    run, words = runs[0][mode], CASES[name][3]
    result = run.result(name)
    if words is None:
        assert run.outcome(name) == "ok", result
    else:
        assert run.outcome(name) == "failed"
        assert [word for word in words if word not in result["msg"]] == [], result["msg"]
        assert "should not have happened" not in result["msg"] and ".)" not in result["msg"]


@pytest.mark.parametrize("mode", ["process", "module"])
@pytest.mark.parametrize("variable", VARIABLES)
def test_a_bundle_in_the_environment_of_one_item_is_not_trusted_for_the_next(runs, variable, mode):
    items = runs[0][mode].result(variable)["results"]
    assert [item.get("failed", False) for item in items] == [False, True, False]
    assert "not trusted" in items[1]["msg"]


def test_nothing_is_sent_where_it_is_refused(runs):
    allowed = {
        kind: sum(words is None for other, _ca, _options, words in CASES.values() if other == kind) for kind in KINDS
    }
    allowed["good"] += len(VARIABLES) * ITEMS.count("good")
    for run in runs[0].values():
        assert len(run.result("log")["log"]) == allowed["good"]
    for kind in KINDS[1:]:
        assert len(runs[1][kind]) == 2 * allowed[kind], kind
    assert runs[1]["old_version"] == []


@pytest.mark.parametrize("mode", ["process", "module"])
def test_no_warning_of_a_library_reaches_the_screen(runs, mode):
    assert "InsecureRequestWarning" not in runs[0][mode].output
    assert "Traceback" not in runs[0][mode].output
