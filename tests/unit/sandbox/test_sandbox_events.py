# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Events API: subscriptions, replays and their switches, over a real WebSocket."""

from __future__ import annotations

import json

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

LONGEST = 30
ALL = ("project-retest-requested", "project-retest-cancelled", "vulnerability-updated")


def opened(sandbox, key=None):
    url = sandbox.url.replace("http", "ws", 1) + "/api/ss/events"
    headers = {"X-SSAPI-KEY": sandbox.key if key is None else key}
    return connect(url, additional_headers=headers, open_timeout=LONGEST, ping_interval=None, proxy=None)


def subscribe(socket, events=ALL, **more):
    request = {"jsonrpc": "2.0", "method": "subscribe", "params": {"events": list(events), **more}, "id": "1"}
    socket.send(json.dumps(request))
    answer = json.loads(socket.recv(LONGEST))
    assert answer["id"] == "1"
    return answer


def told(socket, count):
    """The next events, without the heartbeats between them, which are answered."""
    events = []
    while len(events) < count:
        message = json.loads(socket.recv(LONGEST))
        if message["method"] == "heartbeat":
            socket.send(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": "2026-01-01T00:00:00Z"}))
        else:
            events.append(message)
    return events


def names(events):
    return [event["method"] for event in events]


def test_what_happens_is_told(sandbox):
    with opened(sandbox) as socket:
        assert subscribe(socket)["result"] == list(ALL)
        sandbox.act("request_round", ids=["WEBAPP-1", "WEBAPP-2"])
        sandbox.act("cancel_round")
        requested, cancelled = told(socket, 2)
    assert names([requested, cancelled]) == ["project-retest-requested", "project-retest-cancelled"]
    data = cancelled["params"]["data"]
    assert (data["project_id"], data["round"], data["status"]) == (sandbox.project_id, 2, "Cancelled")
    assert [item["alternate_id"] for item in data["vulnerabilities_in_scope"]] == ["WEBAPP-1", "WEBAPP-2"]
    assert set(data["cancelled_by"]) == {"user_id", "first_name", "last_name"}


def test_an_event_tells_the_dates_that_were_corrected(sandbox):
    with opened(sandbox) as socket:
        subscribe(socket, ["project-retest-completed"])
        sandbox.act("request_round", id="WEBAPP-1")
        dates = {"requested_date": "2026-01-02T00:00:00.000Z", "completed_date": "2026-01-03T00:00:00.000Z"}
        sandbox.request("PUT", f"/project/{sandbox.project_id}/retest/2", dates)
        sandbox.act("complete_round")
        (event,) = told(socket, 1)
    assert {name: event["params"]["data"][name] for name in dates} == dates


def three_rounds(sandbox):
    """Three rounds, and the times of their events."""
    with opened(sandbox) as socket:
        subscribe(socket)
        for name in ("WEBAPP-1", "WEBAPP-2", "WEBAPP-3"):
            sandbox.act("request_round", id=name)
        return [event["params"]["timestamp"] for event in told(socket, 3)]


@pytest.mark.parametrize(
    "switches, rounds",
    [
        ({}, [3, 4]),
        ({"event_replay": "exclusive"}, [4]),
        ({"event_from": "day"}, [2, 3, 4]),
        ({"event_order": "newest_first"}, [4, 3]),
    ],
)
def test_replays(sandbox, switches, rounds):
    times = three_rounds(sandbox)
    sandbox.switch(**switches)
    with opened(sandbox) as socket:
        subscribe(socket, **{"from": times[1]})
        # Heard in the order of the replay: only when it is over does the next event happen.
        found = [event["params"]["data"]["round"] for event in told(socket, len(rounds))]
        sandbox.act("cancel_round")
        assert names(told(socket, 1)) == ["project-retest-cancelled"]
    assert found == rounds


def test_many_events_are_told_in_order(sandbox):
    ids = [f"WEBAPP-{number}" for number in range(1, 11)]
    with opened(sandbox) as socket:
        subscribe(socket)
        for _turn in range(50):
            sandbox.act("mark_ready", ids=ids)
        events = told(socket, 500)
    times = [event["params"]["timestamp"] for event in events]
    assert times == sorted(set(times))


def test_a_key_needs_the_grant_of_an_event(sandbox):
    with pytest.raises(InvalidStatus) as caught, opened(sandbox, "no-such-key"):
        pass
    assert caught.value.response.status_code == 401
    with opened(sandbox, sandbox.keys["reader"]) as socket:
        assert "do not have access" in subscribe(socket)["error"]["message"]
    with opened(sandbox) as socket:
        assert subscribe(socket, ["project-painted"])["error"]["code"] == -32602
        assert subscribe(socket, [])["error"]["code"] == -32602


def test_who_answers_no_heartbeat_is_cut_off(sandbox):
    sandbox.switch(event_heartbeat=50)
    with opened(sandbox) as socket:
        subscribe(socket)
        with pytest.raises(ConnectionClosed):
            while True:
                assert json.loads(socket.recv(LONGEST))["method"] == "heartbeat"
