# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is not known of the service, as switches: each has every possibility that a client must tolerate."""

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
# The levels of access to a project, the lowest first.
LEVELS = ("view", "upload", "edit")

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
        (
            "list_history",
            "full",
            ("full", "empty", "missing"),
            "the history of rounds in lists of projects, while GetProjectById has all of it",
        ),
        (
            "counters",
            "with_history",
            ("with_history", "ahead"),
            "project_retests_requested counts what the history shows, or a new round before the history shows it",
        ),
        ("scope_empty_ms", 0, range(600_001), "for so many milliseconds a new round shows no finding"),
        (
            "scope_empty_as",
            "empty",
            ("empty", "null", "missing"),
            "how a round shows that there is no finding yet: [], null, or no key",
        ),
        (
            "scope_fill_ms",
            0,
            range(600_001),
            "from then on its findings appear one after the other within so many milliseconds, the first at once",
        ),
        (
            "round_ids",
            "kept",
            ("kept", "new_each_read", "missing"),
            "retesting_round_id: always the same, another at each read, or not there",
        ),
        ("round_id_late_ms", 0, range(600_001), "for so many milliseconds a new round shows no retesting_round_id"),
        (
            "old_row",
            "right",
            ("right", "unreadable_date", "no_number", "no_status", "null_scope"),
            "the oldest cancelled round (or else the oldest finished one) has something wrong in its row",
        ),
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
            ("list", "id", "both"),
            "a finding names its projects in vulnerability_projects[], or one in vulnerability_project_id, _name, ...",
        ),
        ("wrapped", "yes", _YES_NO, "whether one record comes inside {project: ...} or {vulnerability: ...}"),
        (
            "list_notes",
            "full",
            ("full", "empty", "missing"),
            "the remediation notes in lists of findings, while GetVulnerabilityById has all of them",
        ),
        ("extra_keys", "no", _YES_NO, "unknown extra keys in every object of every answer"),
        ("nulls", "no", _YES_NO, "optional fields without content come as null"),
        # Pages and queries.
        ("count", "total", ("total", "page", "missing", "too_high"), "what count says on a page"),
        ("page_cap", 500, range(1, 501), "the service gives no more records than this, whatever limit asks for"),
        ("limit_over_500", "capped", ("capped", "refused"), "a limit above 500 is read as 500, or refused with 400"),
        (
            "list_order",
            "stable",
            ("stable", "shuffled"),
            "whether a list has the same order at every request, or another each time, so that pages do not fit",
        ),
        ("unknown_query", "refused", ("refused", "ignored"), "query parameters that are not documented"),
        (
            "q_support",
            "full",
            ("full", "refused", "ignored", "ids_never_match"),
            "what becomes of q: ids_never_match means that a condition on id finds nothing",
        ),
        (
            "pending_vulnerabilities",
            "only",
            ("only", "adds"),
            "pendingVulnerabilities=true gives the hidden findings alone, or adds them",
        ),
        (
            "pending_vulnerability",
            "needed",
            ("needed", "only", "ignored"),
            "a hidden finding by its id needs pending=true; that shows hidden ones alone; or it changes nothing",
        ),
        (
            "q_ids",
            "objectid",
            ("objectid", "text", "both", "in_refused"),
            'how an id matches in q: as ObjectId("..."), as a string, as both, or as ObjectId but refused in $in',
        ),
        (
            "q_group_names",
            "group_names",
            ("group_names", "groups_names", "both", "none"),
            "the field of q for the names of a project's groups",
        ),
        ("project_name_match", "part", ("part", "exact"), "name in GetProjects: a part of the name, or all of it"),
        (
            "project_dates",
            "window",
            ("window", "created"),
            "startDate and endDate in GetProjects: of the test, or created",
        ),
        ("asset_names_join", "or", ("or", "and"), "several asset_name in GetProjects: one of them, or all of them"),
        ("asset_match", "exact", ("exact", "part"), "name in GetVulnerabilitiesByAssetName: the whole name, or a part"),
        (
            "cf_key_lists",
            "accepted",
            ("accepted", "refused"),
            "parameters such as project_cf_key_allowlist: refused is 400",
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
            "project_id_forms",
            "documented",
            ("documented", "any"),
            "the project of a write to a finding: projectId in the body, or also project_id there, or projectId in "
            "the query, as some clients send it",
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
        ("request_access", "view", LEVELS, "project access that RequestNewProjectRetest needs"),
        ("update_round_access", "edit", LEVELS, "project access that UpdateProjectRetestRound needs"),
        ("update_note_access", "view", LEVELS, "project access that UpdateRemediationNote needs"),
        (
            "update_vulnerability_access",
            "by_status",
            ("by_status", *LEVELS),
            "project access that UpdateVulnerabilityById needs; by_status: view to flag ready or not ready, else edit",
        ),
        ("connection_close", "optional", ("optional", "required"), "a request without Connection: close gets 400"),
        # What it does.
        (
            "round_numbering",
            "sequential",
            ("sequential", "reused_after_cancel"),
            "whether the number of a cancelled round is given again",
        ),
        (
            "closing_note",
            "always",
            ("always", "by_people", "never"),
            "closing a finding leaves the note 'Issue Closed: <reason>': always, only if people close it, or never",
        ),
        (
            "note_form",
            "as_sent",
            ("as_sent", "nfc", "nfd", "nfkc", "trimmed", "crlf"),
            "how the text of a note is kept: as it came, in a Unicode normal form, without space around, with CR LF",
        ),
        ("note_limit", 0, range(100_001), "a note keeps so many characters and loses the rest; 0 is no limit"),
        ("new_findings", "shown", ("shown", "pending"), "whether a finding that people add is hidden at first"),
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
            ("message", "error", "detail", "nested", "text", "html", "empty"),
            "body of an error: JSON with one of these keys, or message inside error, or plain text, HTML, nothing",
        ),
        (
            "validation_shape",
            "details",
            ("details", "bare", "nested", "flat", "as_other_errors"),
            "body of a 400 for what is not valid: code, message and error.details[]; the same without message; "
            "all of it inside error; details[] beside code; or as error_shape says",
        ),
        ("validation_path", "list", ("list", "text"), 'path of a detail: ["body", "note"] or "body.note"'),
        ("bad_key_code", "401", ("401", "403"), "HTTP code for a missing or unknown key"),
        ("no_grant_code", "403", ("401", "403"), "HTTP code for a method or an access that the key does not have"),
        ("refusal_text", "cause", ("cause", "plain"), "whether a 403 says what is missing, or nothing but Forbidden"),
        ("invalid_code", "400", ("400", "422"), "HTTP code for a body or a query that is not valid"),
        ("not_visible_code", "404", ("403", "404"), "HTTP code for a project that the key may not see"),
        # What stands between a client and the service.
        (
            "cache_ms",
            0,
            range(600_001),
            "a cache answers reads again for so many milliseconds, unless a request says Cache-Control: no-cache",
        ),
        (
            "cached_reads",
            "projects_and_lists",
            ("projects_and_lists", "all"),
            "what the cache keeps: GetProjectById and all lists, or every read",
        ),
        ("replica_lag_ms", 0, range(600_001), "reads show how things stood so many milliseconds ago"),
        (
            "replica_reads",
            "all",
            ("all", "every_second", "lists"),
            "which reads lag: all, every second one, or lists alone",
        ),
        # The Events API.
        (
            "event_replay",
            "inclusive",
            ("inclusive", "exclusive"),
            "whether a replay begins with the events of that very instant, or after it",
        ),
        ("event_from", "instant", ("instant", "day"), "how from is taken: as the instant, or as the start of its day"),
        (
            "event_order",
            "oldest_first",
            ("oldest_first", "newest_first"),
            "the order in which a replay tells what was missed",
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
