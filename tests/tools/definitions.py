# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The definitions of execution environments in docs/awx, with what docs/awx.md says to change in them."""

from __future__ import annotations

from typing import Any

import yaml

from tests.pages import ROOT, Block, blocks_of

PAGE = "docs/awx.md"
NAMES = ("execution-environment", "execution-environment-debian")


def blocks(variant: str) -> dict[str, Block]:
    """The blocks of the page for a variant, ``file`` or ``server``, by their language."""
    return {block.language: block for block in blocks_of(PAGE) if block.notes.get("variant") == variant}


def definition(name: str, variant: str | None = None) -> dict[str, Any]:
    """A definition by its name, changed as the page says for the variant."""
    found = yaml.safe_load((ROOT / "docs/awx" / f"{name}.yml").read_text(encoding="utf-8"))
    return merge(found, yaml.safe_load(blocks(variant)["yaml"].text)) if variant else found


def merge(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Dictionaries are merged, anything else is replaced."""
    merged = dict(old)
    for key, value in new.items():
        both = isinstance(value, dict) and isinstance(old.get(key), dict)
        merged[key] = merge(old[key], value) if both else value
    return merged
