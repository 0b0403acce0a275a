# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Build the artifact into the folder given. From a copy, so that no stray file of the work tree gets in."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from checkout import copy_to
from links import with_full_links


def main(output: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        source = copy_to(Path(scratch) / "retest")
        # A hub shows the README alone, and of the repository the guides have each other alone.
        for page in [source / "README.md", *source.glob("docs/*.md")]:
            folder = "" if page.name == "README.md" else "docs"
            text = page.read_text(encoding="utf-8")
            page.write_text(
                with_full_links(text, folder, lambda path, folder=folder: bool(folder) and path.startswith("docs/")),
                encoding="utf-8",
            )
        built = Path(scratch) / "built"
        subprocess.run(
            [str(Path(sys.executable).with_name("ansible-galaxy")), "collection", "build", "--output-path", str(built)],
            cwd=source,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        output.mkdir(parents=True, exist_ok=True)
        for old in output.glob("attackforge-retest-*.tar.gz"):
            old.unlink()
        artifact = output / next(built.iterdir()).name
        artifact.write_bytes(next(built.iterdir()).read_bytes())
    with tarfile.open(artifact) as archive:
        files = [member for member in archive.getmembers() if member.isfile()]
    print(f"{artifact}: {len(files)} files, {artifact.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
