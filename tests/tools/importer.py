# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Have the artifact in the folder given imported as Galaxy would, and fail where the importer says a word against it.

The importer itself exits with 0 whatever it finds. A complaint is a line of its own level, or no result at all.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

COMPLAINT = re.compile(r"^(WARNING|ERROR|CRITICAL)\b")


def main(dist: Path) -> int:
    [artifact] = dist.resolve().glob("attackforge-retest-*.tar.gz")
    # The importer looks for its linters on PATH, and reads settings from the home and the current folder.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "GALAXY_"))}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryDirectory(prefix="importer-") as scratch:
        said = subprocess.run(
            [sys.executable, "-m", "galaxy_importer.main", str(artifact)],
            cwd=scratch,
            env={**environment, "HOME": scratch},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        done = said.returncode == 0 and Path(scratch, "importer_result.json").exists()
    complaints = [line for line in said.stdout.splitlines() if COMPLAINT.match(line)]
    if complaints or not done:
        print(said.stdout, end="")
        print("==== the importer complains ====", *complaints, sep="\n")
        return 1
    print(f"{artifact.name}: the importer has no complaint")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
