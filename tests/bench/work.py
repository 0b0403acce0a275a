# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same work, written for this collection and for `ansible.builtin.uri`, as lists of tasks.

The tasks read `wanted` and `project` (or `projects`), `api` and `headers` from variables.
"""

from __future__ import annotations

START, END = "2030-12-01T00:00:00.000Z", "2030-12-08T00:00:00.000Z"
_ROUNDS = ".json.project.project_retesting_history"
_HELD = (
    _ROUNDS + " | selectattr('retesting_round_status', 'equalto', 'Requested')"
    " | map(attribute='retesting_round_vulnerabilities') | flatten | map(attribute='vulnerability_id') | list"
)
_READY = " | selectattr('vulnerability_retest', 'equalto', 'Yes') | map(attribute='vulnerability_id') | list"


def nothing():
    """No task at all."""
    return []


def debug():
    """The least that a task can do."""
    return [{"name": "Say", "ansible.builtin.debug": {"msg": "done"}}]


# One POST


def post_module():
    """The body as it is, nothing read."""
    return [dict(_module("{{ project }}", "{{ wanted }}", preflight=False), name="Request")]


def post_uri():
    """The same with uri."""
    return [dict(_post("{{ project }}", "{{ wanted }}"), name="Request")]


def post_curl(project, wanted, url, key):
    """The same with curl."""
    body = '{{"retesting_window_start": "{}", "retesting_window_end": "{}", "vulnerability_ids": ["{}"]}}'.format(
        START, END, '", "'.join(wanted)
    )
    argv = [
        "curl",
        "--silent",
        "--show-error",
        "--fail",
        "--header",
        "X-SSAPI-KEY: " + key,
        "--header",
        "Content-Type: application/json",
        "--data",
        body,
        f"{url}/api/ss/project/{project}/retest/request",
    ]
    return [{"name": "Request", "ansible.builtin.command": {"argv": argv}}]


def times(tasks, count):
    """So many tasks."""
    return tasks * count


def looped(tasks, count):
    """One task with so many items."""
    return [dict(tasks[0], loop=list(range(count)))]


# The whole job for one project


def job_module():
    """One task."""
    return [dict(_module("{{ project }}", "{{ wanted }}"), name="Request")]


def job_uri(query):
    """Read the history, read the findings (all pages, or those that a query names), request, find the round."""
    history = dict(_get("/project/{{ project }}"), retries=4, delay=1)
    missing = {"when": "missing | length > 0"}
    findings = "/project/{{ project }}/vulnerabilities?limit=500&skip="
    if query:
        findings = "/project/{{ project }}/vulnerabilities?q={{ {'id': {'$in': missing}} | to_json | urlencode }}&skip="
    tasks = [
        dict(history, name="Read the history", register="before", until="before is succeeded"),
        {
            "name": "Find what is not requested yet",
            "ansible.builtin.set_fact": {"missing": f"{{{{ wanted | difference(before{_HELD}) }}}}"},
        },
        dict(
            _get(findings + "0"),
            name="Read the first findings",
            register="first",
            until="first is succeeded",
            retries=4,
            delay=1,
            **missing,
        ),
    ]
    pages = "first.json.vulnerabilities"
    if not query:
        tasks.append(
            dict(
                _get(findings + "{{ item }}"),
                name="Read the other findings",
                register="others",
                until="others is succeeded",
                retries=4,
                delay=1,
                loop="{{ range(500, first.json.count, 500) | list }}",
                **missing,
            )
        )
        pages = "([first] + others.results) | map(attribute='json.vulnerabilities') | flatten(levels=1)"
    return [
        *tasks,
        {
            "name": "Find what is ready",
            "ansible.builtin.set_fact": {"ready": f"{{{{ {pages}{_READY} | intersect(missing) }}}}"},
            **missing,
        },
        {
            "name": "Stop if one is not ready",
            "ansible.builtin.assert": {"that": "missing | difference(ready) | length == 0"},
            **missing,
        },
        dict(_post("{{ project }}", "{{ ready }}"), name="Request", **missing),
        dict(
            history,
            name="Find the round",
            register="after",
            until=f"after is succeeded and missing | difference(after{_HELD}) | length == 0",
            **missing,
        ),
    ]


def job_uri_by_page():
    """The same, but each page is reduced to the ids that are needed before the next one is read."""
    tasks = job_uri(query=False)
    place = next(place for place, task in enumerate(tasks) if task["name"] == "Read the other findings")
    others = {
        "name": "Read the other findings",
        "ansible.builtin.include_tasks": "page.yml",
        "loop": "{{ range(500, first.json.count, 500) | list }}",
        "when": "missing | length > 0",
    }
    ready = dict(tasks[place + 1])
    ready["ansible.builtin.set_fact"] = {"ready": f"{{{{ first.json.vulnerabilities{_READY} | intersect(missing) }}}}"}
    return [*tasks[:place], ready, others, *tasks[place + 2 :]]


def page():
    """The tasks that `job_uri_by_page` includes."""
    return [
        dict(
            _get("/project/{{ project }}/vulnerabilities?limit=500&skip={{ item }}"),
            name="Read a page",
            register="first",
            until="first is succeeded",
            retries=4,
            delay=1,
        ),
        {
            "name": "Find what is ready in it",
            "ansible.builtin.set_fact": {
                "ready": f"{{{{ ready + (first.json.vulnerabilities{_READY} | intersect(missing)) }}}}"
            },
        },
    ]


# The whole job for many projects


def many_module():
    """One task with an item for each project."""
    return [
        dict(
            _module("{{ item.project }}", "{{ item.wanted }}"),
            name="Request",
            loop="{{ projects }}",
            loop_control={"label": "{{ item.project }}"},
        )
    ]


def many_uri():
    """The tasks of `job_uri` with a query, each of them with an item for each project."""
    query = "{{ {'id': {'$in': item.wanted}} | to_json | urlencode }}"
    each = {"loop": "{{ projects }}", "loop_control": {"label": "{{ item.project }}"}}
    pair = {
        "loop": "{{ projects | zip(before.results, found.results) }}",
        "loop_control": {"label": "{{ item.0.project }}"},
    }
    history = dict(_get("/project/{{ item.project }}"), retries=4, delay=1, **each)
    wanted = f"item.2.json.vulnerabilities{_READY} | intersect(item.0.wanted) | difference(item.1{_HELD})"
    return [
        dict(history, name="Read the histories", register="before", until="before is succeeded"),
        dict(
            _get("/project/{{ item.project }}/vulnerabilities?q=" + query),
            name="Read the findings",
            register="found",
            until="found is succeeded",
            retries=4,
            delay=1,
            **each,
        ),
        dict(
            _post("{{ item.0.project }}", f"{{{{ {wanted} }}}}"),
            name="Request",
            **pair,
            when=f"item.0.wanted | difference(item.1{_HELD}) | length > 0",
        ),
        dict(
            history,
            name="Find the rounds",
            register="after",
            until=f"after is succeeded and item.wanted | difference(after{_HELD}) | length == 0",
        ),
    ]


def _module(project, wanted, **more):
    options = {"project_id": project, "vulnerability_ids": wanted, "window_start": START, "window_end": END, **more}
    return {"attackforge.retest.attackforge_retest": options}


def _get(path):
    return {"ansible.builtin.uri": {"url": "{{ api }}" + path, "headers": "{{ headers }}"}}


def _post(project, wanted):
    return {
        "ansible.builtin.uri": {
            "url": f"{{{{ api }}}}/project/{project}/retest/request",
            "method": "POST",
            "headers": "{{ headers }}",
            "body_format": "json",
            "body": {"retesting_window_start": START, "retesting_window_end": END, "vulnerability_ids": wanted},
        }
    }


def role(name, **variables):
    """One of this collection's roles, with variables named without its prefix."""
    given = {f"{name}_{variable}": value for variable, value in variables.items()}
    return [{"ansible.builtin.import_role": {"name": f"attackforge.retest.{name}"}, "vars": given}]
