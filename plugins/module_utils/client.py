# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The back door: one method per API method of the service.

Every call ends in its answer, a dictionary, or in an error of ``errors.py`` that tells whether the service can have
acted on it. Only reads are sent again here. A write is sent once; who asked for it looks before it is sent again.
"""

from __future__ import annotations

import json
import random
import re
import time
from email.utils import parsedate_to_datetime
from itertools import count
from urllib.parse import quote, urlencode

from .errors import FateUnknown, NotProcessed, Refused, SSAPIError
from .redaction import hide
from .schemas import API_ROOT, WORDS, vulnerabilities_page, words_of
from .transport import Transport
from .vulnerabilities import Selection, folded

PAGE_SIZE = 500  # the most that the service gives at once
MAX_PAGES = 2000
NAMES_PER_QUERY = 50  # keeps the URL below 2,000 characters
LONGEST_WAIT = 60.0  # seconds, whatever Retry-After asks for
_EXCERPT = 200  # characters
_BEGINNING = 16 * 1024  # bytes of a body that are searched for words
_LONGEST_SPELLING = 10  # letters that one letter of the key takes at most, as services write it
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_TAG = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^<>]*>", re.DOTALL | re.IGNORECASE)


class Client:
    """The service as one user's key sees it."""

    def __init__(self, connection, tell=None):
        """``connection`` is a `Connection`; ``tell`` takes a line of progress, where somebody can read it."""
        self._connection = connection
        self._tell = tell
        self._transport = Transport(connection)
        self._without_project_id = set()  # names of API methods
        self._patient = True

    @property
    def timeout(self):
        """Seconds that one request may take, and a search for its outcome."""
        return self._connection.timeout

    # One method per API method

    def get_project(self, project_id):
        """GetProjectById: the project's record, with the history of its retest rounds."""
        return self._call("GetProjectById", "GET", f"/project/{project_id}")

    def get_project_vulnerabilities(self, project_id, **parameters):
        """GetProjectVulnerabilitiesById: one page of the project's findings."""
        path = f"/project/{project_id}/vulnerabilities"
        return self._call("GetProjectVulnerabilitiesById", "GET", path, parameters=parameters)

    def get_vulnerability(self, vulnerability_id):
        """GetVulnerabilityById: one finding with all that is told of it."""
        return self._call("GetVulnerabilityById", "GET", f"/vulnerability/{vulnerability_id}")

    def update_vulnerability(self, project_id, vulnerability_id, status):
        """UpdateVulnerabilityById: set the status."""
        path = f"/vulnerability/{vulnerability_id}"
        return self._call_of_project("UpdateVulnerabilityById", "PUT", path, project_id, {"status": status})

    def create_remediation_note(self, project_id, vulnerability_id, note, note_type):
        """CreateRemediationNote: add a note to a finding."""
        path = f"/vulnerability/{vulnerability_id}/remediationNote"
        return self._call_of_project(
            "CreateRemediationNote", "POST", path, project_id, {"note": note, "note_type": note_type}
        )

    def request_retest(self, project_id, body):
        """RequestNewProjectRetest: ask for a round."""
        path = f"/project/{project_id}/retest/request"
        return self._call("RequestNewProjectRetest", "POST", path, body=body)

    def cancel_round(self, project_id, number):
        """CancelProjectRetestRound."""
        path = "/project/%s/retest/%d/cancel" % (project_id, number)
        return self._call("CancelProjectRetestRound", "POST", path)

    def complete_round(self, project_id, number):
        """CompleteProjectRetestRound."""
        path = "/project/%s/retest/%d/complete" % (project_id, number)
        return self._call("CompleteProjectRetestRound", "POST", path)

    # What more than one call is needed for

    def find_vulnerabilities(self, project_id, ids):
        """Read the findings with these ids. Returns {id: Finding}; an id that is not seen is left out."""
        if not ids:
            return {}
        found, _missing = self.select_vulnerabilities(project_id, Selection(ids=tuple(ids)))
        return {finding.id: finding for finding in found}

    def select_vulnerabilities(self, project_id, selection, details=False):
        """Read the findings that are meant. Returns (findings, names in the selection that no finding has).

        The service filters what it can, and it is filtered again here. A tenant may refuse a query, ignore it, or match
        names otherwise than expected. So a query that is refused is done without, and a name that the query does not
        bring is looked for among all findings before it is missed.
        """
        named = selection.named()
        if not named:
            found = self._search(project_id, selection.query, selection.conditions(), details)
            return [finding for finding in found if selection.matches(finding)], []
        (field, names), *others = named
        found, missing = self._search_names(project_id, selection.query, field, names, details)
        if selection.query:
            # What is there, but left out by the query, is not missing.
            missing = self._search_names(project_id, None, field, missing)[1]
        for field, names in others:
            met = {folded(getattr(finding, field)) for finding in found}
            missing += self._search_names(project_id, None, field, [one for one in names if folded(one) not in met])[1]
        return [finding for finding in found if selection.matches(finding)], missing

    def _search_names(self, project_id, query, field, names, details=False):
        """Returns (the findings that are named so, the names that none has)."""
        found, missing = [], set(map(folded, names))
        for start in range(0, len(names), NAMES_PER_QUERY):
            chunk = list(names[start : start + NAMES_PER_QUERY])
            if not missing.isdisjoint(map(folded, chunk)):
                found += _take(self._search(project_id, query, [{field: {"$in": chunk}}], details), field, missing)
        if missing:
            found += _take(self._search(project_id, query, (), details), field, missing)
        return found, [name for name in names if folded(name) in missing]

    def _search(self, project_id, query, conditions, details):
        begun = False
        try:
            for finding in self.vulnerabilities(project_id, _joined(query, conditions), details):
                begun = True
                yield finding
        except Refused as refusal:
            if begun or not conditions or refusal.http_status not in (400, 422):
                raise
            yield from self.vulnerabilities(project_id, query, details)

    def vulnerabilities(self, project_id, query=None, details=False):
        """Read a project's findings page by page, each of them once."""
        method = "GetProjectVulnerabilitiesById"
        parameters = {"q": query} if query else {}
        seen, skip, longest = set(), 0, 0
        for _unused in range(MAX_PAGES):
            answer = self.get_project_vulnerabilities(project_id, skip=skip, limit=PAGE_SIZE, **parameters)
            findings, count = vulnerabilities_page(answer, details)
            del answer  # tens of kilobytes a record
            fresh = {finding.id: finding for finding in findings if finding.id not in seen}
            seen.update(fresh)
            yield from fresh.values()
            if findings and not fresh:
                if longest < PAGE_SIZE if count is None else count <= len(seen):
                    return  # it ignores skip, and this is all there is
                raise SSAPIError(
                    f"{method}: the service sends the same page again and again, so its findings cannot be read to the end.",
                    method=method,
                    http_status=200,
                    detail="skip=%d brought nothing new" % skip,
                )
            skip += len(findings)
            longest = max(longest, len(findings))
            if _is_last(len(findings), longest, count, skip):
                return
        raise SSAPIError(
            "%s: the findings do not end after %d pages." % (method, MAX_PAGES),
            method=method,
            http_status=200,
            detail="%d pages" % MAX_PAGES,
        )

    def glance(self, sight):
        """Look once, whatever happens. ``sight`` returns what it looks for or None.

        Returns (what was found or None, the error of the look or None).
        """
        self._patient = False
        try:
            return sight(), None
        except SSAPIError as error:
            return None, error
        finally:
            self._patient = True

    def look(self, sight):
        """Look again and again, with backoff, for as long as `timeout`. Returns what the last `glance` did."""
        deadline = time.monotonic() + self.timeout
        for attempt in count():
            found, error = self.glance(sight)
            left = deadline - time.monotonic()
            if found is not None or left <= 0:
                return found, error
            time.sleep(min(_backoff(attempt, error), left))

    def tell(self, line):
        """Say how far it is, where somebody can read it while the task runs."""
        if self._tell:
            self._tell(line)

    def attempts(self):
        """Count the attempts that `retries` allows. After `failed` it waits before the next one."""
        return Attempts(self._connection.retries)

    # The exchange

    def _call(self, method, verb, path, parameters=None, body=None):
        if verb != "GET" or not self._patient:
            return self._exchange(method, verb, path, parameters, body)
        for attempt in self.attempts():
            try:
                return self._exchange(method, verb, path, parameters, body)
            except (NotProcessed, FateUnknown) as failure:
                attempt.failed(failure)

    def _call_of_project(self, method, verb, path, project_id, body):
        """Send a write whose body documents `projectId`. Some tenants refuse it there: after a 400 or 422 it is tried
        once without, and what worked is kept in mind."""
        if method in self._without_project_id:
            return self._call(method, verb, path, body=body)
        try:
            return self._call(method, verb, path, body={"projectId": project_id, **body})
        except Refused as refusal:
            if refusal.http_status not in (400, 422):
                raise
            first = refusal
        try:
            answer = self._call(method, verb, path, body=body)
        except Refused:
            raise first from None  # so projectId was not what it refused
        except FateUnknown as loss:
            loss.message += f" With projectId it was refused: {first.message}"
            raise
        self._without_project_id.add(method)
        return answer

    def _exchange(self, method, verb, path, parameters, body):
        url = self._connection.base_url + API_ROOT + path
        if parameters:
            url += "?" + urlencode(parameters, quote_via=quote)
        data = None if body is None else json.dumps(body).encode("utf-8")
        return self._read(method, *self._transport.send(method, verb, url, data))

    # What an answer means

    def _read(self, method, status, headers, content):
        answer = _json(content)
        words = self._words(answer, content)
        facts = dict(method=method, http_status=status, detail=words)
        what = "%s: HTTP %d" % (method, status) + (f": {words}" if words else "")
        if 200 <= status < 300:
            if isinstance(answer, dict):
                for name in set(WORDS) & set(answer):  # the only texts of an answer that go into messages
                    answer[name] = hide(answer[name], self._connection.api_key)
                return answer
            raise FateUnknown(
                f"{method}: the answer is no JSON object. It begins: {words}. If this is a login page or a proxy's, correct "
                "base_url."
                if words
                else f"{method}: the answer is empty.",
                **facts,
            )
        if 300 <= status < 400:
            where = hide(headers.get("Location", "nowhere"), self._connection.api_key)[:_EXCERPT]
            raise Refused(
                f"{method}: the service redirects to {where}. That is not followed, because the key must not travel; correct "
                "base_url.",
                method=method,
                http_status=status,
                detail=f"redirect to {where}",
            )
        if status == 429:
            raise NotProcessed(
                f"{what}. The service limits the rate of requests; try later, or raise retries.",
                retry_after=_retry_after(headers),
                **facts,
            )
        if status < 200 or status >= 500 or status in (408, 425):
            raise FateUnknown("{}.".format(what.rstrip(".")), retry_after=_retry_after(headers), **facts)
        if status in (401, 403):
            raise Refused(
                "{}. Either the key is wrong or {} is not granted to it: an administrator of AttackForge grants "
                "access to the API method by method.".format(what.rstrip("."), method),
                **facts,
            )
        if status == 404:
            raise Refused(
                "{}. There is no such thing, or this key's user cannot see it; check the ids and base_url.".format(
                    what.rstrip(".")
                ),
                **facts,
            )
        raise Refused("{}.".format(what.rstrip(".")), **facts)

    def words(self, answer):
        """The service's own words in an answer, without the key; None if there are none."""
        return self._words(answer, b"")

    def _words(self, answer, content):
        key = self._connection.api_key
        words = hide(words_of(answer) or content[:_BEGINNING].decode("utf-8", "replace"), key)
        if len(content) > _BEGINNING:
            words = words[: -_LONGEST_SPELLING * len(key)]  # what the cut left of a key that it went through
        words = _TAG.sub(" ", words[: _BEGINNING // 2])
        words = " ".join("".join(letter if letter.isprintable() else " " for letter in words).split())
        return words[:_EXCERPT] + ("..." if len(words) > _EXCERPT else "") or None


class Attempts:
    """Iterate over attempts; `failed` waits for the next one, or raises the failure where it was the last."""

    def __init__(self, retries):
        self._left = retries
        self._count = 0

    def __iter__(self):
        while True:
            yield self

    def failed(self, failure):
        if self._left <= 0:
            raise failure
        self._left -= 1
        time.sleep(_backoff(self._count, failure))
        self._count += 1


def _joined(query, conditions):
    """Join a query in the service's language and conditions by and. None where there is neither."""
    parts = ([query] if query else []) + [json.dumps(part, separators=(",", ":")) for part in conditions]
    if len(parts) < 2:
        return "".join(parts) or None
    return '{{"$and":[{}]}}'.format(",".join(parts))


def _is_last(size, longest, count, read):
    """Whether a page of this size ends the reading; ``longest`` is the longest page so far, ``read`` what all hold.

    A full page may be the last one, and a short one need not be: a tenant may give less at once than is asked for. A
    count is proof only where it is more than what the page alone holds.
    """
    if size and count is not None and count > size:
        return read >= count
    return not size or size < (longest if count is None else PAGE_SIZE)


def _take(findings, field, missing):
    """Take the findings whose name is in ``missing``, and their names out of it, until none is missing."""
    taken = []
    for finding in findings:
        name = folded(getattr(finding, field))
        if name in missing:
            missing.discard(name)
            taken.append(finding)
            if not missing:
                break
    return taken


def _backoff(attempt, failure):
    """Seconds to wait: 0.5, 1, 2, 4, 8, 8, ... less a random part of up to half, or what the service asked for."""
    asked = failure.retry_after if failure is not None and failure.retry_after is not None else 0.0
    return max(asked, min(8.0, 0.5 * 2 ** min(attempt, 10)) * random.uniform(0.5, 1.0))


def _retry_after(headers):
    """Read Retry-After, seconds or a date. Returns seconds within bounds, or None."""
    text = headers.get("Retry-After", "").strip()
    try:
        seconds = (
            float(text)
            if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text)
            else (parsedate_to_datetime(text).timestamp() - time.time())
        )
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_WAIT)


def _json(content):
    try:
        answer = json.loads(content)
        return _writable(answer) if _SURROGATE.search(content) else answer
    except (ValueError, RecursionError):
        return None


def _writable(value):
    """The same without halves of characters, which JSON can hold but no result can: texts that were cut have them."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_writable(name): _writable(inner) for name, inner in value.items()}
    return [_writable(inner) for inner in value] if isinstance(value, list) else value
