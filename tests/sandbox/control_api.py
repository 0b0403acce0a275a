# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The control API under /_sandbox: for tests, and for a person who plays the people at the service."""

from __future__ import annotations

import json
import typing

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from . import faults, people, truth
from .faults import FaultError
from .people import ActError
from .seed import SeedError
from .state import State
from .switches import TABLE, SwitchError

PATH = "/_sandbox"
_WRONG = (ActError, FaultError, SeedError, SwitchError)


class _Json(JSONResponse):
    """JSON in ASCII, so that whatever a client has sent can be shown."""

    def render(self, content: typing.Any) -> bytes:
        return json.dumps(content).encode("ascii")


class _BadRequest(ValueError):
    """A body that is not what is expected."""


def routes(state: State) -> list[BaseRoute]:
    """The routes of the control API."""
    control = _Control(state)
    table = (
        ("switches", control.get_switches, "GET"),
        ("switches", control.put_switches, "PUT"),
        ("faults", control.get_faults, "GET"),
        ("faults", control.post_faults, "POST"),
        ("faults", control.delete_faults, "DELETE"),
        ("log", control.get_log, "GET"),
        ("log", control.delete_log, "DELETE"),
        ("books", control.get_books, "GET"),
        ("reset", control.post_reset, "POST"),
        ("act", control.post_act, "POST"),
        ("acts", control.get_acts, "GET"),
        ("acts", control.delete_acts, "DELETE"),
    )
    return [Route(f"{PATH}/{name}", _guarded(function), methods=[http]) for name, function, http in table]


def _guarded(function: typing.Callable[[typing.Any, Request], Response]) -> typing.Callable[..., typing.Any]:
    """Read the JSON body, and turn what is wrong into a 400 with its reason."""

    async def handle(request: Request) -> Response:
        try:
            # No page in somebody's browser can send this type to another origin unasked, so none can steer the sandbox.
            raw = await request.body()
            if raw and request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
                raise _BadRequest("Content-Type: application/json is expected")
            return function(json.loads(raw) if raw else None, request)
        except _WRONG as error:
            return _Json({"error": str(error)}, 400)
        except (ValueError, RecursionError) as error:
            return _Json({"error": f"the body is wrong: {error}"}, 400)

    return handle


def _object(body: typing.Any, *names: str) -> dict[str, typing.Any]:
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise _BadRequest("an object is expected")
    unknown = set(body) - set(names) if names else set()
    if unknown:
        raise _BadRequest(f"unknown key {', '.join(sorted(unknown))}")
    return body


class _Control:
    def __init__(self, state: State) -> None:
        self.state = state

    def get_switches(self, _body: typing.Any, request: Request) -> Response:
        if "describe" in request.query_params:
            return _Json(
                [
                    {
                        "name": switch.name,
                        "value": getattr(self.state.switches, switch.name),
                        "default": switch.default,
                        "choices": switch.describe_choices(),
                        "about": switch.about,
                    }
                    for switch in TABLE
                ]
            )
        return _Json(self.state.switches.as_dict())

    def put_switches(self, body: typing.Any, _request: Request) -> Response:
        self.state.switches.set(_object(body))
        return _Json(self.state.switches.as_dict())

    def get_faults(self, _body: typing.Any, _request: Request) -> Response:
        return _Json([fault.row() for fault in self.state.faults.faults])

    def post_faults(self, body: typing.Any, request: Request) -> Response:
        self.state.add_faults(faults.read(body))
        return self.get_faults(None, request)

    def delete_faults(self, _body: typing.Any, _request: Request) -> Response:
        self.state.faults.clear()
        return _Json([])

    def get_log(self, _body: typing.Any, _request: Request) -> Response:
        return _Json(self.state.journal.rows())

    def delete_log(self, _body: typing.Any, _request: Request) -> Response:
        self.state.journal.clear()
        return _Json([])

    def get_books(self, _body: typing.Any, request: Request) -> Response:
        world = self.state.world
        wanted = request.query_params.get("project_id")
        if wanted is not None:
            if wanted not in world.projects:
                return _Json({"error": f"there is no project {wanted}"}, 404)
            return _Json(truth.books_of(world, world.projects[wanted]))
        return _Json(
            {
                "projects": {name: truth.books_of(world, project) for name, project in world.projects.items()},
                "commits": [truth.deed_row(deed) for deed in world.deeds],
            }
        )

    def post_reset(self, body: typing.Any, _request: Request) -> Response:
        values = _object(body, "seed", "switches")
        self.state.reset(values.get("seed"), _object(values.get("switches")))
        self.state.journal.say("reset")
        world = self.state.world
        keys = {key.label: key.key for key in world.keys.values()}
        return _Json({"project_id": next(iter(world.projects)), "keys": keys})

    def post_act(self, body: typing.Any, _request: Request) -> Response:
        planned = self.state.plan.add(body) if isinstance(body, dict) else None
        if planned is not None:
            return _Json(planned.row())
        result = people.act(self.state.world, body)
        self.state.journal.say(f"people: {body['do']} {json.dumps(result)[:90]}")
        return _Json(result)

    def get_acts(self, _body: typing.Any, _request: Request) -> Response:
        return _Json([planned.row() for planned in self.state.plan.planned])

    def delete_acts(self, _body: typing.Any, _request: Request) -> Response:
        self.state.plan.clear()
        return _Json([])
