# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The runner: options, every mistake at once, masking, missing libraries, and the only exit."""

from __future__ import annotations

import html
import json
import os
import subprocess
import sys
from urllib.parse import quote

import pytest
from ansible.module_utils import basic
from ansible.module_utils.common import warnings as ansible_warnings

from ansible_collections.attackforge.retest.plugins.module_utils import _runner as runner_module
from ansible_collections.attackforge.retest.plugins.module_utils._client import Client
from ansible_collections.attackforge.retest.plugins.module_utils._errors import FateUnknown, StateError
from ansible_collections.attackforge.retest.plugins.module_utils._options import Parser
from ansible_collections.attackforge.retest.plugins.module_utils._runner import Operation, run_in_process, run_module
from ansible_collections.attackforge.retest.plugins.modules import attackforge_retest, attackforge_vulnerability
from ansible_collections.attackforge.retest.tests.unit.wire import Server, answer, free_port

PROJECT = "66333e1d110ab5acf8a4354e"
A = "a" * 24
KEY = 'k3y/with+odd=<signs>&"more"\'yet%41!'
NAME = "ansible_collections.attackforge.retest.plugins.modules.attackforge_retest"
GOOD = dict(
    base_url="https://tenant.invalid",
    api_key=KEY,
    retries=0,
    project_id=PROJECT,
    vulnerability_ids=[A],
    window_start="2026-12-01",
)


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith("ATTACKFORGE_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture
def module(monkeypatch, capsys):
    """Run a module in this process. Returns its result."""
    # Other tests import what makes a controller of this process, where warnings go to the display instead.
    internal = getattr(ansible_warnings, "_internal", None)
    if internal is not None:
        monkeypatch.setattr(internal, "is_controller", False)

    def run(operation=attackforge_retest.OPERATION, check_mode=False, **params):
        args = {"ANSIBLE_MODULE_ARGS": dict(params, _ansible_check_mode=check_mode, _ansible_remote_tmp="/tmp")}
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps(args).encode("utf-8"))
        monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        capsys.readouterr()
        ansible_warnings._global_warnings.clear()  # those of an earlier module in this process
        with pytest.raises(SystemExit) as caught:
            run_module(operation)
        told = capsys.readouterr()
        assert told.err == ""
        result = json.loads(told.out)
        assert bool(result.get("failed")) is bool(caught.value.code)
        # What came in is told again as `invocation`; everything else is what was found out.
        assert KEY not in told.out and json.dumps(KEY)[1:-1] not in told.out
        assert result.pop("invocation", {}).get("module_args", {}).get("api_key") in (
            None,
            "",
            "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER",
        )
        return result

    return run


def an_operation(run):
    """An operation with the shared options alone."""
    return Operation(spec={}, options=Parser(lambda: dict, lambda given, now: None), run=run)


def failing(error):
    def run(*_unused):
        raise error

    return an_operation(run)


SHARED = dict(base_url="https://tenant.invalid", api_key=KEY)


def test_results_and_warnings_are_passed_on(module):
    told = {"changed": True, "retest": {"round": 3}, "warnings": ["Mind this"]}
    result = module(an_operation(lambda *_unused: told), **SHARED)
    assert result["changed"] is True and result["retest"] == {"round": 3}
    assert "Mind this" in json.dumps(result["warnings"])


@pytest.mark.parametrize("check_mode", [False, True])
def test_check_mode_reaches_the_operation(module, check_mode):
    result = module(
        an_operation(lambda options, client, check: {"changed": False, "message": str(check)}),
        check_mode=check_mode,
        **SHARED,
    )
    assert result["message"] == str(check_mode)


def test_an_error_is_told_with_its_facts(module):
    error = FateUnknown(
        "Lost.", method="RequestNewProjectRetest", http_status=502, detail="Bad Gateway", fate="unknown"
    )
    result = module(failing(error), **SHARED)
    assert result["failed"] is True and result["msg"] == "Lost." and result["fate"] == "unknown"
    assert result["error"] == {"method": "RequestNewProjectRetest", "http_status": 502, "detail": "Bad Gateway"}


@pytest.mark.parametrize("facts", [{"changed": True, "retest": {"round": 1}, "request": {"x": 1}, "message": "Words"}])
def test_an_error_may_carry_every_key_of_a_result(module, facts):
    error = StateError("Short.", **facts)
    result = module(failing(error), **SHARED)
    assert (result["msg"], result["changed"], result["message"]) == ("Short.", True, "Words")
    assert result["retest"] == {"round": 1}


@pytest.mark.parametrize(
    "error", [KeyError("x"), TypeError("odd"), RecursionError(), UnicodeDecodeError("utf-8", b"", 0, 1, "x")]
)
def test_an_unexpected_exception_is_told_without_a_traceback(module, error):
    result = module(failing(error), **SHARED)
    assert result["failed"] is True and type(error).__name__ in result["msg"] and "report" in result["msg"]
    assert "Traceback" not in json.dumps(result) and "exception" not in result


SPELLINGS = {
    "raw": KEY,
    "url": quote(KEY, safe=""),
    "html": html.escape(KEY),
    "json": json.dumps(KEY)[1:-1],
    "repr": repr(KEY),
}


@pytest.mark.parametrize("echo", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_the_key_is_masked_in_every_spelling(module, echo):
    text = f"before {echo} after"
    told = {"changed": False, "retest": [{"title": text}], "warnings": [text]}
    for result in (
        module(an_operation(lambda *_unused: told), **SHARED),
        module(failing(StateError(text, retest={"title": text})), **SHARED),
        module(failing(ValueError(text)), **SHARED),
    ):
        assert echo not in json.dumps(result) and "yet%41" not in json.dumps(result)
        assert "before" in json.dumps(result)


def test_a_key_that_was_pasted_into_another_option_is_masked(module):
    result = module(**dict(GOOD, project_id=KEY, vulnerability_ids=[KEY], window_start=KEY))
    assert result["failed"] is True and "vulnerability_ids[0]" in result["msg"]


def test_every_mistake_is_told_at_once(module):
    result = module(
        **dict(
            GOOD,
            base_url="ftp://x",
            project_id=" ",
            vulnerability_ids=[A, "y"],
            window_start="bad",
            window_end="worse",
            round=0,
            timeout=0,
            retries=99,
        )
    )
    for option in (
        "base_url",
        "project_id",
        "vulnerability_ids[1]",
        "retesting_window_start",
        "retesting_window_end",
        "round",
        "timeout",
        "retries",
    ):
        assert f"\n- {option}: " in result["msg"]
    assert "Nothing was sent." in result["msg"]


def test_what_ansible_finds_and_what_the_schemas_find_is_told_together(module):
    params = dict(GOOD, state="wished", timeout="soon", project_id=" ", unknown_option=1)
    del params["api_key"]
    result = module(**params)
    for text in ("api_key", "ATTACKFORGE_API_KEY", "state", "wished", "timeout", "project_id: ", "unknown_option"):
        assert text in result["msg"]
    assert "Traceback" not in json.dumps(result)


def test_nothing_given_names_all_that_is_required(module):
    result = module()
    for text in ("base_url", "api_key", "project_id", "ATTACKFORGE_BASE_URL"):
        assert text in result["msg"]


def test_only_what_the_environment_may_hold_is_said_to_be_held_there(module):
    result = module(attackforge_vulnerability.OPERATION, **SHARED, project_id=PROJECT, status="retest")
    assert "vulnerability_ids" in result["msg"] and "environment" not in result["msg"]


def test_one_mistake_is_one_sentence(module):
    result = module(**dict(GOOD, window_start=None))
    assert result["msg"].startswith("retesting_window_start: ") and "\n" not in result["msg"]


def test_an_empty_key_is_a_mistake_that_can_be_read(module):
    result = module(**dict(GOOD, api_key=""))
    assert "api_key" in result["msg"] and "empty" in result["msg"] and "***" not in result["msg"]


def test_the_aliases_are_the_options(module):
    result = module(**dict(GOOD, window_start="bad", window_end="worse"))
    assert "retesting_window_start" in result["msg"] and "retesting_window_end" in result["msg"]


def test_the_environment_holds_what_a_task_leaves_out(module, monkeypatch, tmp_path):
    for name, value in dict(
        BASE_URL="https://tenant.invalid",
        API_KEY=KEY,
        VALIDATE_CERTS="false",
        TIMEOUT="7.5",
        RETRIES="2",
        CA_PATH=str(tmp_path),
    ).items():
        monkeypatch.setenv(f"ATTACKFORGE_{name}", value)
    seen = []

    def run(options, client, check_mode):
        seen.append(client._connection)
        return {"changed": False}

    module(an_operation(run))
    assert tuple(seen[0]) == ("https://tenant.invalid", KEY, False, str(tmp_path), 7.5, 2)
    module(an_operation(run), timeout=3, validate_certs=True)
    assert seen[1].timeout == 3 and seen[1].validate_certs is True and seen[1].retries == 2


def test_the_defaults_are_the_documented_ones(module):
    seen = []
    module(an_operation(lambda options, client, check: seen.append(client._connection) or {"changed": False}), **SHARED)
    assert tuple(seen[0]) == ("https://tenant.invalid", KEY, True, None, 30.0, 4)


def test_a_yaml_timestamp_reaches_the_module_as_text_and_is_read(module):
    with Server(answer(200, {"status": f"Project retest requested for Project {PROJECT}"})) as server:
        result = module(**dict(GOOD, base_url=server.url, window_start="2026-12-01 00:00:00+00:00", preflight=False))
    assert result["changed"] is True
    assert json.loads(server.requests[0].body)["retesting_window_start"] == "2026-12-01T00:00:00.000Z"


def test_a_service_that_echoes_the_key_does_not_spread_it(module):
    with Server(answer(403, {"message": f"bad key {KEY}"})) as server:
        result = module(**dict(GOOD, base_url=server.url))
    assert result["error"]["http_status"] == 403 and "bad key" in result["msg"]


# As a process, as Ansible runs it


def process(params, before=""):
    code = f"import sys\n{before}\nfrom {NAME} import main\nmain()\n"
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(path for path in sys.path if path))
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": params}),
        text=True,
        capture_output=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert KEY not in done.stdout + done.stderr and "Traceback" not in done.stdout + done.stderr
    return json.loads(done.stdout), done.returncode


def test_the_module_runs_as_a_process():
    result, code = process(dict(GOOD, base_url=f"http://127.0.0.1:{int(free_port())}"))
    assert code == 1 and result["error"]["method"] == "GetProjectById" and result["error"]["http_status"] is None


@pytest.mark.parametrize("library", ["requests", "urllib3", "voluptuous"])
def test_a_missing_library_is_named_with_the_interpreter(library):
    result, code = process(GOOD, f"sys.modules[{library!r}] = None")
    assert code == 1
    assert ("voluptuous" if library == "voluptuous" else "requests") in result["msg"]
    assert sys.executable in result["msg"] and "Failed to import" in result["msg"]


def test_without_voluptuous_what_ansible_finds_is_still_told():
    result, code = process(dict(GOOD, state="wished"), "sys.modules['voluptuous'] = None")
    assert code == 1 and "state" in result["msg"]


# In the controller's own process


def in_process(operation=attackforge_retest.OPERATION, check_mode=False, connect=Client, **params):
    """Run an operation as the action does. Returns its result, in which the key does not stand."""
    result = run_in_process(operation, params, check_mode, connect)
    shown = json.dumps(result)
    assert KEY not in shown and json.dumps(KEY)[1:-1] not in shown and "Traceback" not in shown
    return result


SAME = {
    "a result": (an_operation(lambda *_unused: {"changed": True, "retest": {"round": 3}}), SHARED),
    "a warning": (an_operation(lambda *_unused: {"changed": False, "warnings": ["Mind this"]}), SHARED),
    "no warning": (an_operation(lambda *_unused: {"changed": False, "warnings": []}), SHARED),
    "an error": (failing(FateUnknown("Lost.", method="X", http_status=502, fate="unknown", changed=True)), SHARED),
    "a defect": (failing(KeyError("x")), SHARED),
    "an echo of the key": (an_operation(lambda *_unused: {"changed": False, "message": f"a {KEY.upper()} b"}), SHARED),
    "many mistakes": (
        attackforge_retest.OPERATION,
        dict(GOOD, base_url="ftp://x", project_id=" ", window_start="bad", retries=99, timeout=0),
    ),
    "mistakes of both kinds": (
        attackforge_retest.OPERATION,
        dict(GOOD, state="wished", timeout="soon", project_id=" ", unknown_option=1, release=2026.1),
    ),
    "nothing": (attackforge_retest.OPERATION, {}),
    "a number for a text": (attackforge_retest.OPERATION, dict(GOOD, release=2026.1)),
    "nulls": (attackforge_retest.OPERATION, dict(GOOD, release=None, window_start=None)),
    "an empty key": (attackforge_retest.OPERATION, dict(GOOD, api_key="")),
    "a key that is a number": (attackforge_retest.OPERATION, dict(GOOD, api_key=123456)),
}


@pytest.mark.parametrize("operation, params", SAME.values(), ids=SAME.keys())
def test_both_shells_give_the_same_result(module, operation, params):
    there, here = module(operation, **params), in_process(operation, **params)
    assert here.pop("invocation")["module_args"].get("api_key") in (None, "", "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER")
    warnings = here.pop("warnings", [])
    told = there.pop("warnings", [])  # ansible-core wraps them in one way or another
    assert len(told) == len(warnings) and all(one in json.dumps(told) for one in warnings)
    assert {"failed": False, **here} == {"failed": False, **there}


def test_the_invocation_shows_the_options_with_their_defaults_and_not_the_key():
    result = in_process(**dict(GOOD, state="wished", remediation_note=f"about {KEY}"))
    args = result["invocation"]["module_args"]
    assert args["project_id"] == PROJECT and args["timeout"] == 30 and args["mark_ready"] is False
    assert args["api_key"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER" and "about ****" in args["remediation_note"]


@pytest.mark.parametrize("check_mode", [False, True])
def test_check_mode_and_the_client_reach_the_operation_here_too(check_mode):
    seen = []
    marker = object()
    operation = an_operation(lambda options, client, check: seen.append((client, check)) or {"changed": False})
    in_process(operation, check_mode, lambda connection: marker, **SHARED)
    assert seen == [(marker, check_mode)]


def test_values_of_ansibles_own_types_arrive_as_plain_ones():
    class Tagged(str):
        """As a value of a template is, in core 2.19 and newer."""

    class Path:
        def __str__(self):
            return "2026-12-01"

    seen = []
    operation = attackforge_retest.OPERATION._replace(
        run=lambda options, client, check: seen.append(options) or {"changed": False}
    )
    params = {**GOOD, "project_id": Tagged(PROJECT), "window_start": Path()}
    in_process(operation, **params)
    assert not isinstance(seen[0].project, Tagged) and seen[0].window.start.year == 2026


@pytest.mark.parametrize("library", ["requests", "voluptuous"])
def test_a_library_that_is_missing_is_named_here_too(monkeypatch, library):
    monkeypatch.setitem(runner_module._LIBRARY_ERRORS, library, ImportError("no such thing"))
    result = in_process(an_operation(lambda *_unused: {"changed": False}), **SHARED)
    assert result["failed"] is True and f"pip install {library}" in result["msg"] and "no such thing" in result["msg"]
    assert "ansible-builder leaves voluptuous out" in result["msg"]
