# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the pages say of the sources is so. Their blocks of code are held by the integration tests."""

from __future__ import annotations

import ast
import json
import os
import re

import pytest
import yaml
from ansible.module_utils.basic import missing_required_lib

from tests.pages import PAGES, ROOT, blocks_of, text_of

LINK = re.compile(r"\[[^\]]*\]\((?!https?:)([^)\s#]*)(?:#([^)\s]*))?\)")
SOURCES = ROOT / "extensions/eda/plugins/event_source/schemas"


def cells_of(page, first):
    """The rows of those tables of a page whose head begins with this cell."""
    inside = False
    for line in text_of(page).splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if cells and cells[0] == first:
            inside = True
        elif cells and inside and not set(line) <= set("|- "):
            yield cells
        elif not cells:
            inside = False


@pytest.mark.parametrize("page", [*PAGES, "CONTRIBUTING.md", "SECURITY.md"])
def test_links_lead_somewhere(page):
    for target, place in LINK.findall(text_of(page)):
        path = ROOT / os.path.normpath(os.path.join(os.path.dirname(page), target)) if target else ROOT / page
        assert path.exists(), target
        headings = re.findall(r"^#+ (.*)", path.read_text(encoding="utf-8"), re.MULTILINE) if place else [""]
        assert place in [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings], place


@pytest.mark.parametrize("page", PAGES)
def test_each_block_is_fenced_and_has_a_language(page):
    assert [block.line for block in blocks_of(page) if not block.language] == []


# Every message of the sources stands on the page of faults, and the other way round

FOLDERS = ("plugins/module_utils", "extensions/eda/plugins/shared")
# Mistakes in the arguments are told together, and stand on the page as one.
MISTAKES = {"Invalid", "_at", "ValueError", "_parse_fixed"}
MISTAKE_FUNCTIONS = {"_told", "_say", "_all_mistakes"}
# These tell how far it is, or what is compared.
NO_FAULT = {"tell", "_diff", "outcome_text", "debug"}
# These take a part of a message.
PARTS = {"_unexpected", "_wrong", "_not_granted"}
# Parts that are told otherwise, and what Ansible says itself.
OTHER = (
    "the certificate of %%s %s (%s).",
    " (the environment may hold it as %s)",
    "RequestNewProjectRetest: the service answered: %s.",
    "No round with these findings was seen in the project's history within %g s",
    " (the last look failed: %s)",
    "Both option %(option)s and its alias %(alias)s are set.",
)


def phrases():
    """What the page quotes, as expressions: N, M, METHOD, KEY and ... stand for anything."""
    rows = cells_of("docs/faults.md", "the message says")
    for phrase in (phrase for row in rows for phrase in re.findall("`(.+?)`", row[0])):
        text = re.escape(phrase).replace(re.escape("..."), ".*")
        yield phrase, re.compile(re.sub(r"\b(N|M|METHOD|KEY)\b", r"\\S+", text), re.DOTALL)


def name_of_call(node):
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)


def texts_in(node):
    """The texts in a piece of code, but for mistakes in arguments and what is no fault."""
    if isinstance(node, ast.Call) and name_of_call(node) in MISTAKES | NO_FAULT | PARTS:
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    for child in ast.iter_child_nodes(node):
        yield from texts_in(child)


def statements_in(node):
    """The smallest statements of a file that hold texts, each as the list of its texts."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef) and child.name in MISTAKE_FUNCTIONS | NO_FAULT:
            continue
        if (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)) or (
            isinstance(node, ast.Module) and (isinstance(child, ast.Assign))
        ):
            continue  # documentation, and constants
        if isinstance(child, ast.stmt) and not hasattr(child, "body"):
            yield list(texts_in(child))
        else:
            yield from statements_in(child)


def files():
    return [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.parametrize("path", files(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_page_of_faults_has_every_message(path):
    expressions = [expression for _phrase, expression in phrases()]
    for texts in statements_in(ast.parse(path.read_text(encoding="utf-8"))):
        messages = [text for text in texts if len(text.split()) > 4 and text not in OTHER]
        # Several texts of one statement make one message.
        assert not messages or any(one.search(text) for one in expressions for text in texts), messages


def test_every_fault_on_the_page_can_come():
    told = [missing_required_lib("requests")]
    for path in files():
        told += [
            node.value
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
    for path in (ROOT / "roles").rglob("*"):
        if path.suffix in (".yml", ".j2"):
            told.append(" ".join(path.read_text(encoding="utf-8").split()))
    assert [phrase for phrase, expression in phrases() if not any(map(expression.search, told))] == []


def test_the_page_of_faults_has_what_the_roles_say():
    expressions = [expression for _phrase, expression in phrases()]
    for path in sorted((ROOT / "roles").glob("*/tasks/*.yml")):
        for task in tasks_of(yaml.safe_load(path.read_text(encoding="utf-8"))):
            message = task.get("ansible.builtin.assert", {}).get("fail_msg", "")
            if not re.fullmatch(r"{{ \w+ }}", message):
                assert not message or any(one.search(message) for one in expressions), message


def tasks_of(tasks):
    for task in tasks:
        yield task
        yield from tasks_of(task.get("block", []))


# The arguments of the event sources


def test_the_page_of_rulebooks_has_the_arguments_of_the_sources():
    schemas = {path.stem: json.loads(path.read_text(encoding="utf-8"))["properties"] for path in SOURCES.glob("*.json")}
    documented = {}
    for names, sources, default, _about in cells_of("docs/rulebooks.md", "argument"):
        for name in re.findall("`([^`]+)`", names):
            documented[name] = set(schemas) if sources == "both" else set(re.findall("`([^`]+)`", sources))
            plain = re.fullmatch(r"`?(\w+)`?", default)
            if plain:
                defaults = {schemas[source][name]["default"] for source in documented[name]}
                assert [str(value).lower() for value in defaults] == [plain[1]], name
    assert documented == {
        name: {source for source, schema in schemas.items() if name in schema}
        for schema in schemas.values()
        for name in schema
    }
