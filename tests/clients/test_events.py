# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Events API heard through another WebSocket library, as the vendor's clients hear it.

Those subscribe with JSON-RPC and an id of their own, answer each heartbeat with the time, keep the timestamp of the
last event, and say it as ``from`` when they come back.
"""

from __future__ import annotations

import datetime
import json
import typing
import uuid

import pytest
import websocket

from tests.sandbox.control import Sandbox

EVENTS = ["project-retest-requested", "project-retest-completed", "project-retest-cancelled", "vulnerability-updated"]
LONGEST = 30
Message = dict[str, typing.Any]


class Listener:
    """A client as the vendor's: it keeps ``last``, the timestamp of the last event, from one connection to the next."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._url = sandbox.url.replace("http", "ws", 1) + "/api/ss/events"
        self._key = sandbox.key
        self.last: str | None = None
        self.heartbeats = 0

    def connect(self, key: str | None = None) -> None:
        """Open a connection."""
        self._socket = websocket.create_connection(
            self._url, timeout=LONGEST, header={"X-SSAPI-KEY": key or self._key}, http_no_proxy=["*"]
        )

    def close(self) -> None:
        """Go away without a word, as a process that ends."""
        self._socket.shutdown()

    def subscribe(self, events: list[str] | None = None) -> Message:
        """Subscribe, from the last event on if there was one, and return the answer."""
        parameters: Message = {"events": events or EVENTS}
        if self.last is not None:
            parameters["from"] = self.last
        name = str(uuid.uuid4())
        self._send({"jsonrpc": "2.0", "method": "subscribe", "params": parameters, "id": name})
        answer = self._receive()
        assert answer["id"] == name
        return answer

    def next(self) -> Message:
        """The next event. Heartbeats before it are answered."""
        while True:
            message = self._receive()
            if message["method"] != "heartbeat":
                assert "id" not in message
                self.last = message["params"]["timestamp"]
                return message
            self.beat(message)

    def beat(self, message: Message | None = None) -> None:
        """Answer a heartbeat, the next one if none is given. The time has a local offset, as in one of the clients."""
        message = self._receive() if message is None else message
        assert message["method"] == "heartbeat"
        now = datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=-5)))
        self._send({"jsonrpc": "2.0", "result": now.isoformat(), "id": message["id"]})
        self.heartbeats += 1

    def _send(self, message: Message) -> None:
        self._socket.send(json.dumps(message))

    def _receive(self) -> Message:
        document = json.loads(self._socket.recv())
        assert document["jsonrpc"] == "2.0"
        return dict(document)


def test_events_are_heard(sandbox: Sandbox) -> None:
    listener = Listener(sandbox)
    listener.connect()
    assert listener.subscribe()["result"] == EVENTS
    sandbox.act("request_round", ids=["WEBAPP-1"])
    sandbox.act("complete_round")
    events = [listener.next(), listener.next()]
    assert [event["method"] for event in events] == EVENTS[:2]
    assert events[1]["params"]["data"]["project_id"] == sandbox.project_id
    listener.close()


def test_heartbeats_keep_a_connection(sandbox: Sandbox) -> None:
    listener = Listener(sandbox)
    listener.connect()
    listener.subscribe()
    # Without an answer the third heartbeat would not come.
    for _beat in range(5):
        listener.beat()
    sandbox.act("close", id="WEBAPP-1")
    assert listener.next()["method"] == "vulnerability-updated"
    listener.close()


@pytest.mark.parametrize("replay, repeated", [("inclusive", True), ("exclusive", False)])
def test_what_was_missed_is_told_after_a_reconnect(sandbox: Sandbox, replay: str, repeated: bool) -> None:
    sandbox.switch(event_replay=replay)
    listener = Listener(sandbox)
    listener.connect()
    listener.subscribe()
    sandbox.act("close", id="WEBAPP-1")
    first = listener.next()
    listener.close()
    sandbox.act("request_round", ids=["WEBAPP-2"])
    sandbox.act("cancel_round")
    listener.connect()
    listener.subscribe()
    found = [listener.next() for _event in range(3 if repeated else 2)]
    assert [event["method"] for event in found[-2:]] == [EVENTS[0], EVENTS[2]]
    if repeated:
        assert found[0] == first
    listener.close()


def test_refusals(sandbox: Sandbox) -> None:
    listener = Listener(sandbox)
    with pytest.raises(websocket.WebSocketBadStatusException) as caught:
        listener.connect("no-such-key-1")
    assert caught.value.status_code == 401
    listener.connect(sandbox.keys["reader"])
    assert "do not have access" in listener.subscribe()["error"]["message"]
    listener.close()
    listener.connect()
    assert "Unknown event" in listener.subscribe(["no-such-event"])["error"]["message"]
    listener.close()
