# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""The file in which a source keeps how far it has come, so that a restart loses nothing and repeats nothing."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import socket
import tempfile
import time
from collections.abc import Callable
from typing import Any, TypeVar

from ._errors import AttackForgeError

_VERSION = 2
_INTERVAL = 0.25  # seconds between two writes at least
_SHARE = 10  # a write that takes long is followed by a pause of so many times as long

T = TypeVar("T")


class StateFile:
    """The state of one source at one service, for one process alone. Without a path nothing is kept.

    The file is replaced as a whole. A lock on it (flock) holds as long as it is open: the next content is locked before
    it takes the place of the last one.
    """

    def __init__(self, path: str | None, source: str, base_url: str) -> None:
        self.path = path
        self._source = source
        self._base_url = base_url
        self._lock: int | None = None  # the descriptor that holds the lock

    def open(self, parse: Callable[[Any], T]) -> T | None:
        """Lock the file. Returns the state that it keeps, parsed, or None. Raises AttackForgeError."""
        if not self.path:
            return None
        try:
            while self._lock is None:
                self._lock = self._create() if not os.path.lexists(self.path) else self._acquire()
        except OSError as error:
            raise self._error(f"cannot be opened ({error.strerror})") from None
        try:
            return self._load(parse)
        except BaseException:
            self.close()
            raise

    def save(self, state: Any) -> None:
        """Keep the state. Whatever happens meanwhile, the file holds the old state or the new one, whole."""
        if not self.path:
            return
        try:
            lock = self._write(state, os.replace)
        except OSError as error:
            raise self._error(f"cannot be written ({error.strerror})") from None
        self.close()
        self._lock = lock

    def close(self) -> None:
        """Give the lock back."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _create(self) -> int | None:
        try:
            return self._write(None, os.link)
        except FileExistsError:
            return None  # another source was quicker

    def _acquire(self) -> int | None:
        """Lock the file that is there. Returns None where it was replaced meanwhile."""
        path = str(self.path)
        try:
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            raise self._in_use() from None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None

    def _in_use(self) -> AttackForgeError:
        owner = "another source"
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            with open(str(self.path), encoding="utf-8") as file:
                content = json.load(file)
            same = (content["host"], content["pid"]) == (socket.gethostname(), os.getpid())
            where = "of this rulebook" if same else f"in process {content['pid']} on {content['host']}"
            owner = f"another source ({content['source']}) {where}"
        return self._error(
            f"is in use by {owner}. Two sources with one file would lose events. Give each source a state_file of its "
            "own, or end the other one",
            advice="",
        )

    def _load(self, parse: Callable[[Any], T]) -> T | None:
        try:
            with open(str(self.path), encoding="utf-8") as file:
                content = json.load(file)
        except (OSError, ValueError) as error:
            raise self._error(f"cannot be read ({error})") from None
        try:
            if content["source"] != self._source or content["version"] != _VERSION:
                raise self._error(f"is not a state file of {self._source}, or one of another version")
            if content["base_url"] != self._base_url:
                raise self._error(f"belongs to {content['base_url']}, not to {self._base_url}")
            return None if content["state"] is None else parse(content["state"])
        except (KeyError, TypeError, ValueError, AttributeError):
            raise self._error("does not have the form that this source writes") from None

    def _error(self, what: str, advice: str = " To begin as at the very first start, remove it.") -> AttackForgeError:
        return AttackForgeError(f"state_file: {self.path!r} {what}.{advice}")

    def _write(self, state: Any, place: Callable[[str, str], None]) -> int:
        """Write a new file, lock it, and put it in its place. Returns the descriptor of the lock."""
        folder, name = os.path.split(str(self.path))
        descriptor, temporary = tempfile.mkstemp(prefix=f".{name}", dir=folder)  # only its owner can read it
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            content = {
                "source": self._source,
                "version": _VERSION,
                "base_url": self._base_url,
                "host": socket.gethostname(),
                "pid": os.getpid(),
                "state": state,
            }
            with open(descriptor, "w", encoding="utf-8", closefd=False) as file:
                file.write(json.dumps(content, separators=(",", ":")))
                file.flush()
                os.fsync(descriptor)
            place(temporary, str(self.path))
        except BaseException:
            os.close(descriptor)
            os.unlink(temporary)
            raise
        if place is os.link:
            os.unlink(temporary)
        return descriptor


class StateWriter:
    """Writes the state when it has changed: at once, but at most a few times a second."""

    def __init__(self, file: StateFile, state: Callable[[], Any]) -> None:
        self._file = file
        self._state = state
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """The state has changed."""
        self._changed.set()

    def flush(self) -> None:
        """Write now what has changed."""
        if self._changed.is_set():
            self._changed.clear()
            self._file.save(self._state())

    async def run(self) -> None:
        """Write until this is cancelled; `flush` writes the rest. Raises AttackForgeError."""
        while True:
            await self._changed.wait()
            begin = time.monotonic()
            self.flush()
            await asyncio.sleep(max(_INTERVAL, _SHARE * (time.monotonic() - begin)))
