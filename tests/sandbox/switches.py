# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What nobody knows of the service, as switches: each UNKNOWN has every possibility that a client must tolerate."""

from __future__ import annotations

import dataclasses
import textwrap
import typing


class SwitchError(ValueError):
    """A switch that does not exist, or a value that it does not have."""


@dataclasses.dataclass(frozen=True)
class Switch:
    """One thing the documentation leaves open. ``choices`` is a tuple of words, or a range of whole numbers."""

    name: str
    default: str | int
    choices: tuple[str, ...] | range
    about: str

    def accept(self, value: typing.Any) -> str | int:
        """The value as it is kept, or a SwitchError that lists the choices. A boolean is yes or no."""
        if isinstance(value, bool):
            value = "yes" if value else "no"
        if isinstance(self.choices, range):
            try:
                number = int(str(value))
            except ValueError:
                number = -1
            if number in self.choices:
                return number
        elif str(value) in self.choices:
            return str(value)
        raise SwitchError(f"switch {self.name}: {value!r} is not one of {self.describe_choices()}")

    def describe_choices(self) -> str:
        """The choices as a person reads them."""
        if isinstance(self.choices, range):
            return f"{self.choices.start}..{self.choices.stop - 1}"
        return ", ".join(self.choices)


_YES_NO = ("no", "yes")

# The order is that of the life of a round: what is read, what may be asked, what it does, how it is answered.
TABLE = tuple(
    Switch(*row)
    for row in (
        # How the history and the findings read.
        ("history_rows", "per_round", ("per_round", "per_action"), "one row per round, or one per action on it"),
        (
            "history_order",
            "oldest_first",
            ("oldest_first", "newest_first", "shuffled"),
            "order of the history; shuffled is the same at every read of the same rows",
        ),
        ("history_empty", "list", ("list", "missing", "null"), "what a project without rounds shows as its history"),
        ("history_lag", 0, range(1001), "a new round shows only after so many further reads of the project"),
        ("round_number_type", "integer", ("integer", "string"), "JSON type of retesting_round"),
        (
            "status_case",
            "documented",
            ("documented", "lower", "upper"),
            "spelling of the status of rounds and findings, and of Yes and No",
        ),
        ("cancelled_spelling", "Cancelled", ("Cancelled", "Canceled"), "status of a cancelled round"),
        ("window_end", "kept", ("kept", "missing", "null"), "whether the history tells the end of a window"),
        ("no_window_end", "missing", ("missing", "null"), "how the history shows a round that was given no end"),
        (
            "window_format",
            "documented",
            ("documented", "no_millis", "offset"),
            "times in the history: 2026-12-01T00:00:00.000Z, ...:00Z, or the same instant at +02:00",
        ),
        ("window_expires", "no", _YES_NO, "an open round whose end has passed reads, and counts, as Completed"),
        (
            "ready_reads_back",
            "flag",
            ("flag", "flag_true", "status_retest"),
            "a ready finding reads as Open with retest Yes, Open with retest true, or status Retest with retest No",
        ),
        (
            "ready_query",
            "is_retest",
            ("is_retest", "as_shown"),
            "whether q sees a ready finding as Open with is_retest Yes whatever is shown, or as it is shown",
        ),
        (
            "project_link",
            "list",
            ("list", "id"),
            "a finding names its project in vulnerability_projects[] or in vulnerability_project_id",
        ),
        ("wrapped", "yes", _YES_NO, "whether one record comes inside {project: ...} or {vulnerability: ...}"),
        ("extra_keys", "no", _YES_NO, "unknown extra keys in every object of every answer"),
        ("nulls", "no", _YES_NO, "optional fields without content come as null"),
        # Pages and queries.
        ("count", "total", ("total", "page", "missing", "too_high"), "what count says on a page"),
        ("page_cap", 500, range(1, 501), "the service gives no more records than this, whatever limit asks for"),
        ("limit_over_500", "capped", ("capped", "refused"), "a limit above 500 is read as 500, or refused with 400"),
        ("unknown_query", "refused", ("refused", "ignored"), "query parameters that are not documented"),
        (
            "q_support",
            "full",
            ("full", "refused", "ignored", "ids_never_match"),
            "what becomes of q: ids_never_match means that a condition on id finds nothing",
        ),
        (
            "pending_vulnerabilities",
            "adds",
            ("adds", "only"),
            "pendingVulnerabilities=true adds the hidden findings, or gives only these",
        ),
        # What may be asked.
        (
            "project_id_in_put",
            "accepted",
            ("accepted", "refused", "refused_422", "required"),
            "projectId in the body of UpdateVulnerabilityById: refused is 400",
        ),
        (
            "project_id_in_note",
            "accepted",
            ("accepted", "refused", "required"),
            "projectId in the body of CreateRemediationNote",
        ),
        (
            "overlapping_requests",
            "accepted",
            ("accepted", "refused"),
            "requesting a finding that is in an open round already: refused is 409",
        ),
        (
            "several_open_rounds",
            "accepted",
            ("accepted", "refused"),
            "a second open round in one project: refused is 409",
        ),
        (
            "not_ready_requests",
            "refused",
            ("refused", "dropped", "accepted"),
            "requesting a finding that is not ready: 400, silently left out, or taken",
        ),
        ("unknown_ids", "refused", ("refused", "dropped"), "requesting an id that is not in the project"),
        ("drop_last", "no", _YES_NO, "silently leave out the last requested id although it is fine"),
        ("end_before_start", "refused", ("refused", "accepted"), "a window that ends before it starts"),
        ("past_window_end", "accepted", ("accepted", "refused"), "a window that is over already"),
        (
            "finished_round_again",
            "400",
            ("ok", "400", "404", "409"),
            "cancelling or completing a round that is finished; ok changes nothing",
        ),
        (
            "complete_untested",
            "accepted",
            ("accepted", "refused"),
            "completing a round in which not every finding was retested: refused is 400",
        ),
        (
            "completed_date",
            "noted",
            ("noted", "completes"),
            "completed_date in UpdateProjectRetestRound is only noted, or completes an open round",
        ),
        ("request_access", "view", ("view", "edit"), "project access that RequestNewProjectRetest needs"),
        ("update_round_access", "edit", ("view", "edit"), "project access that UpdateProjectRetestRound needs"),
        ("update_vulnerability_access", "edit", ("view", "edit"), "project access that UpdateVulnerabilityById needs"),
        ("connection_close", "optional", ("optional", "required"), "a request without Connection: close gets 400"),
        # What it does.
        (
            "round_numbering",
            "sequential",
            ("sequential", "reused_after_cancel"),
            "whether the number of a cancelled round is given again",
        ),
        ("request_changes_status", "no", ("no", "clears_ready"), "requesting a round makes its findings not ready"),
        ("cancel_changes_status", "no", ("no", "clears_ready"), "cancelling a round makes its findings not ready"),
        ("complete_changes_status", "no", ("no", "clears_ready"), "completing a round makes its findings not ready"),
        # How it is answered.
        ("write_code", "200", ("200", "201"), "HTTP code of a write that was done"),
        (
            "status_text",
            "documented",
            ("documented", "empty", "failure_2xx"),
            "text of a write's answer; failure_2xx is a 2xx that tells a failure, and nothing was done",
        ),
        (
            "error_shape",
            "message",
            ("message", "error", "detail", "text", "html", "empty"),
            "body of an error: JSON with one of these keys, or plain text, HTML, nothing",
        ),
        ("bad_key_code", "401", ("401", "403"), "HTTP code for a missing or unknown key"),
        ("no_grant_code", "403", ("401", "403"), "HTTP code for a method or an access that the key does not have"),
        ("invalid_code", "400", ("400", "422"), "HTTP code for a body or a query that is not valid"),
        ("not_visible_code", "404", ("403", "404"), "HTTP code for a project that the key may not see"),
        # The Events API.
        (
            "event_replay",
            "inclusive",
            ("inclusive", "exclusive"),
            "whether a replay begins with the events of that very instant, or behind it",
        ),
        (
            "event_timestamps",
            "unique",
            ("unique", "as_done", "equal"),
            "each event a millisecond later at least, or as it was done, or all events of a second at its start",
        ),
        (
            "event_grants",
            "error",
            ("error", "left_out"),
            "subscribing to what is not granted is an error, or that event is left out of the result",
        ),
        (
            "event_withheld",
            "none",
            ("none", "project-retest-requested", "project-retest-completed", "project-retest-cancelled"),
            "an event that no key is granted",
        ),
        ("event_heartbeat", 15000, range(50, 60001), "milliseconds between two heartbeats"),
    )
)

BY_NAME = {switch.name: switch for switch in TABLE}


class Switches:
    """The switches as they are set: each one is an attribute."""

    def __init__(self, values: typing.Mapping[str, typing.Any] | None = None) -> None:
        self._values: dict[str, str | int] = {switch.name: switch.default for switch in TABLE}
        self.set(values or {})

    def set(self, values: typing.Mapping[str, typing.Any]) -> None:
        """Set the named switches, all of them or, where one is wrong, none."""
        accepted = {}
        for name, value in values.items():
            if name not in BY_NAME:
                raise SwitchError(f"there is no switch {name!r}; the switches are {', '.join(BY_NAME)}")
            accepted[name] = BY_NAME[name].accept(value)
        self._values.update(accepted)

    def as_dict(self) -> dict[str, str | int]:
        """All switches with their values."""
        return dict(self._values)

    def __getattr__(self, name: str) -> typing.Any:
        try:
            return self.__dict__["_values"][name]
        except KeyError:
            raise AttributeError(name) from None


def parse_assignments(assignments: typing.Iterable[str]) -> dict[str, str]:
    """``name=value`` words of the command line as a mapping."""
    values = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise SwitchError(f"{assignment!r} is not of the form name=value")
        values[name.strip()] = value.strip()
    return values


def describe() -> str:
    """The table for a terminal."""
    lines = []
    for switch in TABLE:
        lines.append(f"{switch.name} = {switch.default}    ({switch.describe_choices()})")
        lines.extend(textwrap.wrap(switch.about, 110, initial_indent="    ", subsequent_indent="    "))
    return "\n".join(lines)
