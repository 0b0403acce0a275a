# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole loop in half a minute: a release, its retest and its gate, against a sandbox that it starts and stops."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.sandbox.control import Sandbox

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OUTPUT = ROOT / ".build/demo"
RELEASE_TAG = "release-2026.12"


def main():
    """Run the loop. Returns an exit code: 0 if every step ended as it should."""
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    for playbook in ("release.yml", "gate.yml"):
        shutil.copy(HERE / playbook, OUTPUT)
    (OUTPUT / "hosts").write_text("[shop]\nweb1 ansible_connection=local\nweb2 ansible_connection=local\n")
    with Sandbox() as sandbox:
        return Demo(sandbox).play()


class Demo:
    """The steps, each with what it is to show."""

    def __init__(self, sandbox):
        self._sandbox = sandbox
        self._failed = []

    def play(self):
        """Run all steps and say how they ended."""
        findings = [finding for finding in self._sandbox.books()["findings"] if RELEASE_TAG in finding["tags"]]
        say(
            f"A penetration test left findings in AttackForge. Release 2026.12 fixes {len(findings)} of them; they "
            f"carry the tag {RELEASE_TAG}."
        )

        say("1. What would happen? Check mode shows the whole plan and changes nothing.")
        self._ansible("release.yml", "--check", "--diff")
        self._hold("the preview wrote nothing", not self._sandbox.writes())

        say("2. Ship it: the release is noted on the findings, they are marked ready, one retest is requested.")
        self._ansible("release.yml", "--diff")
        writes = self._sandbox.writes()
        self._hold("one retest was requested", len(self._sandbox.log("RequestNewProjectRetest")) == 1)

        say("3. The job is started again by mistake. Nothing changes, and nothing is requested twice.")
        self._ansible("release.yml", "--diff")
        self._hold("the rerun wrote nothing", len(self._sandbox.writes()) == len(writes))

        number = self._sandbox.books()["rounds"][-1]["number"]
        *closed, reopened = [finding["id"] for finding in findings]
        self._sandbox.act("close", ids=closed)
        self._sandbox.act("reopen", id=reopened)
        self._sandbox.act("complete_round", round=number)
        say("4. The testers have retested: all are fixed but one, which they sent back. The gate stops the release.")
        self._ansible("gate.yml", fails=True)

        say(
            "5. It is fixed again, in release 2026.12.1: the same playbook with the new name requests that finding "
            "alone. With the old name it would only report that it was sent back."
        )
        self._ansible("release.yml", "-e", "release=2026.12.1")
        self._sandbox.act("close", id=reopened)
        self._sandbox.act("complete_round", round=number + 1)

        say("6. The testers have closed it. The gate lets the release pass.")
        self._ansible("gate.yml")

        say("What AttackForge was asked to change, and nothing else:")
        for row in self._sandbox.writes():
            print(f"   {row['method']:26} {row['path']}")
        say(f"The report for the change request: {(OUTPUT / 'report.html').relative_to(ROOT)}")
        if self._failed:
            say(f"This did not go as it should: {'; '.join(self._failed)}.")
        return 1 if self._failed else 0

    def _ansible(self, playbook, *arguments, fails=False):
        """Run a playbook. Of the release step only what changes is shown; of the gate, everything."""
        command = ["ansible-playbook", "-i", "hosts", playbook, *arguments]
        print(f"$ {' '.join(command)}\n", flush=True)
        done = subprocess.run(
            [str(Path(sys.executable).parent / command[0]), *command[1:]],
            cwd=OUTPUT,
            stdin=subprocess.DEVNULL,
            check=False,
            env=dict(
                os.environ,
                ANSIBLE_DISPLAY_SKIPPED_HOSTS="false",
                ANSIBLE_DISPLAY_OK_HOSTS=str(playbook == "gate.yml"),
                ANSIBLE_COLLECTIONS_PATH=str(ROOT / ".build/collections"),
                ATTACKFORGE_BASE_URL=self._sandbox.url,
                ATTACKFORGE_API_KEY=self._sandbox.key,
            ),
        )
        self._hold(f"{playbook} {'stops' if fails else 'passes'}", (done.returncode != 0) == fails)

    def _hold(self, what, true):
        if not true:
            self._failed.append(f"it does not hold that {what}")


def say(text):
    """Print a line of the story."""
    print("\n" + textwrap.fill(text, 100, initial_indent="### ", subsequent_indent="    ") + "\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
