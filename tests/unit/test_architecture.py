# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The architecture page describes the code as it is. test_layout.py checks what each module may do."""

from __future__ import annotations

import re

import pytest

from tests.pages import ROOT, text_of
from tests.unit.test_layout import PLUGINS, PURE

PAGE = text_of("docs/architecture.md")
UTILS = PLUGINS / "module_utils"
# In the table of modules: the file, whether it is pure.
MODULES = dict(re.findall(r"^\| `([\w/]+)\.py` \| (yes)? ?\|", PAGE, re.MULTILINE))
TOP = sorted(path.name for path in ROOT.iterdir())
QUOTED = sorted(set(re.findall(r"`([^`\s]+)`", PAGE)))


def files_of(folder):
    return sorted(
        path.relative_to(folder).with_suffix("").as_posix()
        for path in folder.rglob("*.py")
        if path.stat().st_size and path.name != "__init__.py"
    )


@pytest.mark.parametrize("name", [name for name in QUOTED if name.split("/")[0] in TOP and "NAME" not in name])
def test_each_path_on_the_page_is_there(name):
    assert (ROOT / name).is_dir() if name.endswith("/") else (ROOT / name).is_file()


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in QUOTED
        if re.fullmatch(r"_?[A-Za-z]\w*", name)
        and ("_" in name or name.istitle() or name.isupper() or re.fullmatch("([A-Z][a-z]+)+", name))
    ],
)
def test_each_name_on_the_page_is_in_the_code(name):
    folders = ("plugins", "tests", "roles", "extensions")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    assert any(re.search(rf"\b{name}\b", path.read_text(encoding="utf-8")) for path in files)


def test_each_module_is_on_the_page():
    assert sorted(MODULES) == files_of(UTILS)


def test_the_page_says_which_modules_are_pure():
    assert sorted(name for name, pure in MODULES.items() if pure) == sorted(PURE)


def test_the_event_sources_use_what_needs_no_library():
    shared = ROOT / "extensions/eda/plugins/shared/attackforge_retest_eda"
    used = set()
    for path in shared.glob("*.py"):
        used |= set(re.findall(r"^from \.(\w+) import", path.read_text(encoding="utf-8"), re.MULTILINE))
    of_plugins = used - set(files_of(shared))
    assert "_http_rules" in of_plugins and of_plugins <= {*PURE, "_connection"}
