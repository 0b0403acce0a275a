# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every example of the documentation runs: the README's, the guides', and those of each module.

In Markdown, a comment before a block says what people did before it: ``<!-- before: ... -->``.
"""

from __future__ import annotations

import importlib
import re

import pytest
import yaml

from tests.integration.plays import ROOT

PAGES = ["README.md", *sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs").rglob("*.md"))]
MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py"))
BLOCK = re.compile(r"(?:<!-- before: (?P<before>[^>]*) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)```\n", re.DOTALL)
HOSTS = ("localhost", "web1", "web2")
VARIABLES = {"release_day": "2030-12-01"}


def all_is_closed(sandbox):
    number = sandbox.books()["rounds"][-1]["number"]
    sandbox.act("close", ids=sandbox.books()["rounds"][-1]["scope"])
    sandbox.act("complete_round", round=number)


BEFORE = {"the testers close everything and complete the round": all_is_closed}
BEFORE_MODULE = {"attackforge_retest_info": lambda sandbox: sandbox.act("close", id="WEBAPP-10")}


def blocks_of(page):
    return list(BLOCK.finditer((ROOT / page).read_text(encoding="utf-8")))


@pytest.mark.parametrize("page", PAGES)
def test_each_playbook_of_a_page_runs_one_after_the_other(page, plays, sandbox):
    for block in blocks_of(page):
        if block["language"] != "yaml":
            continue
        if block["before"]:
            BEFORE[block["before"]](sandbox)
        plays.ok(block["text"], variables=dict(VARIABLES, attackforge_url=sandbox.url), hosts=HOSTS)


@pytest.mark.parametrize("page", PAGES)
def test_no_block_is_left_out_for_its_language(page):
    assert {block["language"] for block in blocks_of(page)} <= {"yaml"}
    assert (ROOT / page).read_text(encoding="utf-8").count("```") == 2 * len(blocks_of(page))


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_a_module_run(module, plays, sandbox):
    source = importlib.import_module("ansible_collections.attackforge.retest.plugins.modules." + module)
    BEFORE_MODULE.get(module, lambda sandbox: None)(sandbox)
    plays.ok(yaml.safe_load(source.EXAMPLES), variables=dict(VARIABLES, attackforge_url=sandbox.url))


@pytest.mark.parametrize("module", MODULES)
def test_a_module_returns_what_it_documents(module, anywhere, sandbox):
    """Every key that is returned is documented, and every key that is documented as returned on success is returned."""
    source = importlib.import_module("ansible_collections.attackforge.retest.plugins.modules." + module)
    BEFORE_MODULE.get(module, lambda sandbox: None)(sandbox)
    example = next(task for task in yaml.safe_load(source.EXAMPLES) if "attackforge.retest." + module in task)
    task = dict(example, name="task")
    returned = anywhere.ok([task]).result("task")
    documented = yaml.safe_load(source.RETURN)
    assert set(returned) - {"changed", "failed", "invocation", "warnings"} <= set(documented)
    assert {key for key, value in documented.items() if value["returned"].startswith("success")} <= set(returned)
    for key, value in documented.items():
        if key in returned:
            check_documented(returned[key], value)


def check_documented(returned, documented):
    kind = {"dict": dict, "list": list, "int": int, "str": str, "bool": bool}[documented["type"]]
    assert returned is None or isinstance(returned, kind)
    for part in returned if isinstance(returned, list) else [returned]:
        if isinstance(part, dict) and "contains" in documented:
            assert set(part) <= set(documented["contains"])
            always = {key for key, value in documented["contains"].items() if value["returned"] == "always"}
            assert always <= set(part)
            for key in part:
                check_documented(part[key], documented["contains"][key])
