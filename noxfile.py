# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The matrix of versions, run by `make matrix`: unit, integration and sanity tests in each cell.

    make matrix CELL=2.17-py3.11                 one cell
    .venv/bin/nox -s 2.17-py3.11 -- unit         a part of it
    .venv/bin/nox --list                         their names

A cell whose Python is not here fails: what did not run is not green.
"""

from __future__ import annotations

import os
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "venv"
nox.options.download_python = "never"
nox.options.envdir = ".build/nox"
nox.options.error_on_missing_interpreters = True
nox.options.reuse_venv = "yes"

# {ansible-core and its Python: which of tests/constraints pins that ansible-core on that Python}
CELLS = {
    "2.17-py3.11": "oldest",
    "2.18-py3.11": "middle",
    "2.19-py3.11": "newest",
    "2.20-py3.12": "middle",
    "2.21-py3.12": "newest",
    "2.18-py3.13": "oldest",
    "2.21-py3.13": "newest",
}
# Where the modules may run, older than any controller: {Python: which libraries}
TARGETS = {"3.9": "oldest", "3.10": "newest"}
CONTROLLER = "3.11"  # the newest ansible-core on it still runs modules on both

JOBS = os.environ.get("JOBS", "3")
PARTS = {
    "unit": ["python", "-m", "pytest", "tests/unit", "-n", JOBS],
    "integration": ["python", "-m", "pytest", "tests/integration", "-n", JOBS, "--dist", "loadfile"],
    "sanity": ["python", "tests/tools/sanity.py"],
}


def prefer_real_interpreters():
    """Put pyenv's interpreters before its shims, which look like Pythons that are there and may be none."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    pythons = {name.rpartition("-py")[2] for name in CELLS} | set(TARGETS)
    bins = [str(path) for python in sorted(pythons) for path in root.glob(f"versions/{python}.*/bin")]
    os.environ["PATH"] = os.pathsep.join([*bins, os.environ["PATH"]])


def install(session, constraints):
    session.install("-qq", "-r", "tests/requirements.txt", "-c", f"tests/constraints/{constraints}.txt")


def add_cell(name, constraints):
    core, python = name.split("-py")

    @nox.session(name=name, python=python)
    def cell(session):
        """Unit, integration and sanity tests."""
        install(session, constraints)
        session.run(
            "python",
            "-c",
            f"from ansible.release import __version__ as version; assert version.startswith('{core}.'), version",
            silent=True,
        )
        for part in session.posargs or PARTS:
            session.run(*PARTS[part])


def add_target(python, constraints):
    @nox.session(name=f"target-py{python}", python=CONTROLLER)
    def target(session):
        """The integration tests of Ansible's own machinery, with modules on this Python."""
        folder = Path(session.create_tmp()).resolve() / "target"
        session.run(f"python{python}", "-m", "venv", "--clear", str(folder), external=True)
        interpreter = str(folder / "bin/python")
        session.run(
            interpreter,
            "-m",
            "pip",
            "install",
            "-qq",
            "--disable-pip-version-check",
            "-r",
            "requirements.txt",
            *(["-c", "tests/constraints/oldest.txt"] if constraints == "oldest" else []),
            external=True,
        )
        install(session, "newest")
        session.run(*PARTS["integration"], "-m", "every_core", env={"TARGET_PYTHON": interpreter})


prefer_real_interpreters()
for cell_name, cell_constraints in CELLS.items():
    add_cell(cell_name, cell_constraints)
for target_python, target_constraints in TARGETS.items():
    add_target(target_python, target_constraints)
