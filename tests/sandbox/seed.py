# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Seeds: what the world looks like at the start, read from YAML or JSON with errors that name the place."""

from __future__ import annotations

import datetime
import pathlib
import re
import typing

import yaml

from . import dates, generate
from .events import NAMES as EVENT_NAMES
from .methods import NAMES as METHOD_NAMES
from .switches import LEVELS, Switches
from .world import (
    CANCELLED,
    COMPLETED,
    PRIORITIES,
    REQUESTED,
    ROLES,
    STATES,
    TESTER,
    Finding,
    Group,
    Key,
    Note,
    Person,
    Project,
    Round,
    World,
    closing_note,
)

DEMO = pathlib.Path(__file__).with_name("demo.yml")
_ID = re.compile(r"[0-9a-f]{24}")
_MAX_FINDINGS = 200_000
_MAX_PROJECTS = 10_000
_PROJECT_STATUS = ("Waiting to Start", "Testing", "On-Hold", "Completed", "Overrun", "Retest")


class SeedError(ValueError):
    """A seed that says something wrong; the message begins with the place."""


def read_file(path: str | pathlib.Path) -> typing.Any:
    """The document in a seed file."""
    try:
        return yaml.safe_load(pathlib.Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SeedError(f"{path}: {error.strerror or error}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SeedError(f"{path}: {error}") from None


class _Map:
    """A mapping of the seed, read key by key; keys that nobody has read are wrong."""

    def __init__(self, value: typing.Any, place: str) -> None:
        if not isinstance(value, dict):
            raise SeedError(f"{place}: a mapping is expected, not {_kind(value)}")
        self.value = value
        self.place = place
        self.left = set(value)

    def take(
        self, name: str, kind: type | tuple[type, ...], default: typing.Any = None, required: bool = False
    ) -> typing.Any:
        self.left.discard(name)
        value = self.value.get(name)
        if value is None:
            if required:
                raise SeedError(f"{self.place}.{name}: is required")
            return default
        if isinstance(value, (datetime.datetime, datetime.date)) and kind is str:
            # YAML has turned an unquoted date into an object.
            value = value.isoformat()
        wrong_bool = isinstance(value, bool) and kind is not bool
        if wrong_bool or not isinstance(value, kind):
            raise SeedError(f"{self.place}.{name}: {_kind(value)} is not expected here")
        return value

    def word(self, name: str, choices: tuple[str, ...], default: str) -> str:
        value: str = self.take(name, str, default)
        if value not in choices:
            raise SeedError(f"{self.place}.{name}: {value!r} is not one of {', '.join(choices)}")
        return value

    def number(self, name: str, default: int, low: int, high: int) -> int:
        value: int = self.take(name, int, default)
        if not low <= value <= high:
            raise SeedError(f"{self.place}.{name}: {value} is not in {low}..{high}")
        return value

    def size(self, default: float) -> float:
        value: float = self.take("text_kb", (int, float), default)
        if not 0 <= value <= 1024:
            raise SeedError(f"{self.place}.text_kb: {value} is not in 0..1024")
        return value

    def texts(self, name: str) -> dict[str, str]:
        """A mapping of texts."""
        return {str(key): str(value) for key, value in self.take(name, dict, {}).items()}

    def words(self, name: str) -> list[str]:
        value: list[str] = self.take(name, list, [])
        if not all(isinstance(item, str) for item in value):
            raise SeedError(f"{self.place}.{name}: strings are expected")
        return list(value)

    def instant(self, name: str, start: datetime.datetime, default: datetime.datetime | None) -> typing.Any:
        value = self.take(name, str)
        if value is None:
            return default
        try:
            return dates.parse_seed(value, start)
        except ValueError as error:
            raise SeedError(f"{self.place}.{name}: {error}") from None

    def object_id(self, name: str, default: str | None) -> typing.Any:
        value = self.take(name, str, default, required=default is None)
        if not _ID.fullmatch(value):
            raise SeedError(f"{self.place}.{name}: {value!r} is not 24 hexadecimal digits in lower case")
        return value

    def maps(self, name: str) -> list[_Map]:
        return [_Map(item, f"{self.place}.{name}[{place}]") for place, item in enumerate(self.take(name, list, []))]

    def done(self) -> None:
        if self.left:
            raise SeedError(f"{self.place}: unknown key {', '.join(sorted(map(str, self.left)))}")


def _kind(value: typing.Any) -> str:
    names = {dict: "a mapping", list: "a list", str: "a string", type(None): "nothing", bool: "a boolean"}
    return names.get(type(value), f"a {type(value).__name__}")


def build(document: typing.Any, switches: Switches, keys_of: World | None = None) -> World:
    """The world that a seed describes. A seed without keys takes those of ``keys_of``."""
    world = World(switches, dates.now())
    seed = _Map(document, "seed")
    keys, groups, projects = seed.maps("keys"), seed.maps("groups"), seed.maps("projects")
    tenant = seed.take("tenant", dict)
    seed.done()
    for number, entry in enumerate(groups, 1):
        _add_group(world, entry, number)
    for number, entry in enumerate(projects, 1):
        _add_project(world, entry, number)
    if tenant is not None:
        _add_tenant(world, _Map(tenant, "seed.tenant"))
    if not world.projects:
        raise SeedError("seed.projects: at least one project is expected")
    for entry in keys:
        _add_key(world, entry)
    if not keys:
        if keys_of is None:
            raise SeedError("seed.keys: at least one key is expected")
        world.keys = dict(keys_of.keys)
    return world


def _add_group(world: World, entry: _Map, number: int) -> None:
    group = Group(
        entry.object_id("id", f"6730a000{number:016x}"),
        entry.take("name", str, required=True),
        entry.texts("custom_fields"),
    )
    entry.done()
    if group.id in world.groups or any(other.name == group.name for other in world.groups.values()):
        raise SeedError(f"{entry.place}: this id or name is there twice")
    world.groups[group.id] = group


def _groups(world: World, entry: _Map) -> list[Group]:
    """The groups that an entry names. A project may name one that is not declared."""
    groups = []
    for name in entry.words("groups"):
        found = [group for group in world.groups.values() if name in (group.id, group.name)]
        groups.append(found[0] if found else generate.new_group(world, name))
    return groups


def _names(entry: _Map, name: str, known: typing.Container[str], what: str) -> frozenset[str] | None:
    """The names of a list that a key may have; None for all."""
    value = entry.take(name, (list, dict, str), "all")
    if value == "all":
        return None
    found = [value] if isinstance(value, str) else list(value)
    for item in found:
        if item not in known:
            raise SeedError(f"{entry.place}.{name}: there is no {what} {item!r}")
    return frozenset(found)


def _add_key(world: World, entry: _Map) -> None:
    label = entry.take("label", str, required=True)
    secret = entry.take("key", str, required=True)
    if len(secret) < 8 or not secret.isascii() or any(character.isspace() for character in secret):
        raise SeedError(f"{entry.place}.key: at least 8 characters are expected, ASCII without spaces")
    if secret in world.keys or any(key.label == label for key in world.keys.values()):
        raise SeedError(f"{entry.place}: this label or key is there twice")
    grants = entry.take("grants", (list, str), "all")
    if grants != "all":
        for name in grants if isinstance(grants, list) else [grants]:
            if name not in (*METHOD_NAMES, *EVENT_NAMES):
                known = ", ".join((*METHOD_NAMES, *EVENT_NAMES))
                raise SeedError(f"{entry.place}.grants: {name!r} is not one of all, {known}")
    given = entry.value.get("projects")
    projects = _names(entry, "projects", world.projects, "project")
    by_name = {group.name: group.id for group in world.groups.values()}
    groups = _names(entry, "groups", {*by_name, *by_name.values()}, "group")
    key = Key(
        label=label,
        key=secret,
        grants=None if grants == "all" else frozenset([grants] if isinstance(grants, str) else grants),
        projects=projects,
        groups=None if groups is None else frozenset(by_name.get(name, name) for name in groups),
        access=_level(entry, entry.take("access", str, "edit")),
        access_to={name: _level(entry, level) for name, level in given.items()} if isinstance(given, dict) else {},
        role=entry.word("role", ROLES, "client"),
        user=Person(
            world.new_id(), entry.take("first_name", str, label.capitalize()), entry.take("last_name", str, "User")
        ),
    )
    entry.done()
    world.keys[secret] = key


def _level(entry: _Map, word: typing.Any) -> str:
    level = word.lower() if isinstance(word, str) else word
    if level not in LEVELS:
        raise SeedError(f"{entry.place}: {word!r} is not one of {', '.join(LEVELS)}")
    return str(level)


def _add_project(world: World, entry: _Map, number: int) -> None:
    start = world.started
    day = datetime.timedelta(days=1)
    code = entry.take("code", str, required=True)
    created = entry.instant("created", start, start - 90 * day)
    project = Project(
        id=entry.object_id("id", generate.project_id(number)),
        name=entry.take("name", str, required=True),
        code=code,
        vulnerability_code=entry.take("vulnerability_code", str, code),
        organization_code=entry.take("organization_code", str, ""),
        status=entry.word("status", _PROJECT_STATUS, "Testing"),
        created=created,
        modified=entry.instant("modified", start, created),
        start=entry.instant("start", start, start - 80 * day),
        end=entry.instant("end", start, start - 60 * day),
        retesting=_retesting(entry),
        scope=entry.words("scope"),
        groups=_groups(world, entry),
        streams=_streams(entry),
        custom_fields=entry.texts("custom_fields"),
        custom_tags=entry.texts("custom_tags"),
        text_kb=entry.size(20),
    )
    if project.id in world.projects:
        raise SeedError(f"{entry.place}.id: {project.id} is there twice")
    if not re.fullmatch(r"[A-Z][A-Z0-9]*", project.code):
        raise SeedError(f"{entry.place}.code: capital letters and digits are expected")
    if any(other.code == project.code for other in world.projects.values()):
        raise SeedError(f"{entry.place}.code: {project.code} is there twice")
    world.add_project(project)
    for item in entry.maps("findings"):
        _add_finding(world, project, item)
    many = entry.take("generate", dict)
    if many is not None:
        generate.add_findings(world, project, _many(project, _Map(many, f"{entry.place}.generate")))
    if "scope" not in entry.value:
        # What has findings was tested.
        project.scope = list(dict.fromkeys(name for finding in project.findings.values() for name in finding.assets))
    for item in entry.maps("rounds"):
        _add_round(world, project, item)
    entry.done()


def _streams(entry: _Map) -> dict[str, list[str]]:
    """Streams by name, each with the names of its portfolios."""
    value = entry.take("streams", dict, {})
    streams = _Map(value, f"{entry.place}.streams")
    return {str(name): streams.words(name) for name in value}


def _retesting(entry: _Map) -> dict[str, typing.Any]:
    """project_features.retesting, as the service shows it."""
    value = entry.take("retesting", dict, {})
    features = _Map(value, f"{entry.place}.retesting")
    level = _level(features, features.take("project_access_level", str, "View"))
    roles = features.words("roles") or list(ROLES[:3])
    if set(roles) - set(ROLES[:3]):
        raise SeedError(f"{features.place}.roles: only {', '.join(ROLES[:3])} are expected")
    enabled = features.take("enabled", bool, True)
    features.done()
    return {"enabled": enabled, "access": {"project_access_level": level.capitalize(), "roles": roles}}


def new_finding(world: World, project: Project, value: typing.Any, place: str) -> Finding:
    """A finding from its entry in a seed, or from the control API. It is not in the world yet."""
    return _finding(world, project, _Map(value, place))


def _finding(world: World, project: Project, entry: _Map) -> Finding:
    number = project.last_number + 1
    created = entry.instant("created", world.started, project.start)
    status_updated = entry.instant("status_updated", world.started, created)
    closed_because = entry.take("closed_because", str)
    finding = Finding(
        id=entry.object_id("id", world.new_id()),
        project_ids=[project.id, *_linked(world, project, entry)],
        number=number,
        alternate_id=entry.take("alternate_id", str, f"{project.vulnerability_code}-{number}"),
        title=entry.take("title", str, required=True),
        priority=entry.word("priority", PRIORITIES, "Medium"),
        state=entry.word("status", STATES, "open"),
        created=created,
        modified=entry.instant("modified", world.started, status_updated),
        status_updated=status_updated,
        tags=entry.words("tags"),
        assets=entry.words("assets"),
        hidden=entry.take("hidden", bool, False),
        zero_day=entry.take("zero_day", bool, False),
        likelihood=entry.number("likelihood_of_exploitation", 5, 1, 10),
        sla=entry.instant("sla", world.started, None),
        target_date=entry.instant("target_remediation_date", world.started, None),
        release_date=entry.instant("release_date", world.started, None),
        custom_fields=entry.texts("custom_fields"),
        custom_tags=entry.texts("custom_tags"),
        text_kb=entry.size(project.text_kb),
    )
    for item in entry.maps("notes"):
        text = item.take("note", str, required=True)
        note_type = item.word("note_type", ("PLAINTEXT", "RICHTEXT"), "PLAINTEXT")
        written = item.instant("created", world.started, status_updated)
        item.done()
        finding.notes.append(Note(world.new_id(), finding.id, text, note_type, written, TESTER))
    if closed_because is not None:
        if finding.state != "closed":
            raise SeedError(f"{entry.place}.closed_because: the finding is {finding.state}")
        if world.switches.closing_note != "never":
            text = closing_note(closed_because)
            finding.notes.append(Note(world.new_id(), finding.id, text, "PLAINTEXT", status_updated, TESTER))
    entry.done()
    if finding.id in world.findings:
        raise SeedError(f"{entry.place}.id: {finding.id} is there twice")
    if finding.alternate_id in project.by_alternate_id:
        raise SeedError(f"{entry.place}.alternate_id: {finding.alternate_id} is there twice")
    return finding


def _linked(world: World, project: Project, entry: _Map) -> list[str]:
    """The further projects that a finding is shown in; they stand before its own in the seed."""
    names = entry.words("linked_to")
    for name in names:
        if name not in world.projects or name == project.id:
            raise SeedError(f"{entry.place}.linked_to: there is no other project {name!r} before this one")
    return names


def _add_finding(world: World, project: Project, entry: _Map) -> None:
    world.add_finding(_finding(world, project, entry))


def _many(project: Project, entry: _Map) -> generate.Many:
    """How many findings are generated, and what they are like."""
    count = entry.number("count", 0, 0, _MAX_FINDINGS)
    ready = entry.number("ready", 0, 0, count)
    closed = entry.number("closed", 0, 0, count - ready)
    many = generate.Many(
        count=count,
        ready=ready,
        closed=closed,
        hidden=entry.number("hidden", 0, 0, count - ready - closed),
        tags=entry.words("tags"),
        assets=entry.words("assets"),
        cves=entry.words("cves"),
        custom_fields=entry.texts("custom_fields"),
        text_kb=entry.size(project.text_kb),
    )
    entry.done()
    return many


def _add_tenant(world: World, entry: _Map) -> None:
    """Many projects that are alike, each with findings."""
    generate.add_tenant(
        world,
        generate.Tenant(
            projects=entry.number("projects", 0, 0, _MAX_PROJECTS),
            findings=entry.number("findings", 0, 0, _MAX_FINDINGS),
            ready=entry.number("ready", 0, 0, _MAX_FINDINGS),
            closed=entry.number("closed", 0, 0, _MAX_FINDINGS),
            rounds=entry.number("rounds", 0, 0, 1000),
            tags=entry.words("tags"),
            assets=entry.words("assets"),
            cves=entry.words("cves"),
            groups=entry.words("groups"),
            text_kb=entry.size(1),
        ),
        _retesting(entry),
    )
    entry.done()


def _add_round(world: World, project: Project, entry: _Map) -> None:
    window = _Map(entry.take("window", dict, {}), f"{entry.place}.window")
    start = window.instant("start", world.started, world.started)
    end = window.instant("end", world.started, None)
    window.done()
    status = entry.word("status", (REQUESTED, COMPLETED, CANCELLED), REQUESTED)
    scope = _named(project, entry, "findings")
    retested = _named(project, entry, "retested")
    if not scope:
        raise SeedError(f"{entry.place}.findings: at least one finding is expected")
    if set(retested) - set(scope):
        raise SeedError(f"{entry.place}.retested: only findings of the round are expected")
    requested_at = entry.instant("requested_at", world.started, start)
    finished_at = entry.instant("finished_at", world.started, None if status == REQUESTED else end or world.started)
    entry.done()
    if status == REQUESTED and finished_at is not None:
        raise SeedError(f"{entry.place}.finished_at: an open round is not finished")
    project.rounds.append(
        Round(
            world.new_id(),
            project.id,
            world.next_number(project),
            status,
            start,
            end,
            scope,
            requested_at,
            TESTER,
            retested=retested,
            finished_at=finished_at,
            finished_by=None if status == REQUESTED else TESTER,
        )
    )


def _named(project: Project, entry: _Map, name: str) -> list[str]:
    ids = []
    for word in entry.words(name):
        finding = project.findings.get(word) or project.by_alternate_id.get(word)
        if finding is None:
            raise SeedError(f"{entry.place}.{name}: there is no finding {word!r} in this project")
        ids.append(finding.id)
    return ids
