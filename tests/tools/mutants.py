# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Change the pure files, one small change at a time, and see whether a test notices: mutation testing by cosmic-ray.

    python tests/tools/mutants.py [NAME ...]     such as _plan; without one, all of them

It works on a copy of the checkout in .build/mutants. The mutants that survive are listed with their change.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from checkout import ROOT, copy_to

# Which tests hold a file; the quickest first, since the first that fails ends the run.
TESTS = {
    "_plan": ["test_plan", "test_retest_operation", "test_vulnerability_operation"],
    "_rounds": ["test_rounds", "test_plan"],
    "_verdict": ["test_verdict", "test_retest_info_operation"],
    "_notes": ["test_notes", "test_plan", "test_retest_operation"],
    "_vulnerabilities": ["test_vulnerabilities", "test_plan"],
    "_windows": ["test_windows", "test_plan"],
    "_http_rules": ["test_http_rules"],
    "_projects": ["test_projects"],
    "_query": ["test_query"],
    "_redaction": ["test_redaction"],
    "_diff": ["test_diff"],
}
COPY = ROOT / ".build/mutants/ansible_collections/attackforge/retest"
BIN = Path(sys.executable).parent


def main(names):
    """Test the mutants of each file. Returns an exit code: 0, however many survive."""
    copy_to(COPY)
    for name in names or TESTS:
        run(name)


def run(name):
    """Make and test all mutants of one file, and print how many survive, and which."""
    tests = " ".join(f"tests/unit/{test}.py" for test in TESTS[name])
    config, session = COPY / (name + ".toml"), COPY / (name + ".sqlite")
    config.write_text(
        "\n".join(
            [
                "[cosmic-ray]",
                f'module-path = "plugins/module_utils/{name}.py"',
                "timeout = 60.0",
                f'test-command = "{sys.executable} -m pytest {tests} -x -q -p no:cacheprovider"',
                "[cosmic-ray.distributor]",
                'name = "local"',
                "",
            ]
        ),
        encoding="utf-8",
    )
    session.unlink(missing_ok=True)
    environment = dict(
        os.environ, PYTHONPATH=str(ROOT / ".build/mutants"), ANSIBLE_COLLECTIONS_PATH=str(ROOT / ".build/mutants")
    )

    def cosmic_ray(*arguments):
        return subprocess.run(
            [str(BIN / "cosmic-ray"), *map(str, arguments)],
            cwd=COPY,
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout

    cosmic_ray("init", config, session)
    cosmic_ray("exec", config, session)
    results = [json.loads(line) for line in cosmic_ray("dump", session).splitlines()]
    survivors = [(item, outcome) for item, outcome in results if outcome and outcome["test_outcome"] == "survived"]
    print(f"{name}: {len(results)} mutants, {len(survivors)} survived")
    for item, outcome in survivors:
        mutation = item["mutations"][0]
        print(f"\n{mutation['module_path']}:{mutation['start_pos'][0]} {mutation['operator_name']}")
        print("\n".join(line for line in outcome["diff"].splitlines() if re.match(r"[+-](?![+-]{2})", line)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
