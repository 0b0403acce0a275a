# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pages in Markdown, and the blocks of code in them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    "README.md",
    *sorted(
        page.relative_to(ROOT).as_posix()
        for folder in ("docs", "roles")
        for page in (ROOT / folder).rglob("*.md")
        if page.parent.name != "site"
    ),
]
NOTE = re.compile(r"<!-- (\w+): (.*?) -->", re.DOTALL)


class Block(NamedTuple):
    """A block of code. ``notes`` holds what a comment right before it says: ``<!-- name: value -->``."""

    line: int
    language: str
    text: str
    notes: dict


def text_of(page):
    """What stands on a page, named by its path."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks_of(page):
    """All blocks of code of a page in their order, fenced or indented, wherever they stand."""
    blocks, notes = [], {}
    for token in MarkdownIt("commonmark").parse(text_of(page)):
        if token.type in ("fence", "code_block"):
            blocks.append(Block(token.map[0] + 1, token.info.strip(), token.content, notes))
        notes = dict(NOTE.findall(token.content)) if token.type == "html_block" else {}
    return blocks
