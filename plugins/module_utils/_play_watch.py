# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""Whether the play that started this task is still running. When it is gone, nothing more is written.

Ansible's workers outlive a play that was killed: since ansible-core 2.19 each is a session of its own, and a module's
own parent is a shell or ``su``, which lives on too. So a task in the controller's process watches its parent, and a
module watches the controller, which its action names in the environment, and whoever reads its output.
"""

from __future__ import annotations

import os
import select
import stat
import time
from collections.abc import Callable, Mapping

from ._errors import PlayEnded

VARIABLE = "ATTACKFORGE_RETEST_CONTROLLER"
_SLICE = 0.5  # seconds; how late a wait notices that the play has ended


class PlayWatch:
    """Knows when to stop. ``ended`` is asked before each write and during each wait."""

    def __init__(self, ended: Callable[[], bool] = lambda: False) -> None:
        self._ended = ended

    @property
    def ended(self) -> bool:
        """Whether the play is gone."""
        return self._ended()

    def check(self) -> None:
        """Raise PlayEnded if the play is gone."""
        if self.ended:
            raise PlayEnded("The play that started this task has ended, so nothing more was sent.")

    def sleep(self, seconds: float) -> None:
        """Wait, and raise PlayEnded as soon as the play is gone."""
        until = time.monotonic() + seconds
        while True:
            self.check()
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(_SLICE, left))


def watch_process(pid: int) -> PlayWatch:
    """Watch another process of this machine. When a parent ends, another process takes its place at once."""
    if os.getppid() == pid:
        return PlayWatch(lambda: os.getppid() != pid)
    return PlayWatch(lambda: not _is_alive(pid))


def watch_controller(environment: Mapping[str, str]) -> PlayWatch:
    """Watch, from a module, the controller that the environment names, and the reader of the module's output."""
    controller = environment.get(VARIABLE, "")
    same_machine = controller.startswith(_machine() + " ")

    def ended() -> bool:
        return _output_is_closed() or (same_machine and _identity(_pid_of(controller)) != controller)

    return PlayWatch(ended)


def identity_of_controller(pid: int) -> str:
    """Name a process so that a module can recognise it: machine, process id and start time. Empty if it is gone."""
    return _identity(pid)


def _pid_of(identity: str) -> int:
    return int(identity.split()[1])


def _identity(pid: int) -> str:
    start = _start_of(pid)
    return f"{_machine()} {pid} {start}" if start else ""


def _machine() -> str:
    """This boot of this machine and, in a container, its own process ids. The words are as Linux has them."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return f"{file.read().strip()}/{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return "unknown"


def _start_of(pid: int) -> str:
    """When a process started, or an empty text if it has ended. A zombie has ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in ("Z", "X") else fields[19]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is there, but another user's
    return bool(_start_of(pid)) or not os.path.exists("/proc/self/stat")


def _output_is_closed() -> bool:
    """Whether nobody reads this process's output any more, as when a connection to this host was cut."""
    try:
        if not stat.S_ISFIFO(os.fstat(1).st_mode) and not stat.S_ISSOCK(os.fstat(1).st_mode):
            return False
        poller = select.poll()
        poller.register(1, 0)
        return any(event & (select.POLLERR | select.POLLHUP) for _fd, event in poller.poll(0))
    except (OSError, AttributeError):
        return False
