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

FOLDERS = ("plugins/module_utils", "plugins/plugin_utils", "extensions/eda/plugins/shared")
# Mistakes in options are reported together, each by its option, and stand on the page as one.
OPTIONS = {"_options.py", "_connection.py", "_windows.py", "arguments.py", "_query.py"}
# These report progress, learn something, or give a part of a message.
NO_FAULT = {"progress", "_unexpected", "Invalid", "AssertionError", "TypeError", "get", "debug", "join", "compile"}
# What messages consist of, and what is not one.
PARTS = (
    "the service answered: ",
    "; correct base_url",
    "the service needs a new one",
    "round X is completed, but X",
    "X not pass: X. X",
    "the last read failed",
    "project_retesting_history is missing or empty",
    "retest round marked as completed",
    "the environment may hold",
    "is completed: ",
    "rounds are completed",
    "and X more; see projects",
    "to replace it",
    "Correct it, or set allow_empty",
    "a list in it is empty",
    "It is kept; on_window_change",
    "With on_window_change: replace",
    "lists of findings show notes",
    "form of ids in a query",
    "its answer left them out",
    "in process X on X",
    "No round with these findings",
    "Next read in",
    "projects done",
    "Cancel one of them",
    "They do not hold the same findings",
    "A message that was not subscribed to",
    "X X is X: X",
)


def phrases():
    """What the page quotes, as expressions: N, M, METHOD, KEY and ... stand for anything."""
    rows = cells_of("docs/faults.md", "the message says")
    for phrase in (phrase for row in rows for phrase in re.findall("`(.+?)`", row[0])):
        text = re.escape(phrase).replace(re.escape("..."), ".*")
        yield phrase, re.compile(re.sub(r"\b(N|M|METHOD|KEY)\b", r"\\S+", text), re.DOTALL)


def name_of_call(node):
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)


def text_in(node):
    """A text of the code as a reader sees it, with X for each value that is put in; None where it is no text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"{[a-z:]+}", "X", node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "X" for part in node.values)
    return None


def texts_in(node):
    """The texts in a piece of code, but for what is no fault."""
    if isinstance(node, ast.Call) and name_of_call(node) in NO_FAULT:
        return
    text = text_in(node)
    if text is not None:
        yield text
    for child in ast.iter_child_nodes(node):
        if not (isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant)):
            yield from texts_in(child)


def statements_in(node):
    """The smallest statements of a file that hold texts, each as the list of its texts."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue  # documentation
        if isinstance(child, ast.stmt) and not hasattr(child, "body"):
            yield list(texts_in(child))
        else:
            yield from statements_in(child)


def files():
    found = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in found if path.name not in OPTIONS]


@pytest.mark.parametrize("path", files(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_page_of_faults_has_every_message(path):
    expressions = [expression for _phrase, expression in phrases()]
    for texts in statements_in(ast.parse(path.read_text(encoding="utf-8"))):
        messages = [text for text in texts if len(text.split()) > 4 and not any(part in text for part in PARTS)]
        # Several texts of one statement make one message.
        assert not messages or any(one.search(text) for one in expressions for text in texts), messages


def test_every_fault_on_the_page_can_come():
    said = [missing_required_lib("requests")]
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            said += [text for text in map(text_in, nodes) if text is not None]
    for path in (ROOT / "roles").rglob("*"):
        if path.suffix in (".yml", ".j2"):
            said.append(" ".join(path.read_text(encoding="utf-8").split()))
    assert [phrase for phrase, expression in phrases() if not any(map(expression.search, said))] == []


def test_the_page_of_faults_has_what_the_roles_say():
    expressions = [expression for _phrase, expression in phrases()]
    for path in sorted((ROOT / "roles").glob("*/tasks/*.yml")):
        for task in tasks_of(yaml.safe_load(path.read_text(encoding="utf-8"))):
            message = task.get("ansible.builtin.assert", {}).get("fail_msg", "")
            if not re.fullmatch(r"{{ [\w.]+ }}", message):
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
