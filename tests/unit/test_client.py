# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client, against a server on bare sockets: what each answer, or the lack of one, is taken for."""

from __future__ import annotations

import datetime
import email.utils
import json

import pytest

from ansible_collections.attackforge.retest.plugins.module_utils import _client as client_module
from ansible_collections.attackforge.retest.plugins.module_utils._answers import history_of
from ansible_collections.attackforge.retest.plugins.module_utils._errors import (
    AttackForgeError,
    FateUnknown,
    NotProcessed,
    Refused,
    UnexpectedAnswer,
)
from ansible_collections.attackforge.retest.plugins.module_utils._http import USER_AGENT
from ansible_collections.attackforge.retest.plugins.module_utils._play_watch import PlayWatch
from ansible_collections.attackforge.retest.plugins.module_utils._search import find_vulnerabilities
from ansible_collections.attackforge.retest.tests.unit.wire import (
    BODY,
    KEY,
    PROJECT,
    Server,
    answer,
    client,
    clock,
    failure,
    raw,
    read,
    reply,
    reset,
    write,
)

__all__ = ["clock"]

A = "a" * 24
HTML = b"<html><head><title>Log in</title><style>p {}</style></head><body><p>Please log in</p></body></html>"

CALLS = [
    (read, "GetProjectById"),
    (write, "RequestNewProjectRetest"),
    (lambda one: one.cancel_round(PROJECT, 2), "CancelProjectRetestRound"),
    (lambda one: one.complete_round(PROJECT, 2), "CompleteProjectRetestRound"),
    (lambda one: one.update_round(PROJECT, 2, {"requested_date": "x"}), "UpdateProjectRetestRound"),
    (lambda one: one.get_projects(skip=0, limit=5, q='{ a: "&b" }'), "GetProjects"),
    (lambda one: one.get_project_vulnerabilities(PROJECT, skip=0), "GetProjectVulnerabilitiesById"),
    (lambda one: one.get_vulnerabilities(limit=5), "GetVulnerabilities"),
    (lambda one: one.get_vulnerability(A), "GetVulnerabilityById"),
    (lambda one: one.get_revision_history(A), "GetVulnerabilityRevisionHistory"),
]
CALL = {method: call for call, method in CALLS}
every_call = pytest.mark.parametrize("call, method", CALLS, ids=[method for _unused, method in CALLS])


# What is sent


def test_a_call_is_sent_as_the_service_documents_it():
    with Server(answer(200, {"status": "ok"})) as server:
        write(client(server.url + "/prefix"))
    (sent,) = server.requests
    assert (sent.verb, sent.target) == ("POST", f"/prefix/api/ss/project/{PROJECT}/retest/request")
    assert sent.headers["x-ssapi-key"] == KEY
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["user-agent"] == USER_AGENT
    assert json.loads(sent.body) == BODY
    assert "authorization" not in sent.headers and "cookie" not in sent.headers


@pytest.mark.parametrize(
    "method, verb, target",
    [
        ("GetProjectById", "GET", f"/project/{PROJECT}"),
        ("CancelProjectRetestRound", "POST", f"/project/{PROJECT}/retest/2/cancel"),
        ("CompleteProjectRetestRound", "POST", f"/project/{PROJECT}/retest/2/complete"),
        ("GetProjects", "GET", "/projects?skip=0&limit=5&q=%7B%20a%3A%20%22%26b%22%20%7D"),
        ("GetProjectVulnerabilitiesById", "GET", f"/project/{PROJECT}/vulnerabilities?skip=0"),
        ("GetVulnerabilities", "GET", "/vulnerabilities?limit=5"),
        ("GetVulnerabilityById", "GET", f"/vulnerability/{A}"),
        ("GetVulnerabilityRevisionHistory", "GET", f"/vulnerability/{A}/revision-history"),
    ],
)
def test_what_has_no_body_is_sent_without_one(method, verb, target):
    target = f"/api/ss{target}"
    with Server() as server:
        CALL[method](client(server.url))
    assert [(one.verb, one.target, one.body) for one in server.requests] == [(verb, target, b"")]


# What an answer is taken for


@every_call
@pytest.mark.parametrize(
    "status, kind",
    [
        (400, Refused),
        (401, Refused),
        (403, Refused),
        (404, Refused),
        (405, Refused),
        (409, Refused),
        (422, Refused),
        (408, FateUnknown),
        (425, FateUnknown),
        (429, NotProcessed),
        (500, FateUnknown),
        (502, FateUnknown),
        (503, FateUnknown),
        (504, FateUnknown),
        (599, FateUnknown),
    ],
)
def test_each_status_has_its_meaning_and_the_words_are_kept(call, method, status, kind):
    with Server(answer(status, {"message": "Words of the service"})) as server:
        error = failure(client(server.url), call, kind)
    assert error.__class__ is kind
    assert (error.method, error.http_status, error.detail) == (method, status, "Words of the service")
    assert error.facts["error"] == {"method": method, "http_status": status, "detail": "Words of the service"}
    for text in (method, str(status), "Words of the service"):
        assert text in str(error)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_no_access_names_the_method_that_may_not_be_granted(status):
    with Server(answer(status, b"")) as server:
        error = failure(client(server.url), write, Refused)
    assert "RequestNewProjectRetest is not granted" in str(error) and "key is wrong" in str(error)
    assert "access level or role in the project" in str(error)


@pytest.mark.parametrize(
    "body, words",
    [
        ({"message": "m", "error": "e", "detail": "d", "status": "s"}, "m"),
        ({"error": "e", "detail": "d"}, "e"),
        ({"detail": "d", "status": "s"}, "d"),
        ({"status": "s"}, "s"),
        ({"error": {"message": "inner"}}, "inner"),
        ({"message": "", "status": " s "}, "s"),
        ("text in JSON", "text in JSON"),
        ({"message": ["no text"], "status": "s"}, "s"),
        ({"message": 5, "error": False, "status": "s"}, "s"),
        (b"plain text", "plain text"),
        (b"two\r\n  lines\x00\x1b[31m", "two lines [31m"),
        (b"", None),
        (HTML, "Log in Please log in"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        ({"other": 1}, '{"other": 1}'),
    ],
)
def test_the_services_words_are_found(body, words):
    with Server(answer(400, body)) as server:
        assert failure(client(server.url), read, Refused).detail == words


def test_long_words_are_cut():
    with Server(answer(400, {"message": "word " * 1000})) as server:
        assert len(failure(client(server.url), read, Refused).detail) < 300


@pytest.mark.parametrize(
    "body",
    [b"<" * 60000, b"<script" * 9000, b"<a" * 30000, b"<script>" * 8000 + b"</style>", b"<style>" * 9000],
    ids=["brackets", "scripts", "tags", "mixed", "styles"],
)
def test_no_body_takes_long_to_be_told(body):
    with Server(answer(500, body)) as server:
        assert len(failure(client(server.url), read, FateUnknown).message) < 500


@every_call
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"OK",
        b"[]",
        b"null",
        b"17",
        b'"text"',
        b'{"status": "cut',
        b"\xff\x00garbage",
        HTML,
        b"[" * 100000 + b"]" * 100000,
        b'{"a":' * 100000 + b"1" + b"}" * 100000,
    ],
    ids=[
        "nothing",
        "blanks",
        "text",
        "list",
        "null",
        "number",
        "string",
        "cut",
        "bytes",
        "html",
        "deep list",
        "deep dict",
    ],
)
def test_a_2xx_without_a_json_object_is_fate_unknown(call, method, body):
    with Server(answer(200, body)) as server:
        error = failure(client(server.url), call, FateUnknown)
    assert (error.method, error.http_status) == (method, 200)
    assert len(server.requests) == 1


def update(one):
    return one.update_vulnerability(PROJECT, A, "Retest")


def add_note(one):
    return one.create_remediation_note(PROJECT, A, "Fixed.", "RICHTEXT")


PROJECT_WRITES = [
    (update, "PUT", f"/api/ss/vulnerability/{A}", {"status": "Retest"}),
    (add_note, "POST", f"/api/ss/vulnerability/{A}/remediationNote", {"note": "Fixed.", "note_type": "RICHTEXT"}),
    (CALL["UpdateProjectRetestRound"], "PUT", f"/api/ss/project/{PROJECT}/retest/2", {"requested_date": "x"}),
]


@pytest.mark.parametrize("call, verb, target, body", PROJECT_WRITES)
def test_a_write_is_sent_with_its_body(call, verb, target, body):
    with Server() as server:
        call(client(server.url))
    (sent,) = server.requests
    assert (sent.verb, sent.target) == (verb, target)
    project = {} if "/project/" in target else {"projectId": PROJECT}
    assert json.loads(sent.body) == {**project, **body}


@pytest.mark.parametrize("status", [400, 422, 409])
def test_a_tenant_that_rejects_project_id_is_asked_without_it_and_that_is_remembered(status):
    def decide(request):
        return (status, {"message": "no projectId"}) if b"projectId" in request.body else (200, {"status": "ok"})

    with Server(reply(decide)) as server:
        one = client(server.url)
        assert update(one) == update(one) == {"status": "ok"}
        assert len(server.requests) == 3
        assert add_note(one) == {"status": "ok"}  # another method may take it
        assert len(server.requests) == 5
    assert [b"projectId" in sent.body for sent in server.requests] == [True, False, False, True, False]


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500])
def test_any_other_error_is_not_for_the_project_id(status):
    with Server(answer(status, b"")) as server:
        assert failure(client(server.url), update).http_status == status
    assert len(server.requests) == 1


def test_a_rejection_that_has_nothing_to_do_with_project_id_is_told():
    def decide(request):
        return 400, {"message": "The finding is locked" if b"projectId" in request.body else "projectId is required"}

    with Server(reply(decide)) as server:
        error = failure(client(server.url), lambda one: one.update_vulnerability(PROJECT, "a" * 24, "Retest"))
    assert "The finding is locked" in str(error) and len(server.requests) == 2


def test_a_204_is_fate_unknown():
    with Server(raw(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")) as server:
        assert failure(client(server.url), write, FateUnknown).http_status == 204


def test_a_2xx_with_json_is_the_answer_whatever_its_content_type():
    with Server(answer(201, {"status": "ok"}, [("Content-Type", "text/html")])) as server:
        assert write(client(server.url)) == {"status": "ok"}


@every_call
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_and_not_followed(call, method, status):
    with Server() as elsewhere, Server() as server:
        server._script[:] = [answer(status, b"", [("Location", elsewhere.url + "/api/ss")])]
        error = failure(client(server.url), call, Refused)
        assert elsewhere.url in str(error) and error.http_status == status and error.method == method
        assert elsewhere.connections == 0 and len(server.requests) == 1


def test_a_redirect_to_nowhere_or_with_the_key_is_refused_too():
    for location in ([], [("Location", "/?key=" + KEY)], [("Location", "\xe9" * 9000)], [("Location", "http://[")]):
        with Server(answer(302, b"", location)) as server:
            assert len(str(failure(client(server.url), read, Refused))) < 600


# What is sent again


@pytest.mark.parametrize(
    "actions", [[answer(429, b""), answer(503, b""), reset()], [raw(), answer(500, HTML), answer(200, HTML)]]
)
def test_a_read_is_sent_again_until_it_is_answered(actions, clock):
    with Server(*actions, answer(200, {"project": {}})) as server:
        assert read(client(server.url, retries=3)) == {"project": {}}
    assert len(server.requests) == 4 and clock == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("retries", [0, 1, 4])
def test_a_read_is_sent_retries_times_again(retries):
    with Server(answer(503, b"")) as server:
        failure(client(server.url, retries=retries), read, FateUnknown)
    assert len(server.requests) == retries + 1


def test_a_refusal_is_not_sent_again():
    with Server(answer(403, b"")) as server:
        failure(client(server.url, retries=4), read, Refused)
    assert len(server.requests) == 1


@pytest.mark.parametrize("action", [answer(429, b""), answer(503, b""), reset(), answer(200, HTML)])
@pytest.mark.parametrize("call", [write, CALL["CancelProjectRetestRound"], CALL["CompleteProjectRetestRound"]])
def test_a_write_is_sent_once(action, call):
    with Server(action) as server:
        failure(client(server.url, retries=4), call)
    assert len(server.requests) == 1


def test_the_pauses_grow_to_eight_seconds(clock):
    with Server(answer(503, b"")) as server:
        failure(client(server.url, retries=7), read, FateUnknown)
    assert clock == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


def http_date(**later):
    return email.utils.format_datetime(
        datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**later), usegmt=True
    )


@pytest.mark.parametrize(
    "asked, low, high",
    [
        ("7", 7, 7),
        ("1.5", 1.5, 1.5),
        ("99999", 60, 60),
        ("9" * 400, 60, 60),
        ({"hours": 1}, 60, 60),
        ({"seconds": 55}, 5, 55),  # a date so much later
        # Nonsense counts as nothing, and nothing makes the pause shorter than it would be.
        ("soon", 0.5, 0.5),
        ("-5", 0.5, 0.5),
        ("", 0.5, 0.5),
        ("nan", 0.5, 0.5),
        ("inf", 0.5, 0.5),
        ("1e9", 0.5, 0.5),
        ("Wed, 99 Foo 2026 99:99:99 GMT", 0.5, 0.5),
        ("0", 0.1, 0.5),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.1, 0.5),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured_within_bounds(clock, asked, low, high, status):
    asked = http_date(**asked) if isinstance(asked, dict) else asked
    with Server(answer(status, b"", [("Retry-After", asked)]), answer()) as server:
        read(client(server.url, retries=1))
    assert len(clock) == 1 and low <= clock[0] <= high


def test_a_check_is_sent_once():
    with Server(answer(503, b"")) as server:
        found, error = client(server.url, retries=4).check_once(read)
    assert found is None and isinstance(error, FateUnknown) and len(server.requests) == 1


# The key


def echoes():
    import html as html_module
    from urllib.parse import quote, quote_plus

    return {
        "raw": KEY,
        "url": quote(KEY, safe=""),
        "form": quote_plus(KEY),
        "html": html_module.escape(KEY),
        "json": json.dumps(KEY)[1:-1],
    }


@pytest.mark.parametrize("kind", ["raw", "url", "form", "html", "json"])
@pytest.mark.parametrize("status", [200, 302, 400, 403, 429, 500])
@pytest.mark.parametrize("shape", ["message", "text", "html", "other key"])
def test_an_echoed_key_is_in_no_error(kind, status, shape):
    echo = echoes()[kind]
    body = {
        "message": json.dumps({"message": f"key {echo} is bad"}),
        "text": f"key {echo} is bad",
        "html": f"<p>key {echo} is bad</p>",
        "other key": json.dumps({"reason": f"key {echo} is bad"}),
    }[shape].encode("utf-8")
    body = b"[%s]" % body if status == 200 and shape in ("message", "other key") else body
    with Server(answer(status, body, [("Location", "/?" + echo)])) as server:
        error = failure(client(server.url), write)
    told = str(error) + repr(error.facts) + str(error.detail)
    assert echo not in told
    # Nor a part of it: tags are taken out of a text, not out of the key.
    assert "yet%41" not in told and "k3y/with" not in told


@pytest.mark.parametrize(
    "call", [lambda one: history_of(read(one)), lambda one: find_vulnerabilities(one, PROJECT, ["a" * 24])]
)
@pytest.mark.parametrize(
    "body",
    [
        {"message": f"key {KEY} is bad"},
        {"status": KEY, "vulnerabilities": 5, "project": 5},
        {"vulnerabilities": 5, "project": 5, "error": {"details": [{"path": ["x"], "info": KEY}]}},
        {"vulnerabilities": 5, "project": 5, "details": [{"path": ["x"], "info": KEY}]},
        {"vulnerabilities": [{"vulnerability_id": 5}], "detail": KEY, "project": {"project_retesting_history": KEY}},
        {
            "vulnerabilities": KEY,
            "project": {"project_retesting_history": [{"retesting_round": KEY, "retesting_round_status": "Requested"}]},
        },
    ],
)
def test_an_echoed_key_is_in_no_unexpected_answer(call, body):
    with Server(answer(200, body)) as server:
        failure(client(server.url), call, UnexpectedAnswer)


def test_an_unexpected_answer_is_told_shortly():
    with Server(answer(200, {"message": "word " * 10000})) as server:
        assert len(str(failure(client(server.url), lambda one: find_vulnerabilities(one, PROJECT, ["a" * 24])))) < 1000


def test_words_of_an_answer_are_without_the_key():
    one = client("https://tenant.example")
    assert KEY not in one.words({"status": f"Done with {KEY}"})
    assert one.words({"status": "Done"}) == "Done"
    assert one.words({}) is None


# The search


def test_polling_stops_at_timeout_and_returns_the_last_error(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(client_module, "monotonic", lambda: now[0])
    monkeypatch.setattr(PlayWatch, "sleep", lambda _watch, seconds: now.__setitem__(0, now[0] + seconds))
    checks = []

    def check(_client):
        checks.append(now[0])
        raise FateUnknown("lost", method="GetProjectById")

    found, error = client("https://tenant.example", timeout=20.0).poll(check)
    assert found is None and error.message == "lost"
    assert 4 < len(checks) < 12 and checks[-1] <= 20


def test_polling_returns_what_is_found():
    found = iter([None, None, "round"])
    assert client("https://tenant.example").poll(lambda _client: next(found)) == ("round", None)


def test_polling_lets_other_errors_through():
    def check(_client):
        raise AttackForgeError("a defect")

    with pytest.raises(AttackForgeError, match="a defect"):
        client("https://tenant.example").poll(check)


# What an answer may hold that no result can


@pytest.mark.parametrize(
    "text, told",
    [('"cut \\ud83d"', "cut ?"), ('"\\udc00\\ud800 both"', "?? both"), ('"whole \\ud83d\\ude00"', "whole \U0001f600")],
)
def test_half_a_character_is_replaced(text, told):
    body = b'{"status": %s, "more": [{%s: %s}]}' % ((text.encode("ascii"),) * 3)
    with Server(answer(200, body)) as server:
        assert write(client(server.url)) == {"status": told, "more": [{told: told}]}


@pytest.mark.parametrize("depth", [90, 500, 900])  # how much deeper Python itself reads depends on its version
def test_words_that_are_nested_deeply_are_no_reason_to_stumble(depth):
    body = b'{"message": %s"x"%s, "status": "ok"}' % (b"[" * depth, b"]" * depth)
    with Server(answer(200, body)) as server:
        assert write(client(server.url))["status"] == "ok"


@pytest.mark.parametrize("fill", range(0, 40, 3))
def test_a_body_that_is_cut_within_the_key_does_not_tell_its_first_half(fill):
    key = "0123456789abcdefghijklmnopqrstuvwxyz"
    body = b"<" + key.encode() * 454 + b"x" * fill + b">" + key.encode() * 9
    with Server(answer(400, body)) as server:
        one = client(server.url, key=key)
        assert "0123456789" not in str(failure(one, write, Refused))


def test_a_refusal_before_a_lost_answer_is_told_too():
    with Server(answer(400, {"message": "the note is too long"}), answer(500, {"message": "oh"})) as server:
        error = failure(
            client(server.url), lambda one: one.update_vulnerability(PROJECT, "a" * 24, "Retest"), FateUnknown
        )
    assert "HTTP 500: oh" in error.message and "the note is too long" in error.message and len(server.requests) == 2
