# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file in which a source keeps how far it has come, so that a restart loses nothing and repeats nothing."""

from __future__ import annotations

import json
import os
import tempfile

from .errors import AttackForgeError

_VERSION = 1


class StateFile:
    """The state of one source at one service. Without a path nothing is kept."""

    def __init__(self, path, source, base_url):
        self.path = path
        self._source = source
        self._base_url = base_url

    def load(self, read):
        """What was kept, given to ``read``; None if nothing was. A file that is something else is an error."""
        if not self.path:
            return None
        try:
            with open(self.path, encoding="utf-8") as file:
                kept = json.load(file)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise self._wrong(f"cannot be read ({error})") from None
        try:
            if kept["source"] != self._source or kept["version"] != _VERSION:
                raise self._wrong(f"is not one of {self._source}")
            if kept["base_url"] != self._base_url:
                raise self._wrong("tells what was seen of {}, not of {}".format(kept["base_url"], self._base_url))
            return read(kept["state"])
        except (KeyError, TypeError, ValueError, AttributeError):
            raise self._wrong("has not the form that it was written in") from None

    def _wrong(self, what):
        return AttackForgeError(f"state_file: {self.path!r} {what}. To begin as at the very first start, remove it.")

    def save(self, state):
        """Keep the state: a reader finds the old one or the new one, whole, whatever happens meanwhile."""
        if not self.path:
            return
        try:
            self._replace(state)
        except OSError as error:
            raise AttackForgeError(f"state_file: {self.path!r} cannot be written ({error.strerror}).") from None

    def _replace(self, state):
        folder, name = os.path.split(self.path)
        descriptor, temporary = tempfile.mkstemp(prefix="." + name, dir=folder)  # only its owner can read it
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(
                    {"source": self._source, "version": _VERSION, "base_url": self._base_url, "state": state}, file
                )
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.path)
        except BaseException:
            os.unlink(temporary)
            raise
