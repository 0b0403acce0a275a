# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything that can go wrong, in one small tree.

Logic raises these; ``module.py`` alone turns them into a result. ``facts`` are further keys of that result.
"""

from __future__ import annotations


class AttackForgeError(Exception):
    """The root: a text for people, its `message`, and facts for plays."""

    def __init__(self, text, /, **facts):
        super().__init__(text)
        self.message = text
        self.facts = facts


class OptionsError(AttackForgeError):
    """What was asked for cannot be meant: every mistake in the arguments, found before anything was sent."""

    def __init__(self, mistakes):
        self.mistakes = list(mistakes)
        if len(self.mistakes) == 1:
            message = "{}. Nothing was sent.".format(self.mistakes[0].rstrip("."))
        else:
            lines = "".join(f"\n- {mistake}" for mistake in self.mistakes)
            message = "There are %d mistakes in the arguments, nothing was sent:%s" % (len(self.mistakes), lines)
        super().__init__(message)


class StateError(AttackForgeError):
    """The world is not as the wish needs it: a finding is not ready, a round is finished, a scope is short."""


class SSAPIError(AttackForgeError):
    """A call of the service went wrong.

    ``method`` is the API method's name, ``http_status`` the code or None, ``detail`` the service's own words or
    what the network said, without the key. ``retry_after`` is what the service asked for, in seconds, or None.
    """

    def __init__(self, text, /, method, http_status=None, detail=None, retry_after=None, **facts):
        error = {"method": method, "http_status": http_status, "detail": detail}
        super().__init__(text, error=error, **facts)
        self.method = method
        self.http_status = http_status
        self.detail = detail
        self.retry_after = retry_after


class NotProcessed(SSAPIError):
    """The service surely did not act on it: no connection, or turned away by a rate limit. It may be sent again."""


class FateUnknown(SSAPIError):
    """The service may have acted on it or not: a timeout, a cut connection, a 5xx, an answer that is not readable."""


class Refused(SSAPIError):
    """The service, or what stands before it, said no. Sending it again would bring the same answer."""


class UnexpectedAnswer(SSAPIError):
    """An answer in JSON that is not what the service documents. The message names the key that is wrong."""


def rerun_remedy(error):
    """What to do about the rest of a work that an error has stopped in the middle."""
    if isinstance(error, Refused):
        return "When that is mended, running the play again does the rest."
    return "Running the play again does the rest."
