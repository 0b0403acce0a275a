# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is compared with what, and the bounds that have to be met."""

from __future__ import annotations

import json
import shutil
from typing import NamedTuple

from . import work
from .lab import Figures, Variant, medians

HERE, MODULE, URI, CURL = "module, in process", "module, as a module", "uri", "curl by command"
URI_ALL, URI_BY_PAGE, URI_QUERY = "uri, all pages at once", "uri, page by page", "uri, with a q filter"
NOTHING, DEBUG, BARE = "a play that does nothing", "debug", "bare HTTP in Python"
PROJECT = "66333e1d110ab5acf8a4354e"
KEY = "bench-key-0123456789abcdef"
TEXT = 20  # kilobytes of text in a finding
BODY = {"retesting_window_start": work.START, "retesting_window_end": work.END}


class Row(NamedTuple):
    """One line of a table."""

    name: str
    figures: Figures
    runs: int


class Bound(NamedTuple):
    """A ratio and the most that it may be."""

    text: str
    value: float
    limit: float

    @property
    def met(self):
        return self.value <= self.limit


class Table(NamedTuple):
    """What one comparison brought. ``reference`` is the name of the row that ratios are made to."""

    name: str
    title: str
    rows: list
    reference: str | None = None
    bounds: tuple = ()

    def row(self, name):
        """The figures of a row."""
        return next(row.figures for row in self.rows if row.name == name)

    def bound(self, text, name, other, limit, what="wall"):
        """Hold one row to a part of another. Returns the table with that bound."""
        value = getattr(self.row(name), what) / getattr(self.row(other), what)
        return self._replace(bounds=(*self.bounds, Bound(text, value, limit)))


def _slow(runs, quick):
    """How often to run what takes minutes."""
    return 1 if quick else min(runs, 3)


def _id(number, project=PROJECT):
    return f"{project[:8]}{project[-4:]}{number:012x}"


def _seed(count, ready=10, projects=1, rounds=()):
    def project(number):
        return {
            "id": _project(number),
            "name": f"Project {int(number)}",
            "code": f"P{int(number)}",
            "generate": {"count": count, "ready": ready, "text_kb": TEXT},
            "rounds": list(rounds),
        }

    return {"keys": [{"label": "bench", "key": KEY}], "projects": [project(number) for number in range(projects)]}


def _project(number):
    return f"{int(PROJECT, 16) + number:024x}"


START_SEED = _seed(10)


# 1. One POST


def post(lab, runs, quick):
    """What one more task costs, and one more item of a loop."""
    many = 10 if quick else 20
    wanted = [_id(number) for number in range(1, 11)]
    known = {"variables": {"project": PROJECT, "wanted": wanted}}
    ways = {
        HERE: (work.post_module(), {}),
        MODULE: (work.post_module(), {"connection": "elsewhere"}),
        URI: (work.post_uri(), {}),
        CURL: (work.post_curl(PROJECT, wanted, lab.url, KEY), {}),
        DEBUG: (work.debug(), {}),
    }
    if shutil.which("curl") is None:
        del ways[CURL]
    variants = []
    for way, (tasks, more) in ways.items():
        for kind, written in (("tasks", work.times), ("items", work.looped)):
            for count in (1, many):
                run = lab.play(written(tasks, count), **known, **more)
                variants.append(Variant(f"{int(count)} {kind}: {way}", run, 0 if way == DEBUG else count))
    body = dict(BODY, vulnerability_ids=wanted)
    variants.append(Variant(BARE, lab.alone("post", project=PROJECT, body=body, count=many), many))
    samples = lab.in_turns(variants, runs, lambda: lab.sandbox.reset(seed=START_SEED))
    tables = []
    for kind, title, limit in (
        ("tasks", "One POST: what one more task costs", 0.15),
        ("items", "One POST: what one more item of a loop costs", 0.10),
    ):
        rows = []
        for way in ways:
            pairs = zip(samples[f"{int(many)} {kind}: {way}"], samples[f"1 {kind}: {way}"])
            rows.append(Row(way, medians([more.less(one).per(many - 1) for more, one in pairs]), runs))
        rows.append(Row(BARE, medians(samples[BARE]).per(many), runs))
        table = Table("post-" + kind, title, rows, URI)
        tables.append(table.bound("in process to uri", HERE, URI, limit))
    return tables


# 2. The whole job, and 4. the same again


def job(lab, runs, quick):
    """Read, decide, request, find the round: one task beside a playbook."""
    return [_job(lab, count, runs, _slow(runs, quick) if count > 1000 else runs) for count in (10, 500, 10_000)]


def _job(lab, count, runs, slow_runs):
    known, wanted = _known()
    by_page = lab.play(work.job_uri_by_page(), files={"page.yml": work.page()}, **known)
    variants = [
        Variant(NOTHING, lab.play(work.nothing()), 0),
        Variant(DEBUG, lab.play(work.debug()), 0),
        Variant(HERE, lab.play(work.job_module(), **known), 1),
        Variant(MODULE, lab.play(work.job_module(), connection="elsewhere", **known), 1),
        Variant(URI_QUERY, lab.play(work.job_uri(query=True), **known), 1),
        Variant(URI_ALL, lab.play(work.job_uri(query=False), **known), 1, slow_runs),
        Variant(URI_BY_PAGE, by_page, 1, slow_runs),
        Variant(BARE, _exchange(lab, wanted), 1),
    ]
    seed = _seed(count)
    samples = lab.in_turns(variants, runs, lambda: lab.sandbox.reset(seed=seed))
    table = _net(f"job-{int(count)}", f"The whole job in a project of {_number(count)} findings", samples, URI_ALL)
    if count < 500:
        return table
    limit = 0.02 if count >= 10_000 else 0.1
    for name in (URI_ALL, URI_BY_PAGE, URI_QUERY):
        table = table.bound("in process to " + name, HERE, name, 0.1 if name == URI_QUERY else limit)
    if count >= 10_000:
        for name in (URI_ALL, URI_BY_PAGE):
            table = table.bound("peak memory, in process to " + name, HERE, name, 0.2, "memory")
    return table


def rerun(lab, runs, quick):
    """The whole job where nothing is left to do."""
    known, wanted = _known()
    variants = [
        Variant(NOTHING, lab.play(work.nothing()), 0),
        Variant(DEBUG, lab.play(work.debug()), 0),
        Variant(HERE, lab.play(work.job_module(), **known), 0),
        Variant(MODULE, lab.play(work.job_module(), connection="elsewhere", **known), 0),
        Variant(URI_ALL, lab.play(work.job_uri(query=False), **known), 0),
        Variant(BARE, lab.alone("exchange", projects=[{"project": PROJECT, "wanted": wanted}], rerun=True), 0),
    ]
    seed = _seed(500)

    def prepare():
        lab.sandbox.reset(seed=seed)
        path = f"/project/{PROJECT}/retest/request"
        lab.sandbox.request("POST", path, dict(BODY, vulnerability_ids=wanted))

    samples = lab.in_turns(variants, runs, prepare)
    return [_net("rerun", "A rerun with nothing to do, in a project of 500 findings", samples, URI_ALL)]


def _known():
    wanted = [_id(number) for number in range(1, 11)]
    return {"variables": {"project": PROJECT, "wanted": wanted}}, wanted


def _exchange(lab, wanted):
    return lab.alone("exchange", projects=[{"project": PROJECT, "wanted": wanted}], body=BODY)


# 3. Many projects

LOOP_HERE, LOOP_MODULE, LOOP_URI = "loop, in process", "loop, as modules", "loop of uri tasks"
HOSTS_HERE, HOSTS_MODULE, HOSTS_URI = "hosts, in process", "hosts, as modules", "hosts, uri tasks"
LOOP_DEBUG, HOSTS_DEBUG, NO_HOSTS = "loop of debug", "hosts, debug", "hosts, a play that does nothing"


def many(lab, runs, quick):
    """Fifty projects, each read and requested."""
    tables = [_many(lab, 0, _slow(runs, quick))]
    plain = lab.url
    lab.url = lab.slow_url(100)
    try:
        tables.append(_many(lab, 100, _slow(runs, quick)))
    finally:
        lab.url = plain
        lab.close()
    return tables


def _many(lab, latency, runs):
    count = 50
    projects = [
        {"project": _project(number), "wanted": [_id(1, _project(number)), _id(2, _project(number))]}
        for number in range(count)
    ]
    hosts = {f"project-{int(number)}": project for number, project in enumerate(projects)}
    loop = {"variables": {"projects": projects}}
    each = {"hosts": hosts, "forks": count}
    variants = [
        Variant(NOTHING, lab.play(work.nothing()), 0),
        Variant(NO_HOSTS, lab.play(work.nothing(), **each), 0),
        Variant(LOOP_DEBUG, lab.play(work.looped(work.debug(), count)), 0),
        Variant(HOSTS_DEBUG, lab.play(work.debug(), **each), 0),
        Variant(LOOP_HERE, lab.play(work.many_module(), **loop), count),
        Variant(LOOP_MODULE, lab.play(work.many_module(), connection="elsewhere", **loop), count),
        Variant(HOSTS_HERE, lab.play(work.job_module(), **each), count),
        Variant(HOSTS_MODULE, lab.play(work.job_module(), connection="elsewhere", **each), count),
        Variant(HOSTS_URI, lab.play(work.job_uri(query=True), **each), count),
        Variant(LOOP_URI, lab.play(work.many_uri(), **loop), count),
        Variant(BARE, lab.alone("exchange", projects=projects, body=BODY), count),
    ]
    seed = _seed(10, ready=2, projects=count)
    samples = lab.in_turns(variants, runs, lambda: lab.sandbox.reset(seed=seed))
    title = "50 projects, each read and requested" + (f", each answer {int(latency)} ms later" if latency else "")
    table = _net(f"many-{int(latency)}", title, samples, LOOP_URI)
    best = HOSTS_HERE if latency else LOOP_HERE
    return table.bound(f"{best} to the loop of uri tasks", best, LOOP_URI, 0.05)


# 5. How the cost grows


def growth(lab, runs, quick):
    """More findings that nobody asked for, more rounds in the history: the operation alone, and a play at the ends."""
    sizes = (100, 1000, 10_000) if quick else (100, 1000, 10_000, 100_000)
    tables = [
        _grown(lab, runs, "growth-findings", "findings, the service filters", sizes, _seed, {}),
        _grown(
            lab,
            1,
            "growth-unfiltered",
            "findings, the service ignores q, all pages are read",
            sizes,
            _seed,
            {"q_support": "ignored"},
        ),
        _grown(lab, runs, "growth-rounds", "rounds in the history", (1, 10, 100, 1000), _seed_with_rounds, {}),
    ]
    return [*tables, _ends(lab, runs, sizes)]


def _seed_with_rounds(count):
    scope = [f"P0-{int(number)}" for number in range(11, 21)]
    return _seed(20, rounds=[{"status": "completed", "findings": scope, "retested": scope}] * count)


def _grown(lab, runs, name, title, sizes, seed_of, switches):
    rows = []
    for size in sizes:
        seed = seed_of(size)
        last = size if seed_of is _seed else 10
        wanted = [_id(number) for number in range(last - 9, last + 1)]

        def prepare(seed=seed, wanted=wanted):
            lab.sandbox.reset(seed=seed, switches=switches)
            lab.sandbox.act("mark_ready", ids=wanted)

        run = lab.alone("client", project=PROJECT, wanted=wanted)
        samples = lab.in_turns([Variant(f"{_number(size)} {title}", run, 1)], runs, prepare)
        rows += [Row(_number(size), medians(found), len(found)) for found in samples.values()]
    lab.sandbox.reset(seed=START_SEED, switches={})
    table = Table(name, "The operation alone: " + title, rows)
    last, before, first = rows[-1], rows[-2], rows[1]
    table = table.bound(
        f"at most linear, processor time of {last.name} to {before.name}",
        last.name,
        before.name,
        sizes[-1] / sizes[-2] * 1.1,
        "cpu",
    )
    if seed_of is _seed:
        table = table.bound(f"peak memory, {last.name} to {first.name}", last.name, first.name, 1.1, "memory")
    return table


def _ends(lab, runs, sizes):
    """One play at each end."""
    rows = []
    worlds = [(f"{_number(size)} findings", _seed(size)) for size in (sizes[0], sizes[-1])]
    worlds += [(f"{_number(size)} rounds", _seed_with_rounds(size)) for size in (1, 1000)]
    known = _known()[0]
    for name, seed in worlds:
        variants = [
            Variant(NOTHING, lab.play(work.nothing()), 0),
            Variant(name, lab.play(work.job_module(), **known), 1),
        ]
        samples = lab.in_turns(variants, runs, lambda seed=seed: lab.sandbox.reset(seed=seed))
        rows.append(Row(name, medians(samples[name]).less(medians(samples[NOTHING])), runs))
    return Table("growth-plays", "A play with one task, in process", rows)


# 6. What an environment costs


def buffering(lab, runs, quick):
    """What PYTHONUNBUFFERED and pipelining change for a task that runs as a module, and for uri."""
    known, _wanted = _known()
    count, ways = 6, {}
    for name, tasks, more in ((MODULE, work.post_module(), {"connection": "elsewhere"}), (URI, work.post_uri(), {})):
        for pipelining in (False, True):
            for unbuffered in (False, True):
                label = name + ", pipelined" * pipelining + ", PYTHONUNBUFFERED=1" * unbuffered
                environment = {"ANSIBLE_PIPELINING": str(pipelining)}
                if unbuffered:
                    environment["PYTHONUNBUFFERED"] = "1"
                ways[label] = (tasks, {**more, **environment})
    variants = [
        Variant(f"{int(times)}: {label}", lab.play(work.times(tasks, times), **known, **more), times)
        for label, (tasks, more) in ways.items()
        for times in (1, count)
    ]
    samples = lab.in_turns(variants, runs, lambda: lab.sandbox.reset(seed=START_SEED))
    rows = []
    for label in ways:
        pairs = zip(samples[f"{int(count)}: {label}"], samples[f"1: {label}"])
        rows.append(Row(label, medians([more.less(one).per(count - 1) for more, one in pairs]), runs))
    return [Table("buffering", "What one more task costs, by environment", rows, MODULE)]


# 7. The roles, beside another build


THIS, OTHER = "this build", "the other build"


def roles(lab, runs, quick):
    """The release step and the gate, on one host and over a thousand; beside another build where one is given."""
    step = work.role("attackforge_retest", project_id=PROJECT, vulnerability_ids=[_id(1), _id(2)], release="2026.12")
    gate = work.role("attackforge_retest_gate", project_id=PROJECT)
    thousand = {f"web{number}": {} for number in range(1000)}
    tables = [
        _roles(lab, "role-1", "The release step, on one host", step, None, 0.4, runs),
        _roles(lab, "role-1000", "The release step, over 1,000 hosts", step, thousand, 0.04, 1 if quick else 2),
        _roles(lab, "gate", "The gate", gate, None, 0.5, runs, completed=True),
    ]
    return tables


def _roles(lab, name, title, tasks, hosts, limit, runs, completed=False):
    builds = {THIS: lab.collections, **({OTHER: lab.other} if lab.other else {})}
    variants = [Variant(NOTHING, lab.play(work.nothing(), hosts=hosts))]
    variants += [
        Variant(build, lab.play(tasks, hosts=hosts, ANSIBLE_COLLECTIONS_PATH=str(path)))
        for build, path in builds.items()
    ]
    seed = _seed(10)

    def prepare():
        lab.sandbox.reset(seed=seed)
        if completed:
            body = dict(BODY, vulnerability_ids=[_id(1), _id(2)])
            lab.sandbox.request("POST", f"/project/{PROJECT}/retest/request", body)
            lab.sandbox.act("close", ids=[_id(1), _id(2)])
            lab.sandbox.act("complete_round", round=1)

    table = _net(name, title, lab.in_turns(variants, runs, prepare), OTHER if lab.other else None)
    return table.bound("this build to the other", THIS, OTHER, limit) if lab.other else table


def _net(name, title, samples, reference):
    """Make a table of what was measured in plays, each less the play that does nothing with the same hosts."""
    empty = {kind: medians(samples[kind]) for kind in (NOTHING, NO_HOSTS) if kind in samples}
    rows = []
    for label, found in samples.items():
        figures = medians(found)
        if label not in (NOTHING, NO_HOSTS, BARE):
            figures = figures.less(empty[NO_HOSTS if label.startswith("hosts") else NOTHING])
        rows.append(Row(label, figures, len(found)))
    return Table(name, title, rows, reference)


def _number(count):
    return f"{count:,}"


CASES = {
    "post": post,
    "job": job,
    "many": many,
    "rerun": rerun,
    "growth": growth,
    "buffering": buffering,
    "roles": roles,
}


def as_json(tables):
    """Tables as JSON, for whoever wants to work with the figures."""
    return json.dumps(
        [
            {
                "name": table.name,
                "title": table.title,
                "reference": table.reference,
                "rows": [{"name": row.name, "runs": row.runs, **row.figures._asdict()} for row in table.rows],
                "bounds": [{**bound._asdict(), "met": bound.met} for bound in table.bounds],
            }
            for table in tables
        ],
        indent=1,
    )


def from_json(text):
    """Tables out of what `as_json` wrote."""
    return [
        Table(
            table["name"],
            table["title"],
            [Row(row["name"], Figures(*(row[name] for name in Figures._fields)), row["runs"]) for row in table["rows"]],
            table["reference"],
            tuple(Bound(bound["text"], bound["value"], bound["limit"]) for bound in table["bounds"]),
        )
        for table in json.loads(text)
    ]
