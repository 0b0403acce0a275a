# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""The client: one method for each API method of the service.

Every call ends in its answer, a dictionary, or in an error of ``_errors.py`` that says whether the service can have
acted. Reads are retried here. A write is sent once; whoever asked for it reads before it is sent again.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from itertools import count
from time import monotonic
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from ._connection import API_ROOT, Connection
from ._errors import FateUnknown, Refused, SSAPIError
from ._http import Http, Reply
from ._http_rules import EXCERPT, WORDS, backoff, error_of, is_rejection, retry_after_of, words_of
from ._pace import Pace
from ._play_watch import PlayWatch
from ._redaction import LONGEST_SPELLING, mask
from ._retry import RETRIED_WRITE, Attempt, attempts

_BEGINNING = 16 * 1024  # bytes of a body that are searched for words
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_TAG = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^<>]*>", re.DOTALL | re.IGNORECASE)

Answer = dict[str, Any]
T = TypeVar("T")


class Client:
    """The service as the user of one key sees it."""

    def __init__(
        self,
        connection: Connection,
        watch: PlayWatch | None = None,
        progress: Callable[[str], None] | None = None,
        pace: Pace | None = None,
    ) -> None:
        """``watch`` says whether the play still runs; ``progress`` takes a line where somebody can read it; ``pace`` is
        what several clients at once share."""
        self.watch = watch or PlayWatch()
        self._connection = connection
        self._progress = progress
        self._pace = pace
        self._http = Http(connection, self.watch)
        self._retries = connection.retries
        # What was learned of this tenant, kept for the rest of the task.
        self.learned: dict[str, Any] = {}

    @property
    def timeout(self) -> float:
        """Seconds that one request may take, and a search for its outcome."""
        return self._connection.timeout

    def worker(self, watch: PlayWatch, pace: Pace) -> Client:
        """Another client for the same key, for a thread of its own, that shares what was learned of the tenant."""
        other = Client(self._connection, watch, pace=pace)
        other.learned = self.learned
        return other

    # One method for each API method

    def get_project(self, project_id: str) -> Answer:
        """GetProjectById: the project's record, with the history of its retest rounds."""
        return self._call("GetProjectById", "GET", f"/project/{project_id}")

    def get_projects(self, **parameters: Any) -> Answer:
        """GetProjects: one page of the projects that the key's user can access."""
        return self._call("GetProjects", "GET", "/projects", parameters)

    def get_project_vulnerabilities(self, project_id: str, **parameters: Any) -> Answer:
        """GetProjectVulnerabilitiesById: one page of the project's findings."""
        return self._call("GetProjectVulnerabilitiesById", "GET", f"/project/{project_id}/vulnerabilities", parameters)

    def get_vulnerabilities(self, **parameters: Any) -> Answer:
        """GetVulnerabilities: one page of the findings of all projects that the key's user can see."""
        return self._call("GetVulnerabilities", "GET", "/vulnerabilities", parameters)

    def get_vulnerability(self, vulnerability_id: str) -> Answer:
        """GetVulnerabilityById: one finding with its whole record."""
        return self._call("GetVulnerabilityById", "GET", f"/vulnerability/{vulnerability_id}")

    def get_revision_history(self, vulnerability_id: str) -> Answer:
        """GetVulnerabilityRevisionHistory: who changed which field of a finding, and when."""
        return self._call(
            "GetVulnerabilityRevisionHistory", "GET", f"/vulnerability/{vulnerability_id}/revision-history"
        )

    def update_vulnerability(self, project_id: str, vulnerability_id: str, status: str) -> Answer:
        """UpdateVulnerabilityById: set the status."""
        path = f"/vulnerability/{vulnerability_id}"
        return self._call_with_project("UpdateVulnerabilityById", "PUT", path, project_id, {"status": status})

    def create_remediation_note(self, project_id: str, vulnerability_id: str, note: str, note_type: str) -> Answer:
        """CreateRemediationNote: add a note to a finding."""
        path = f"/vulnerability/{vulnerability_id}/remediationNote"
        body = {"note": note, "note_type": note_type}
        return self._call_with_project("CreateRemediationNote", "POST", path, project_id, body)

    def request_retest(self, project_id: str, body: dict[str, Any]) -> Answer:
        """RequestNewProjectRetest: request a round."""
        return self._call("RequestNewProjectRetest", "POST", f"/project/{project_id}/retest/request", body=body)

    def cancel_round(self, project_id: str, number: int) -> Answer:
        """CancelProjectRetestRound."""
        return self._call("CancelProjectRetestRound", "POST", f"/project/{project_id}/retest/{number}/cancel")

    def complete_round(self, project_id: str, number: int) -> Answer:
        """CompleteProjectRetestRound."""
        return self._call("CompleteProjectRetestRound", "POST", f"/project/{project_id}/retest/{number}/complete")

    def update_round(self, project_id: str, number: int, body: dict[str, Any]) -> Answer:
        """UpdateProjectRetestRound: set the dates of a round."""
        return self._call("UpdateProjectRetestRound", "PUT", f"/project/{project_id}/retest/{number}", body=body)

    # Polling and progress

    def check_once(self, check: Callable[[Client], T | None]) -> tuple[T | None, SSAPIError | None]:
        """Read once, without retries. ``check`` takes a client, and returns what it looks for or None.

        Returns (what was found or None, the error of the read or None).
        """
        client = copy.copy(self)
        client._retries = 0
        try:
            return check(client), None
        except SSAPIError as error:
            return None, error

    def poll(self, check: Callable[[Client], T | None]) -> tuple[T | None, SSAPIError | None]:
        """Read again and again, with backoff, for as long as `timeout`. Returns what the last `check_once` did."""
        deadline = monotonic() + self.timeout
        for attempt in count():
            found, error = self.check_once(check)
            left = deadline - monotonic()
            if found is not None or left <= 0:
                return found, error
            pause = backoff(attempt, error.retry_after if error else None, jitter=1.0)
            self.watch.sleep(min(pause, left))
        raise AssertionError("count() does not end")

    def attempts(self, on: tuple[type[SSAPIError], ...] = RETRIED_WRITE) -> Iterator[Attempt]:
        """Attempts of a write. It may be sent again only if it certainly was not processed, unless ``on`` says more."""
        return attempts(self._connection.retries, on, self.watch.sleep)

    def progress(self, line: str) -> None:
        """Report progress where somebody can read it while the task runs."""
        if self._progress:
            self._progress(line)

    # The exchange

    def _call(
        self,
        method: str,
        verb: str,
        path: str,
        parameters: dict[str, Any] | None = None,
        body: dict[str, Any] | None = None,
    ) -> Answer:
        url = self._connection.base_url + API_ROOT + path
        if parameters:
            url += "?" + urlencode(parameters, quote_via=quote, doseq=True)
        data = None if body is None else json.dumps(body).encode("utf-8")
        for attempt in attempts(self._retries if verb == "GET" else 0, pause=self.watch.sleep):
            with attempt:
                return self._exchange(method, verb, url, data)
        raise AssertionError("the last attempt returns or raises")

    def _exchange(self, method: str, verb: str, url: str, data: bytes | None) -> Answer:
        if self._pace is None:
            return self._answer(method, self._http.send(method, verb, url, data))
        with self._pace.turn():
            reply = self._http.send(method, verb, url, data)
        self._pace.note(reply.status, retry_after_of(reply.headers.get("Retry-After")))
        return self._answer(method, reply)

    def _call_with_project(self, method: str, verb: str, path: str, project_id: str, body: dict[str, Any]) -> Answer:
        """Send a write whose body documents `projectId`. Some tenants reject it there: then it is sent once without,
        and what worked is remembered."""
        without_project_id = self.learned.setdefault("without projectId", set())
        if method in without_project_id:
            return self._call(method, verb, path, body=body)
        try:
            return self._call(method, verb, path, body={"projectId": project_id, **body})
        except Refused as refusal:
            if not is_rejection(refusal):
                raise
            first = refusal
        try:
            answer = self._call(method, verb, path, body=body)
        except Refused:
            raise first from None  # so projectId was not what it rejected
        except FateUnknown as failure:
            failure.message += f" With projectId it was rejected: {first.message}"
            raise
        without_project_id.add(method)
        return answer

    # What an answer means

    def _answer(self, method: str, reply: Reply) -> Answer:
        answer = _json(reply.content)
        if 200 <= reply.status < 300 and isinstance(answer, dict):
            for name in set(WORDS) & set(answer):  # the only texts of an answer that go into messages
                answer[name] = mask(answer[name], self._connection.api_key)
            return answer
        words = self._words_of(answer, reply.content)
        facts: dict[str, Any] = dict(method=method, http_status=reply.status, detail=words)
        if 300 <= reply.status < 400:
            where = mask(reply.headers.get("Location", "nowhere"), self._connection.api_key)[:EXCERPT]
            raise Refused(
                f"{method}: the service redirects to {where}. That is not followed, because the key must not travel; "
                "correct base_url.",
                **{**facts, "detail": f"redirect to {where}"},
            )
        if not 200 <= reply.status < 300:
            raise error_of(method, reply.status, words, retry_after_of(reply.headers.get("Retry-After")))
        if not words:
            raise FateUnknown(f"{method}: the answer is empty.", **facts)
        raise FateUnknown(
            f"{method}: the answer is not a JSON object. It begins: {words}. If this is a login page or a proxy's "
            "page, correct base_url.",
            **facts,
        )

    def words(self, answer: Answer) -> str | None:
        """The service's own words in an answer, without the key; None if there are none."""
        return self._words_of(answer, b"")

    def _words_of(self, answer: Any, content: bytes | bytearray) -> str | None:
        key = self._connection.api_key
        words = mask(words_of(answer) or bytes(content[:_BEGINNING]).decode("utf-8", "replace"), key)
        if len(content) > _BEGINNING:
            words = words[: -LONGEST_SPELLING * len(key)]  # the cut may have gone through the key
        words = _TAG.sub(" ", words[: _BEGINNING // 2])
        words = " ".join("".join(letter if letter.isprintable() else " " for letter in words).split())
        return words[:EXCERPT] + ("..." if len(words) > EXCERPT else "") or None


def _json(content: bytes | bytearray) -> Any:
    try:
        answer = json.loads(content)
        return _writable(answer) if _SURROGATE.search(content) else answer
    except (ValueError, RecursionError):
        return None


def _writable(value: Any) -> Any:
    """The same without halves of characters, which JSON can hold but no result can: texts that were cut have them."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_writable(name): _writable(inner) for name, inner in value.items()}
    return [_writable(inner) for inner in value] if isinstance(value, list) else value
