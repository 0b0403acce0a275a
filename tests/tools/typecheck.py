# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check the types of the plugins, the event sources, the sandbox and the run of the findings with mypy.

mypy knows neither `ansible_collections` nor how the event sources find the private modules of the plugins, so it gets
folders of links in which both look like ordinary packages.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT / "extensions/eda/plugins/shared/attackforge_retest_eda"
SOURCES = ROOT / "extensions/eda/plugins/event_source"


def link_event_sources(folder: Path) -> Path:
    """Put what the event sources share and the private modules of the plugins into one package. Returns it."""
    package = folder / SHARED.name
    package.mkdir()
    for path in [*SHARED.glob("*.py"), *(ROOT / "plugins/module_utils").glob("_*.py")]:
        if not (package / path.name).exists():
            (package / path.name).symlink_to(path)
    return package


def link_collection(folder: Path) -> Path:
    """Put the collection where its imports expect it. Returns its plugins."""
    collection = folder / "ansible_collections/attackforge/retest"
    collection.mkdir(parents=True)
    (collection / "plugins").symlink_to(ROOT / "plugins")
    return collection / "plugins"


def check(*arguments: str, path: Path) -> bool:
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "mypy.ini"), *arguments]
    return subprocess.run(command, cwd=path, env={**os.environ, "MYPYPATH": str(path)}, check=False).returncode == 0


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="types-") as scratch:
        folder = Path(scratch).resolve()
        plugins, shared = link_collection(folder), link_event_sources(folder)
        results = [
            check(str(plugins), path=folder),
            check(str(shared), *map(str, SOURCES.glob("*.py")), path=folder),
            check("tests/sandbox", path=ROOT),
            check("findings/run.py", path=ROOT),
        ]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
