# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The arguments: every mistake at once, each with its name, and none with the key."""

from __future__ import annotations

import ast
import datetime
import json

import pytest
import yaml
from attackforge_retest_eda import arguments
from attackforge_retest_eda._errors import OptionsError

from tests.eda.conftest import PLUGINS

SOURCES = ("events", "rounds")
PROJECT = "66333e1d110ab5acf8a4354e"
KEY = "a-key-that-nobody-may-see"
GOOD = {"base_url": "https://tenant.attackforge.com", "api_key": KEY}


def schema_of(source):
    return PLUGINS / "event_source" / "schemas" / (source + ".json")


def read(source="events", environment=None, **args):
    kind = arguments.EventsSettings if source == "events" else arguments.RoundsSettings
    return arguments.read(kind, schema_of(source), args, environment or {})


def mistakes(source="events", environment=None, **args):
    with pytest.raises(OptionsError) as error:
        read(source, environment, **args)
    assert KEY not in str(error.value) + repr(error.value)
    return error.value.mistakes


def test_defaults():
    found = read(**GOOD)
    assert found.events == ["project-retest-requested", "project-retest-completed", "project-retest-cancelled"]
    assert (found.validate_certs, found.timeout, found.heartbeat_timeout, found.projects) == (True, 30, 31, [])
    assert (found.state_file, found.ca_path, found.feedback) == (None, None, False)
    assert found.start is None


def test_the_environment_fills_in():
    found = read(
        environment={
            "ATTACKFORGE_BASE_URL": "https://tenant.attackforge.com/path/",
            "ATTACKFORGE_API_KEY": KEY,
            "ATTACKFORGE_VALIDATE_CERTS": "no",
            "ATTACKFORGE_TIMEOUT": "2.5",
        }
    )
    assert (found.base_url, found.api_key) == ("https://tenant.attackforge.com/path", KEY)
    assert (found.validate_certs, found.timeout) == (False, 2.5)


def test_an_empty_variable_is_an_unset_one():
    names = ("VALIDATE_CERTS", "CA_PATH", "TIMEOUT", "RETRIES", "BASE_URL", "API_KEY")
    found = read(environment={f"ATTACKFORGE_{name}": "" for name in names}, **GOOD)
    assert (found.validate_certs, found.ca_path, found.timeout) == (True, None, 30)


@pytest.mark.parametrize("text, value", [("n", False), ("f", False), ("0", False), ("Y", True), ("t", True)])
def test_a_boolean_is_read_as_the_modules_do(text, value):
    assert read(environment={"ATTACKFORGE_VALIDATE_CERTS": text}, **GOOD).validate_certs is value
    assert read(validate_certs=text, **GOOD).validate_certs is value


def test_paths_are_expanded_as_the_modules_do(tmp_path, monkeypatch):
    (tmp_path / "ca.pem").write_text("", encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in ("$HOME/ca.pem", "~/ca.pem"):
        assert read(environment={"ATTACKFORGE_CA_PATH": path}, **GOOD).ca_path == str(tmp_path / "ca.pem")
    assert read(state_file="$HOME/state", **GOOD).state_file == str(tmp_path / "state")


def test_a_state_file_that_is_a_link_is_the_file_behind_it(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "state")
    assert read(state_file=str(tmp_path / "link"), **GOOD).state_file == str(tmp_path / "state")


def test_an_argument_goes_before_the_environment():
    assert read(environment={"ATTACKFORGE_TIMEOUT": "5"}, timeout=7, **GOOD).timeout == 7


def test_texts_and_dates_are_read_as_what_is_expected():
    found = read(
        projects=f"{PROJECT.upper()}, {PROJECT}",
        validate_certs="False",
        timeout="9",
        state_file="",
        **GOOD,
        **{"from": datetime.datetime(2026, 12, 1, tzinfo=datetime.timezone.utc)},
    )
    assert found.projects == [PROJECT]
    assert (found.validate_certs, found.timeout, found.state_file) == (False, 9, None)
    assert found.start == datetime.datetime(2026, 12, 1, tzinfo=datetime.timezone.utc)


def test_all_mistakes_are_told_at_once(tmp_path):
    found = mistakes(
        base_url="http://tenant.attackforge.com",
        api_key=KEY + "\n",
        ca_path="/nowhere",
        timeout=0,
        events=[],
        projects=["x"],
        validate_certs="perhaps",
        heartbeat_timeout="long",
        state_file=str(tmp_path),
        colour="red",
        **{"from": "yesterday"},
    )
    named = sorted(mistake.split(":")[0].split("[")[0] for mistake in found)
    assert named == sorted(
        [
            "base_url",
            "api_key",
            "ca_path",
            "timeout",
            "events",
            "projects",
            "validate_certs",
            "heartbeat_timeout",
            "state_file",
            "colour",
            "from",
        ]
    )


def test_what_is_required_is_named_with_its_variable():
    found = mistakes("rounds")
    assert found == [
        "base_url: is required (it can also be set by the environment variable ATTACKFORGE_BASE_URL)",
        "api_key: is required (it can also be set by the environment variable ATTACKFORGE_API_KEY)",
        "projects: is required",
    ]


@pytest.mark.parametrize(
    "args, words",
    [
        ({"base_url": "https://me:secret@host"}, "user name or password"),
        ({"base_url": "ftp://host"}, "is not a URL with https://"),
        ({"base_url": "https://host:99999"}, "is not a URL"),
        ({"base_url": "https://host?x=1"}, "query"),
        ({"base_url": "https://host/api/ss"}, "leave it out"),
        ({"base_url": "http://192.168.1.1"}, "clear text"),
        ({"api_key": [KEY]}, "api_key: the value is not a text"),
        ({"api_key": KEY + "\u00fc"}, "only printable ASCII"),
        ({"timeout": 4000}, "timeout: 4000 is not a number of seconds above 0 and up to 3600"),
        ({"timeout": True}, "timeout: True is not a number"),
        ({"timeout": "nan"}, "timeout: "),
        ({"events": ["Project Updated"]}, "events[0]: 'Project Updated' is not the name of an event"),
        ({"projects": [PROJECT, 5]}, "projects[1]: 5 is not a text"),
        ({"projects": [PROJECT, "x"]}, "projects[1]: 'x' is not an id"),
        ({"state_file": "/nowhere/state"}, "folder that does not exist"),
    ],
)
def test_a_mistake_says_what_is_wrong(args, words):
    found = mistakes(**{**GOOD, **args})
    assert len(found) == 1 and words in found[0]
    assert "secret" not in found[0]


@pytest.mark.parametrize("url", ["http://127.0.0.1:8765", "http://localhost", "http://[::1]:1/prefix"])
def test_plain_http_is_for_loopback(url):
    assert read(**{**GOOD, "base_url": url}).base_url == url


def test_polling_knows_three_events():
    found = mistakes("rounds", projects=[PROJECT], events=["project-updated"], **GOOD)
    assert len(found) == 1
    assert found[0].startswith("events[0]: 'project-updated' is not one of project-retest-requested")


@pytest.mark.parametrize("source", SOURCES)
def test_the_documentation_says_what_the_schema_says(source):
    tree = ast.parse((PLUGINS / "event_source" / (source + ".py")).read_text(encoding="utf-8"))
    constants = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id in ("DOCUMENTATION", "EXAMPLES")
    }
    documented = yaml.safe_load(ast.literal_eval(constants["DOCUMENTATION"]))["options"]
    schema = json.loads(schema_of(source).read_text(encoding="utf-8"))
    kinds = {"str": "string", "path": "string", "bool": "boolean", "float": "number", "list": "array"}
    assert list(documented) == list(schema["properties"])
    for name, option in documented.items():
        about = schema["properties"][name]
        assert kinds[option["type"]] == about["type"], name
        assert option.get("default") == about.get("default"), name
        assert option.get("required", False) == (name in schema["required"]), name
        assert option.get("choices") == about.get("items", {}).get("enum"), name
    for example in yaml.safe_load(ast.literal_eval(constants["EXAMPLES"])):
        assert set(example["attackforge.retest." + source]) <= set(documented)
