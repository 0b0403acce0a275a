# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ansible-test sanity with the Python that runs this, and fail where it was content with less than everything."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from checkout import copy_to

BIN = Path(sys.executable).parent
# ansible-test wants to stand in a real folder of this name: with links it fails, or overlooks errors.
COLLECTION = Path("ansible_collections", "attackforge", "retest")

# ansible-test warns and exits with 0 when it leaves out a test because a tool or a Python is missing.
LEFT_OUT = re.compile(r"^WARNING: (Required program|Skipping|All targets skipped|.*could not be found)")

# ansible-test's own words after an installation.
AFTER_PIP = re.compile(
    r"Running sanity test |ERROR: (Found |The )|FATAL: The |WARNING: (?!Location )|See documentation "
)

GET_PIP = '''\
"""Stands in for get-pip.py where that cannot be downloaded: takes the pip that this Python brings along."""

import subprocess
import sys

subprocess.check_call([sys.executable, '-m', 'ensurepip', '--default-pip'], stdout=subprocess.DEVNULL)
wanted = [word for word in sys.argv[1:] if word not in ('--no-setuptools', '--no-wheel')]
sys.exit(subprocess.call([sys.executable, '-m', 'pip', 'install', *wanted]))
'''


def place_get_pip() -> None:
    """ansible-test downloads get-pip.py once, and looks into its cache first. Help out only where neither can work."""
    import ansible_test

    # The address and the file's name change with ansible-core, so they are read from there.
    setup = Path(ansible_test.__file__).parent / "_util" / "target" / "setup" / "requirements.py"
    packages = Path(ansible_test.__file__).parent / "_internal" / "python_requirements.py"
    url = re.search(r"url = '(https://[^']*%s[^']*)' % pip_version", setup.read_text())
    cache = re.search(r"'(~/[^']*%s[^']*)' % pip_version", setup.read_text())
    version = re.search(r"pip='([0-9.]+)'", packages.read_text())
    if not (url and cache and version):
        print("This ansible-test gets pip in a way not known here: it is left to itself.")
        return
    path = Path(cache[1] % version[1].replace(".", "_")).expanduser()
    if path.exists():
        return
    try:
        with urllib.request.urlopen(url[1] % version[1], timeout=10) as answer:
            answer.read(1)
    except (OSError, urllib.error.URLError):
        print(f"get-pip.py cannot be downloaded; {path} stands in for it.")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(GET_PIP)


def run_sanity(collection: Path) -> int:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    command = [str(BIN / "ansible-test"), "sanity", "--local", "--requirements", "--allow-disabled", "--color", "no"]
    started = time.monotonic()
    run = 0
    left_out: list[str] = []
    pip_says: list[str] = []
    with subprocess.Popen(
        [*command, "--python", version],
        cwd=collection,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
    ) as process:
        for line in process.stdout:
            # What pip says fills screens. It is shown only if it was the last thing said before the end.
            if line.startswith("Installing requirements for "):
                pip_says = [line]
            elif pip_says and not AFTER_PIP.match(line):
                pip_says.append(line)
            else:
                pip_says = []
                print(line, end="", flush=True)
            run += line.startswith("Running sanity test ")
            if LEFT_OUT.search(line) and line.rstrip() not in left_out:
                left_out.append(line.rstrip())
    took = f"in {time.monotonic() - started:.0f}s on Python {version}"
    if process.returncode:
        print(*pip_says, sep="", end="")
        print(f"==== sanity failed {took} ====")
        return 1
    if left_out or not run:
        print(f"==== sanity was content with less than everything, {took} ====", *left_out, sep="\n")
        return 1
    print(f"==== {run} sanity tests passed {took} ====")
    return 0


def main() -> int:
    place_get_pip()
    # Outside the checkout: below it, ansible-test would ask git for the files, and git ignores .build.
    with tempfile.TemporaryDirectory(prefix="sanity-") as scratch:
        return run_sanity(copy_to(Path(scratch) / COLLECTION))


if __name__ == "__main__":
    sys.exit(main())
