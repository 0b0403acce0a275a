# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""What a task needs to know where it stands in one of this collection's roles.

A role is tasks in YAML, and nothing is decided there. Its variables are checked here, before anything is sent: values
that differ between hosts while the role runs once, texts that YAML has taken for numbers, connection variables that
come from outside, a report that could not be written.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Any

import yaml
from ansible import constants as C
from ansible.utils.vars import load_extra_vars

from ansible_collections.attackforge.retest.plugins.module_utils._errors import OptionsError
from ansible_collections.attackforge.retest.plugins.module_utils._options import not_a_text
from ansible_collections.attackforge.retest.plugins.module_utils.operations._release import totals_of

_COLLECTION = "attackforge.retest."
# What a variable is called after its prefix, by role. A test holds it against the roles' specifications.
_SHARED = ("project_id", "round", "base_url", "api_key", "run_once", "as")
VARIABLES = {
    "attackforge_retest": (
        *("state", "select", "vulnerability_ids", "allow_empty", "release", "note", "mark_ready"),
        *("window_start", "window_end", "window_days", "on_reopened", "on_window_change", "on_duplicate", *_SHARED),
        *("projects", "at_once", "at_most"),
    ),
    "attackforge_retest_gate": (
        *("rounds", "wait", "wait_timeout", "wait_interval"),
        *("ignore_priorities", "fixed_only", "revision_history", "report", *_SHARED),
    ),
}
# Options whose variable is not called like them.
_VARIABLES = {
    "retesting_window_start": "window_start",
    "retesting_window_end": "window_end",
    "remediation_note": "note",
}
_STRUCTURED = ("select", "projects", "rounds")
_ALL = "all"  # attackforge_retest_projects: all
# What does not go with many projects.
_OF_ONE_PROJECT = ("project_id", "vulnerability_ids", "round")
_TEXTS = ("project_id", "release", "note")
_CONNECTION = ("base_url", "api_key", "ca_path", "validate_certs")
_REPORTS = (".md", ".html")
_PUBLISHED = ("changed", "retest", "vulnerabilities", "rounds", "message", "request", "totals", "projects")
_MAX_HOSTS = 10  # that a message lists
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ONLY_A_NAME = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")


def role_of(task: Any, task_vars: dict[str, Any], templar: Any, loader: Any) -> RoleTask | None:
    """The role of this collection that a task is part of, or None."""
    name = task._role.get_name() if task._role else ""
    short = name[len(_COLLECTION) :] if name.startswith(_COLLECTION) else ""
    return RoleTask(task, short, task_vars, templar, loader) if short in VARIABLES else None


class RoleTask:
    """The task of a role that calls a module."""

    def __init__(self, task: Any, name: str, task_vars: dict[str, Any], templar: Any, loader: Any) -> None:
        self._task = task
        self._prefix = f"{name}_"
        self._names = [f"{self._prefix}{variable}" for variable in VARIABLES[name]]
        self._vars = task_vars
        self._templar = templar
        self._loader = loader

    # Before the task

    def check(self) -> None:
        """Raise OptionsError with every mistake in the role's variables that its module cannot see."""
        mistakes = [
            *self._read_texts(),
            *self._of_one_project(),
            *self._untyped_texts(),
            *self._foreign_connection(),
            *self._different_hosts(),
            *self._wrong_report(),
        ]
        if mistakes:
            raise OptionsError(mistakes)

    def named_by_variables(self, message: str) -> str:
        """Put the role's variables in the place of the module's options: at the beginning of a line and, where they
        cannot be taken for an English word, anywhere."""
        options = {*_VARIABLES, *(name[len(self._prefix) :] for name in self._names)}
        any_option = f"({'|'.join(options)})"
        for named in (rf"^(- |){any_option}(?=[:\[.])", rf"^(value of |argument '){any_option}(?=[ '])"):
            message = re.sub(named, lambda m: m.group(1) + self._variable(m.group(2)), message, flags=re.MULTILINE)
        anywhere = re.compile(rf"(?<![\w.'\"])({'|'.join(name for name in options if '_' in name)})(?!\w)")
        return anywhere.sub(lambda match: self._variable(match.group(1)), message)

    def _variable(self, option: str) -> str:
        if option == "retesting_window_end" and not self._vars.get(f"{self._prefix}window_end"):
            return f"{self._prefix}window_days"
        return self._prefix + _VARIABLES.get(option, option)

    def _read_texts(self) -> Iterator[str]:
        """A survey, and -e name=value, give a text where a dictionary or a list is meant. It is read as YAML."""
        for option in _STRUCTURED:
            text = self._task.args.get(option)
            if isinstance(text, str):
                try:
                    value = yaml.safe_load(text)
                except yaml.YAMLError as error:
                    yield f"{self._variable(option)}: is not YAML ({' '.join(str(error).split())})"
                else:
                    if isinstance(value, (dict, list)):
                        self._task.args[option] = value

    def _of_one_project(self) -> Iterator[str]:
        """Many projects are for requesting alone, and what is said of one project means nothing there."""
        many = f"{self._prefix}projects"
        if self._given("projects") is None:
            return
        for name in _OF_ONE_PROJECT:
            if self._given(name) is not None:
                yield f"{self._prefix}{name}: does not go with {many}; set one of them"
        state = self._given("state")
        if state not in (None, "requested"):
            yield f"{self._prefix}state: {state} does not go with {many}; cancel or complete the rounds one by one"

    def _given(self, name: str) -> Any:
        """The value of a variable, or None where it is unset or left blank."""
        value = self._templar.template(self._vars.get(f"{self._prefix}{name}"))
        return None if value in ("", [], {}) or is_omitted(value, self._vars) else value

    def _untyped_texts(self) -> Iterator[str]:
        """ansible-core before 2.19 makes a text of a number in a template, so the variables themselves are read."""
        for name in _TEXTS:
            variable = f"{self._prefix}{name}"
            value = self._followed(self._vars.get(variable))
            if isinstance(value, (bool, int, float, date)) and not re.fullmatch("[0-9a-f]{24}", str(value)):
                yield f"{variable}: {not_a_text(value)}"

    def _followed(self, value: Any) -> Any:
        """The value of a variable that does nothing but name another one, as {{ release }} does."""
        for _step in range(10):  # more is a loop, which Ansible reports itself
            match = _ONLY_A_NAME.fullmatch(value.strip()) if isinstance(value, str) else None
            if not match:
                break
            value = self._vars.get(match.group(1))
        return value

    def _foreign_connection(self) -> Iterator[str]:
        """A shipped playbook runs in AWX, where earlier jobs leave extra variables. The key must not follow them."""
        if not self._is_shipped_playbook():
            return
        for name in _CONNECTION:
            variable = self._prefix + name
            if variable in load_extra_vars(self._loader):
                yield (
                    f"{variable}: comes from outside this playbook, as an extra variable or the artifact of an earlier "
                    "job, and decides where the key is sent. Set it in the environment, with a credential, instead"
                )

    def _is_shipped_playbook(self) -> bool:
        shipped = os.path.join(self._task._role._role_path, "..", "..", "playbooks")
        playbooks = str(self._vars.get("playbook_dir", ""))
        return os.path.realpath(playbooks) == os.path.realpath(shipped)

    def _different_hosts(self) -> Iterator[str]:
        """Where the role runs once for all hosts, a variable that differs between them would be that of the first."""
        hosts = self._vars.get("ansible_play_batch") or []
        if len(hosts) < 2 or not self._runs_once():
            return
        on = {host: self._variables_of(host) for host in hosts}
        used = {name: self._names_in(name) for name in self._names}
        differing = {
            name for name in set().union(*used.values()) if _differ(values.get(name) for values in on.values())
        }
        for name in self._names:
            if used[name] & differing:
                values = {host: self._value(name, variables) for host, variables in on.items()}
                if len({value for value in values.values() if value is not None}) > 1:
                    yield self._difference(name, values)

    def _runs_once(self) -> bool:
        """Under the strategies free and host_pinned Ansible runs the task for each host all the same, but then gives
        each result to all of them, so that a host could go by the verdict on another one's project."""
        return bool(self._templar.template(self._task.run_once))

    def _variables_of(self, host: str) -> dict[str, Any]:
        """The variables that this task has on a host, not yet templated."""
        hostvars = self._vars["hostvars"]
        variables: dict[str, Any] = _get_vars(hostvars._variable_manager)(
            play=self._task.play,
            host=hostvars._inventory.get_host(host),
            task=self._task,
            _hosts=self._vars["ansible_play_batch"],
            _hosts_all=self._vars["ansible_play_hosts_all"],
        )
        return variables

    def _names_in(self, name: str) -> set[str]:
        """The variable, and those that its template uses."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            name = waiting.pop()
            if name not in found and name in self._vars:
                found.add(name)
                value = self._vars[name]
                if name != "hostvars" and self._templar.is_template(value):
                    waiting += _NAME.findall(str(value))
        return found

    def _value(self, name: str, variables: dict[str, Any]) -> str | None:
        """The value of a variable on a host, as a text that can be compared. None where it has none."""
        value = variables.get(name)
        if self._templar.is_template(value):
            variables = {**variables, "hostvars": self._vars["hostvars"]}
            try:
                value = self._templar.copy_with_new_env(available_variables=variables).template(value)
            except Exception:  # Ansible's errors differ from version to version; the task's own host shows them
                return None
        return None if value is None else json.dumps(value, sort_keys=True, default=str)

    def _difference(self, name: str, values: Mapping[str, str | None]) -> str:
        hosts: dict[str | None, list[str]] = {}
        for host, value in values.items():
            hosts.setdefault(value, []).append(host)
        shown = [", ".join(some[:_MAX_HOSTS]) + (", ..." if len(some) > _MAX_HOSTS else "") for some in hosts.values()]
        return (
            f"{name}: differs between the hosts of this play ({' | '.join(shown)}), but the role runs once for all of "
            f"them. Give it one value, or set {self._prefix}run_once to false"
        )

    def _wrong_report(self) -> Iterator[str]:
        """Whether the report of the gate can be written, before a wait that may last for days."""
        variable = f"{self._prefix}report"
        values = self._templar.template([self._vars.get(variable)])  # in a list, what is omitted is no error
        value = values[0] if values else None
        if not isinstance(value, str) or value in ("", self._vars.get("omit")):
            return
        path = os.path.join(self._vars.get("playbook_dir", ""), value)
        if os.path.splitext(path)[1] not in _REPORTS:
            yield f"{variable}: {path} does not end in .md or .html"
        elif not os.path.isabs(value) and self._is_shipped_playbook():
            yield f"{variable}: {value} would be written into the collection; give an absolute path"
        elif not os.path.isdir(os.path.dirname(path)):
            yield f"{variable}: the controller has no folder {os.path.dirname(path)}; create it, or name another"

    # After the task

    def complete(self, result: dict[str, Any]) -> None:
        """Add to a result what the role publishes: the outcome of this pass, the artifact of the job, what hides it."""
        if result.get("failed"):
            result["msg"] = self.named_by_variables(result["msg"])
        name = self._templar.template(self._vars.get(f"{self._prefix}as"))
        artifact = result.get("verdict")
        if "vulnerabilities" in result or "retest" in result or "totals" in result:
            outcome = {key: result[key] for key in _PUBLISHED if key in result}
            artifact = self._merged(outcome)
            if not result.get("failed"):
                result["outcome"] = outcome
        if artifact is not None and name:  # as the action set_stats returns it
            result["ansible_stats"] = {"data": {name: artifact}, "per_host": False, "aggregate": False}
        if name in load_extra_vars(self._loader):
            result.setdefault("warnings", []).append(
                f"The extra variable {name}, perhaps the artifact of an earlier job, hides the fact of this name: "
                f"tasks after the role read the old value. Set {self._prefix}as to another name."
            )

    def _merged(self, outcome: dict[str, Any]) -> dict[str, Any]:
        """The outcome of this and all earlier passes: under serial, or free, the role runs several times in a job."""
        args = {name: value for name, value in self._task.args.items() if name not in _CONNECTION}
        said = json.dumps([self._task.get_path(), self._task.check_mode, args], sort_keys=True, default=str)
        digest = hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()
        path = os.path.join(C.DEFAULT_LOCAL_TMP, f"attackforge-{digest}.json")
        try:
            with open(path, encoding="utf-8") as file:
                outcome = merge(json.load(file), outcome)
        except FileNotFoundError:
            pass
        with open(path, "w", encoding="utf-8") as file:
            json.dump(outcome, file)
        return outcome


def merge(earlier: dict[str, Any], later: dict[str, Any]) -> dict[str, Any]:
    """The outcome of a job out of those of two passes: what the earlier one did was done."""
    merged = {**earlier, **{name: value for name, value in later.items() if value is not None}}
    merged["changed"] = earlier["changed"] or later["changed"]
    if isinstance(later.get("vulnerabilities"), list):
        before = {entry["id"]: entry for entry in earlier.get("vulnerabilities", ())}
        merged["vulnerabilities"] = [
            _merged_entry(before.get(entry["id"]), entry) for entry in later["vulnerabilities"]
        ]
    if isinstance(later.get("projects"), list):
        projects = {entry["project"]["id"]: entry for entry in earlier.get("projects", ())}
        merged["projects"] = [merge(projects.get(entry["project"]["id"], entry), entry) for entry in later["projects"]]
        merged["totals"] = totals_of(merged["projects"])
    return merged


def is_omitted(value: Any, task_vars: Mapping[str, Any]) -> bool:
    """Whether a value is Ansible's mark for a variable that was left out."""
    return value is not None and value == task_vars.get("omit")


def _merged_entry(earlier: dict[str, Any] | None, later: dict[str, Any]) -> dict[str, Any]:
    if earlier is None:
        return later
    requested = "requested" in (earlier["outcome"], later["outcome"])
    return {
        **later,
        "outcome": "requested" if requested else later["outcome"],
        "marked": earlier["marked"] or later["marked"],
        "noted": earlier["noted"] or later["noted"],
    }


def _differ(values: Iterable[Any]) -> bool:
    first, *others = values
    return any(value is not first and value != first for value in others)


@functools.lru_cache(maxsize=1)
def _get_vars(manager: Any) -> Callable[..., dict[str, Any]]:
    """How to read the variables of a host alone, without those of all others and, before core 2.19, of its delegate."""
    skipped = {"include_hostvars": False}
    if "include_delegate_to" in inspect.signature(manager.get_vars).parameters:
        skipped["include_delegate_to"] = False
    return functools.partial(manager.get_vars, **skipped)
