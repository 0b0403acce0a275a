# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of the design that a machine can check."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "plugins"
COLLECTION = "ansible_collections.attackforge.retest.plugins."

HEADER = (
    "# Copyright (c) 2026 The attackforge.retest authors",
    "# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)",
    "# SPDX-License-Identifier: GPL-3.0-or-later",
)

PURE = (
    "_diff",
    "_errors",
    "_http_rules",
    "_notes",
    "_plan",
    "_projects",
    "_query",
    "_redaction",
    "_rounds",
    "_verdict",
    "_vulnerabilities",
    "_windows",
)
PRIVATE = "# PRIVATE: for this collection alone. It can change in any release, without notice."
LIBRARIES = {"ansible", "requests", "urllib3", "voluptuous"}

# What of the standard library reaches a file, a socket, a process, a clock to wait on, or the environment.
IMPURE = {
    "asyncio",
    "builtins",
    "codecs",
    "ctypes",
    "fileinput",
    "ftplib",
    "glob",
    "http",
    "importlib",
    "io",
    "logging",
    "mmap",
    "multiprocessing",
    "os",
    "pathlib",
    "platform",
    "queue",
    "random",
    "secrets",
    "select",
    "selectors",
    "shutil",
    "signal",
    "smtplib",
    "socket",
    "socketserver",
    "sqlite3",
    "ssl",
    "subprocess",
    "sys",
    "tempfile",
    "threading",
    "time",
    "urllib",
}
IMPURE_CALLS = {"open", "print", "input", "exec", "eval", "compile", "__import__"}


def python_files(folder):
    return sorted(path for path in folder.rglob("*.py") if path.stat().st_size)


def name_of(path):
    return path.relative_to(ROOT).as_posix()


CODE = [path for folder in ("plugins", "extensions", "tests", "docs/site") for path in python_files(ROOT / folder)]


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports_of(tree, package="module_utils"):
    """The names of the modules that are imported, those of this collection from plugins on."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module
        elif isinstance(node, ast.ImportFrom):
            assert node.level <= 2, "neighbours, and what operations share"
            yield from (
                f"{COLLECTION}{package}.{name}"
                for name in ([node.module] if node.module else [alias.name for alias in node.names])
            )


def calls_of(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)


def reached_from(module):
    """The module itself and all that it imports within module_utils, at first or second hand."""
    seen, waiting = {}, [module]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen[current] = tree_of(PLUGINS / "module_utils" / (current.replace(".", "/") + ".py"))
        waiting += [
            name[len(COLLECTION + "module_utils.") :]
            for name in imports_of(seen[current])
            if name.startswith(COLLECTION)
        ]
    return seen


@pytest.mark.parametrize("module", PURE)
def test_pure_modules_do_no_io_and_know_no_library(module):
    for name, tree in reached_from(module).items():
        outside = {imported.split(".")[0] for imported in imports_of(tree) if not imported.startswith(COLLECTION)}
        assert not outside & LIBRARIES, f"{name}.py is pure"
        assert not outside & IMPURE, f"{name}.py is pure: no I/O"
        called = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
        builtin = {function.id for function in called if isinstance(function, ast.Name)}
        assert not builtin & IMPURE_CALLS, f"{name}.py is pure: no I/O"


def test_the_connection_needs_no_library():
    for name, tree in reached_from("_connection").items():
        outside = {imported.split(".")[0] for imported in imports_of(tree) if not imported.startswith(COLLECTION)}
        assert not outside & LIBRARIES, f"{name}.py is used by the event sources too"


@pytest.mark.parametrize(
    "path", python_files(PLUGINS / "module_utils") + python_files(PLUGINS / "plugin_utils"), ids=name_of
)
def test_utilities_are_private(path):
    assert path.name.startswith("_")
    assert PRIVATE in path.read_text(encoding="utf-8").splitlines()[:8]


def test_there_is_one_exit():
    exits = {
        name_of(path)
        for path in python_files(PLUGINS)
        if {"exit_json", "fail_json", "_return_formatted"} & set(calls_of(tree_of(path)))
    }
    assert exits == {"plugins/module_utils/_runner.py"}


def test_nothing_else_ends_the_process():
    ends = {
        name_of(path) for path in python_files(PLUGINS) if {"exit", "_exit", "abort"} & set(calls_of(tree_of(path)))
    }
    assert not ends


def test_the_action_group_holds_every_module():
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text(encoding="utf-8"))
    modules = sorted(path.stem for path in (PLUGINS / "modules").glob("*.py"))
    assert modules
    assert runtime["action_groups"] == {"attackforge": modules}


@pytest.mark.parametrize(
    "path", python_files(PLUGINS / "modules") + python_files(PLUGINS / "module_utils"), ids=name_of
)
def test_modules_are_written_for_their_oldest_python(path):
    # Only a Python of that age could prove it; this one can at least tell newer syntax.
    config = yaml.safe_load((ROOT / "tests/config.yml").read_text(encoding="utf-8"))
    oldest = re.fullmatch(r">=3\.([0-9]+)", config["modules"]["python_requires"])
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, int(oldest[1])))


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_every_python_file_carries_the_license(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    while lines and (lines[0].startswith("#!") or "coding:" in lines[0] or not lines[0]):
        lines.pop(0)
    assert tuple(lines[:3]) == HEADER


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_lines_end_at_120(path):
    assert [line for line in path.read_text(encoding="utf-8").splitlines() if len(line) > 120] == []


def galaxy():
    return yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))


def test_the_version_is_the_same_everywhere():
    constants = {
        target.id: node.value
        for node in tree_of(PLUGINS / "module_utils/_http.py").body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert ast.literal_eval(constants["VERSION"]) == galaxy()["version"]


def requirements():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_requirements_are_lower_bounds():
    assert [re.split("[<>=!~ ]", line)[0] for line in requirements()] == ["requests", "voluptuous"]
    assert all(re.fullmatch(r"[a-z]+>=[0-9]+(\.[0-9]+)+", line) for line in requirements())


def test_the_execution_environment_takes_the_requirements():
    text = (ROOT / "meta/execution-environment.yml").read_text(encoding="utf-8")
    assert yaml.safe_load(text)["dependencies"] == {"python": "requirements.txt"}
    # ansible-builder drops voluptuous, so the comment says what to write; it has to say it right.
    assert next(line for line in requirements() if line.startswith("voluptuous")) in text


def documents():
    found = [ROOT / "README.md", *PLUGINS.rglob("*.py")]
    for folder in ("docs", "extensions", "meta", "playbooks", "roles"):
        found += [path for path in (ROOT / folder).rglob("*") if path.suffix in (".md", ".rst", ".yml", ".yaml")]
    return [path for path in found if path.is_file()]


def test_the_documents_agree_with_the_requirements():
    bounds = dict(line.split(">=") for line in requirements())
    bound_of = re.compile(r"\b(requests|voluptuous) *\(?>= *([0-9.]*[0-9])")
    for path in documents():
        for name, bound in bound_of.findall(path.read_text(encoding="utf-8")):
            assert bound == bounds[name], name_of(path)


def test_the_tests_run_with_the_lowest_versions_and_with_newer_ones():
    for path in (ROOT / "tests/constraints").glob("*.txt"):
        pinned = dict(re.findall(r"^([\w-]+)==([^\s;]+)", path.read_text(encoding="utf-8"), re.MULTILINE))
        for name, bound in (line.split(">=") for line in requirements()):
            assert (pinned[name] == bound) is (path.stem == "oldest"), path.name


def test_the_files_of_pins_agree():
    pins = {}
    for path in [*(ROOT / "tests").glob("requirements*.txt"), *(ROOT / "tests").glob("*/requirements.txt")]:
        text = path.read_text(encoding="utf-8")
        for package, version in re.findall(r"^([\w-]+)==([^\s;]+)$", text, re.MULTILINE):
            assert pins.setdefault(package.lower(), version) == version, f"{package} in {path}"


def test_the_nightly_workflow_runs_every_cell_of_the_matrix():
    assigned = {
        target.id: ast.literal_eval(node.value)
        for node in tree_of(ROOT / "noxfile.py").body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if getattr(target, "id", "") in ("CELLS", "TARGETS")
    }
    workflow = yaml.safe_load((ROOT / ".github/workflows/matrix.yml").read_text(encoding="utf-8"))
    cells = workflow["jobs"]["matrix"]["strategy"]["matrix"]["cell"]
    assert cells == [*assigned["CELLS"], *(f"target-py{python}" for python in assigned["TARGETS"])]
