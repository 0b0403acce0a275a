# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every example of the documentation holds: the README's, the guides', and those of each module.

On a page, playbooks and commands are run in their order against the sandbox. Fragments are checked by what they are
for: variables by the specs of the roles, rulebooks by the schemas of the event sources. A block that nothing here knows
how to hold fails. A comment right before a block says more of it:

    <!-- before: ... -->    what people did before it
    <!-- file: NAME -->     the block is saved so, and a command on the page uses it
    <!-- from: PATH -->     the block quotes lines of a file of the repository
    <!-- test: PATH -->     another test reads the block from the page and holds it
"""

from __future__ import annotations

import importlib
import json
import re
import shlex
import subprocess
import urllib.request

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from jsonschema import Draft202012Validator

from tests.integration.calls import Calls
from tests.integration.plays import BIN, ROOT, steer, task
from tests.pages import PAGES, blocks_of

MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py"))
SOURCES = ROOT / "extensions/eda/plugins/event_source/schemas"
RULEBOOKS = ROOT / "extensions/eda/rulebooks"
PROJECT = "66333e1d110ab5acf8a4354e"
HOSTS = ("localhost", "web1", "web2")
VARIABLES = {"release_day": "2030-12-01"}
SANDBOX = "http://127.0.0.1:8765"  # where the pages say that it is
PLUGINS = "ansible_collections.attackforge.retest.plugins."


def all_is_closed(sandbox, project_id=PROJECT):
    books = sandbox.books(project_id)
    newest = books["rounds"][-1]
    sandbox.act("close", ids=newest["scope"])
    if newest["number"] in books["open_rounds"]:
        sandbox.act("complete_round", round=newest["number"], project_id=project_id)


def all_is_closed_everywhere(sandbox):
    for project_id, books in sandbox.all_books()["projects"].items():
        if books["open_rounds"]:
            all_is_closed(sandbox, project_id)


def a_shop_on_this_host(sandbox):
    """A project for the example of a release; a tester closes what it requests, and completes the round."""
    finding = {"title": "CVE-2026-12345 in the web server", "assets": ["localhost"]}
    shop = {"id": PROJECT, "name": "Shop", "code": "SHOP", "groups": ["Web shops"], "findings": [finding]}
    sandbox.reset(seed={"groups": [{"name": "Web shops"}], "projects": [shop]})
    sandbox.act("close", id="SHOP-1", after="RequestNewProjectRetest")
    sandbox.act("complete_round", after="RequestNewProjectRetest")


BEFORE = {
    "the testers close everything and complete the round": all_is_closed,
    "the testers close everything and complete the rounds": all_is_closed_everywhere,
}
BEFORE_MODULE = {
    "attackforge_retest_info": lambda sandbox: sandbox.act("close", id="WEBAPP-10"),
    "attackforge_release": a_shop_on_this_host,
}
INSTEAD_OF_TEMPLATES = {"attackforge_release": {"select": {"assets": ["localhost"], "cves": ["CVE-2026-12345"]}}}
# What has, by the documentation, also what another module returns.
RETURNS_ALSO = {"attackforge_release": {"projects": "attackforge_retest"}}
# What people do between two examples, by the module and the number of the second.
BETWEEN = {"attackforge_retest": (1, steer("people", act=[{"do": "cancel_round"}]))}


class Page:
    """Holds the blocks of a page, one after the other."""

    def __init__(self, plays, sandbox):
        self.plays = plays
        self.sandbox = sandbox
        self.waiting = set()  # files that no command has used yet
        self.assigned = ""
        self.output = ""

    def hold(self, block):
        """Run a block, or check it. Fails where that shows a mistake, or where it is not known how to."""
        if "before" in block.notes:
            BEFORE[block.notes["before"]](self.sandbox)
        if "file" in block.notes:
            (self.plays.folder / block.notes["file"]).write_text(block.text, encoding="utf-8")
            self.waiting.add(block.notes["file"])
        if "from" in block.notes:
            self.hold_quotation(block)
        elif "test" in block.notes:
            assert "blocks_of(" in (ROOT / block.notes["test"]).read_text(encoding="utf-8")
        elif block.language == "yaml":
            self.hold_yaml(block)
        elif block.language == "sh":
            self.hold_commands(block)
        elif block.language == "text":
            self.hold_output(block)
        else:
            pytest.fail(f"nothing here knows how to hold a block of the language {block.language!r}")

    @staticmethod
    def hold_quotation(block):
        there = [line.strip() for line in (ROOT / block.notes["from"]).read_text(encoding="utf-8").splitlines()]
        for line in filter(None, map(str.strip, block.text.splitlines())):
            assert line in ("...", "# ...") or line in there, f"{block.notes['from']} does not hold: {line}"

    def hold_yaml(self, block):
        document = yaml.safe_load(block.text)
        if isinstance(document, dict):
            assert mistakes_in_variables(document) == []
        elif any("sources" in ruleset for ruleset in document):
            assert [mistake for ruleset in document for mistake in mistakes_in_ruleset(ruleset)] == []
        elif "file" not in block.notes:  # otherwise a command runs it
            self.plays.ok(block.text, variables=dict(VARIABLES, attackforge_url=self.sandbox.url), hosts=HOSTS)

    def hold_commands(self, block):
        self.output = ""
        text = re.sub(r" # .*", "", block.text.replace("\\\n", " "))
        for line in filter(None, map(str.strip, text.splitlines())):
            words = shlex.split(line)
            self.waiting -= {word.lstrip("@") for word in words}
            if re.fullmatch(r"[A-Z]+=.*", line):
                self.assigned += line + "\n"
            else:
                assert words[0] in self.COMMANDS, f"nothing here knows how to hold: {line}"
                self.COMMANDS[words[0]](self, line, words[1:])

    def hold_output(self, block):
        for line in filter(None, map(str.strip, block.text.splitlines())):
            assert line in self.output, f"not printed: {line}\n{self.output}"

    # Commands

    def playbook(self, line, words):
        if (ROOT / words[0]).is_file():  # test_awx.py runs it
            text = (ROOT / words[0]).read_text(encoding="utf-8")
            assert all(word.partition("=")[0] in text for word in words[1:] if word != "-e")
        else:
            self.run(line, words)

    def run(self, line, _words):
        environment = self.plays.environment(RESULTS_FILE=self.plays.folder / "commands.jsonl")
        environment["PATH"] = f"{BIN}:{environment['PATH']}"
        done = subprocess.run(
            ["bash", "-ec", self.assigned + line],
            cwd=self.plays.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        self.output += done.stdout

    def doc(self, line, words):
        self.run(line, words)
        assert "OPTIONS" in self.output  # an unknown name is only warned of

    def curl(self, line, _words):
        """Do what curl would do, for a machine that has none. The shell fills in the variables."""
        script = self.assigned + "printf '%s\\0' " + line.removeprefix("curl -s ")
        printed = subprocess.run(["bash", "-ec", script], stdout=subprocess.PIPE, text=True, check=True).stdout
        words = printed.split("\0")
        (url,) = (word for word in words if word.startswith(SANDBOX))
        given = dict(zip(words, words[1:]))
        body = given.get("-d")
        request = urllib.request.Request(
            url.replace(SANDBOX + "/_sandbox", self.sandbox.control),
            body and body.encode(),
            dict([given["-H"].split(": ")]),
            method=given.get("-X"),
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            assert answer.status == 200

    def export(self, _line, words):
        name, _equals, value = words[0].partition("=")
        assert (
            value
            in {
                "ATTACKFORGE_BASE_URL": ("https://tenant.attackforge.com", SANDBOX),
                "ATTACKFORGE_API_KEY": ("...", self.sandbox.key),
                # What awx.awx and ansible-rulebook read.
                "CONTROLLER_HOST": ("https://awx.example.com",),
                "CONTROLLER_OAUTH_TOKEN": ("...",),
                "ANSIBLE_GALAXY_SERVER_HUB_TOKEN": ("...",),
                "EDA_CONTROLLER_URL": ("https://awx.example.com",),
                "EDA_CONTROLLER_TOKEN": ("...",),
            }[name]
        )

    def make(self, _line, words):
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        assert {word for word in words if "=" not in word} <= set(targets)

    def galaxy(self, _line, words):
        galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
        assert words[:-1] == ["collection", "install"]
        assert words[-1] in ("{namespace}.{name}".format(**galaxy), "awx.awx")

    def rulebook(self, _line, words):
        # With a real ansible-rulebook they are run by make eda.
        name = words[words.index("-r") + 1].removeprefix("attackforge.retest.")
        assert (RULEBOOKS / (name + ".yml")).is_file()

    def pip(self, _line, words):
        pinned = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("requirements*.txt"))
        assert words[0] == "install" and all(f"\n{word}==" in pinned for word in words[1:])

    def image(self, _line, words):
        # What it builds is held by test_execution_environment.py.
        assert words[0] == "push" or (ROOT / words[words.index("-f") + 1]).is_file()

    COMMANDS = {
        "ansible-playbook": playbook,
        "ansible-doc": doc,
        "curl": curl,
        "export": export,
        "make": make,
        "ansible-galaxy": galaxy,
        "ansible-rulebook": rulebook,
        "ansible-builder": image,
        "podman": image,
        "pip": pip,
    }


def mistakes_in_variables(variables):
    """The mistakes in variables of a role or of a rulebook."""
    options, rulebooks = {}, "".join(path.read_text(encoding="utf-8") for path in RULEBOOKS.glob("*.yml"))
    for path in (ROOT / "roles").glob("*/meta/argument_specs.yml"):
        for entry_point in yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values():
            options.update(entry_point["options"])
    known = {name: value for name, value in variables.items() if name in options}
    mistakes = mistakes_in({name: dict(options[name], required=False) for name in known}, known)
    info = importlib.import_module(PLUGINS + "modules.attackforge_vulnerability_info")
    mistakes += mistakes_in(dict(info.OPERATION.spec, project_id={}), known.get("attackforge_retest_select", {}))
    return mistakes + [name for name in set(variables) - set(known) if not re.search(rf"\b{name}\b", rulebooks)]


def mistakes_in(spec, values):
    plain = {name: value for name, value in values.items() if "{{" not in str(value)}
    return ArgumentSpecValidator(spec).validate(plain).error_messages


def mistakes_in_ruleset(ruleset):
    """The mistakes in a ruleset's sources, and the playbooks that its rules name and that are not there."""
    for source in ruleset["sources"]:
        ((name, arguments),) = ((key, value) for key, value in source.items() if key != "name")
        file = SOURCES / (name.removeprefix("attackforge.retest.") + ".json")
        schema = json.loads(file.read_text(encoding="utf-8"))
        schema["required"] = [argument for argument in schema["required"] if argument not in ("base_url", "api_key")]
        yield from (error.message for error in Draft202012Validator(schema).iter_errors(arguments))
    for rule in ruleset["rules"]:
        playbook = rule["action"]["run_playbook"]
        if not (ROOT / "playbooks" / (playbook["name"].removeprefix("attackforge.retest.") + ".yml")).is_file():
            yield playbook["name"]
        yield from mistakes_in_variables(playbook["extra_vars"])


@pytest.mark.parametrize("page", PAGES)
def test_each_block_of_a_page_holds(page, plays, sandbox):
    holder = Page(plays, sandbox)
    for block in blocks_of(page):
        holder.hold(block)
    assert not holder.waiting, "no command uses what is saved"


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_a_module_run(module, plays, sandbox):
    source = importlib.import_module(PLUGINS + "modules." + module)
    BEFORE_MODULE.get(module, lambda sandbox: None)(sandbox)
    tasks = yaml.safe_load(source.EXAMPLES)
    if module in BETWEEN:
        tasks.insert(*BETWEEN[module])
    plays.ok(tasks, variables=dict(VARIABLES, attackforge_url=sandbox.url))


@pytest.mark.parametrize("mode", ["process", "module"])
@pytest.mark.parametrize("module", MODULES)
def test_a_module_returns_what_it_documents(module, mode, sandbox):
    """Every key that is returned is documented, and every key that is documented as returned on success is returned."""
    source = importlib.import_module(PLUGINS + "modules." + module)
    BEFORE_MODULE.get(module, lambda sandbox: None)(sandbox)
    examples = (one.get("attackforge.retest." + module) for one in yaml.safe_load(source.EXAMPLES))
    options = {**next(filter(None, examples)), **INSTEAD_OF_TEMPLATES.get(module, {})}
    returned = Calls(sandbox, mode).ok([task("task", module.removeprefix("attackforge_"), **options)]).result("task")
    assert not returned.get("failed"), returned["msg"]
    documented = yaml.safe_load(source.RETURN)
    for key, other in RETURNS_ALSO.get(module, {}).items():
        documented[key]["contains"] |= yaml.safe_load(importlib.import_module(PLUGINS + "modules." + other).RETURN)
    assert set(returned) - {"changed", "failed", "invocation", "warnings", "diff"} <= set(documented)
    assert {key for key, value in documented.items() if value["returned"] == "success"} <= set(returned)
    for key, value in documented.items():
        if key in returned:
            check_documented(returned[key], value)


def check_documented(returned, documented):
    kind = {"dict": dict, "list": list, "int": int, "str": str, "bool": bool}[documented["type"]]
    assert returned is None or isinstance(returned, kind)
    for part in returned if isinstance(returned, list) else [returned]:
        if isinstance(part, dict) and "contains" in documented:
            assert set(part) - {"warnings", "diff"} <= set(documented["contains"])
            always = {key for key, value in documented["contains"].items() if value["returned"] == "always"}
            assert always <= set(part)
            for key in set(part) & set(documented["contains"]):
                check_documented(part[key], documented["contains"][key])
