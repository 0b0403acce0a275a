# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Links within the repository, for pages that are read outside of it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"(!?)(\[[^\]]*\])\((?!https?:|#)([^)\s#]+)(#[^)\s]*)?\)")


def with_full_links(text, folder="", stays=lambda path: False):
    """Turn links to files of the repository into full ones, to the tag of this version.

    ``folder`` is where the page lies; a link stays as it is where ``stays`` says so of the path, from the root on.
    """
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))

    def full(link):
        picture, words, target, place = link.groups(default="")
        path = os.path.normpath(os.path.join(folder, target))
        if stays(path):
            return link[0]
        kind = "raw" if picture else "blob"
        return f"{picture}{words}({galaxy['repository']}/{kind}/{galaxy['version']}/{path}{place})"

    return LINK.sub(full, text)
