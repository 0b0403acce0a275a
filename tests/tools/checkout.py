# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copies of the checkout, with nothing in them that git ignores."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def copy_to(destination: Path) -> Path:
    """Make `destination` a fresh copy: a file deleted here must not live on there."""
    try:
        listing = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError) as exc:
        sys.exit(f"This needs git and a clone of the repository: {getattr(exc, 'stderr', None) or exc}")
    shutil.rmtree(destination, ignore_errors=True)
    for name in filter(None, listing.split("\0")):
        source = ROOT / name
        if not source.is_file():  # deleted, and not yet told to git
            continue
        target = destination / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
    return destination
