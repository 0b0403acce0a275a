# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make the release of a version: check, write the changelog, build the artifact, sign its checksums.

    release.py VERSION GPG_KEY CHECK ...      a CHECK is a target of make

It commits, tags and publishes nothing; at its end it says what is left to do.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import yaml
from build import main as build
from checkout import ROOT

BIN = Path(sys.executable).parent
DIST = ROOT / "dist"


def run(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def mistakes(version: str, key: str) -> list[str]:
    """Everything that stands in the way, before anything is done."""
    if not re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", version):
        return ["say which version: make release VERSION=1.2.3 GPG_KEY=..."]
    found = []
    if not key:
        found.append("say with which key to sign: GPG_KEY=...")
    elif subprocess.run(["gpg", "--list-secret-keys", key], capture_output=True, check=False).returncode:
        found.append(f"gpg has no secret key {key}")
    if run("git", "status", "--porcelain"):
        found.append("the tree is not clean: git status")
    if run("git", "tag", "--list", version):
        found.append(f"{version} is tagged already")
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
    transport = re.search(r'^VERSION = "(.*)"$', (ROOT / "plugins/module_utils/transport.py").read_text(), re.MULTILINE)
    for name, here in (("galaxy.yml", galaxy), ("plugins/module_utils/transport.py", transport and transport[1])):
        if here != version:
            found.append(f"{name} says {here}, not {version}")
    return found


def main(version: str, key: str, *checks: str) -> int:
    wrong = mistakes(version, key)
    if wrong:
        print("No release:", *wrong, sep="\n  ", file=sys.stderr)
        return 1
    subprocess.run(["make", "--no-print-directory", *checks], cwd=ROOT, check=True)
    # The version may stand in the changelog already, as the first one did before it was released.
    run(str(BIN / "antsibull-changelog"), "release", "--version", version, "--update-existing", "--reload-plugins")
    run(str(BIN / "antsibull-changelog"), "lint")
    build(DIST)
    artifact = DIST / f"attackforge-retest-{version}.tar.gz"
    sums = DIST / "SHA256SUMS"
    sums.write_text(f"{hashlib.sha256(artifact.read_bytes()).hexdigest()}  {artifact.name}\n")
    run("gpg", "--batch", "--yes", "--local-user", key, "--armor", "--detach-sign", str(sums))
    run("gpg", "--verify", f"{sums}.asc", str(sums))
    print(
        f"dist/{artifact.name}, dist/SHA256SUMS and dist/SHA256SUMS.asc are made. What is left:",
        "look at CHANGELOG.rst and commit it with changelogs/",
        f"git tag --sign {version}, and push it",
        "publish the three files",
        sep="\n  ",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
