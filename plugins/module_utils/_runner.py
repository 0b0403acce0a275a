# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection alone. It can change in any release, without notice.

"""What modules and actions share: connection options, client, errors to results, and the only exit.

An `Operation` is what a module does. `perform` runs it and always comes back with a result, so that a module and an
action can be two thin shells around the same function.
"""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.errors import AnsibleFallbackNotFound, RequiredError, UnsupportedError

from ._answers import VOLUPTUOUS_IMPORT_ERROR
from ._client import Client
from ._connection import Connection, from_environment, variable_of
from ._errors import AttackForgeError, OptionsError
from ._http import REQUESTS_IMPORT_ERROR
from ._options import CONNECTION, Parser, untyped_texts
from ._play_watch import watch_controller
from ._redaction import mask
from ._windows import present

Result = dict[str, Any]
Params = dict[str, Any]


def _fallback(option: str) -> str:
    """The environment holds an option that a task does not set. An empty variable is an unset one."""
    value = from_environment(option)
    if value is None:
        raise AnsibleFallbackNotFound
    return value


def _from_environment(name: str, **option: Any) -> dict[str, Any]:
    return dict(option, fallback=(_fallback, [name]))


CONNECTION_SPEC: dict[str, dict[str, Any]] = dict(
    base_url=_from_environment("base_url", type="str", required=True),
    api_key=_from_environment("api_key", type="str", required=True, no_log=True),
    validate_certs=_from_environment("validate_certs", type="bool", default=True),
    ca_path=_from_environment("ca_path", type="path"),
    timeout=_from_environment("timeout", type="float", default=30),
    retries=_from_environment("retries", type="int", default=4),
)

_LIBRARY_ERRORS = {"requests": REQUESTS_IMPORT_ERROR, "voluptuous": VOLUPTUOUS_IMPORT_ERROR}
LIBRARIES = not any(_LIBRARY_ERRORS.values())  # whether this interpreter has what is needed
NO_LOG_TEXT = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"  # as Ansible writes it


class Operation(NamedTuple):
    """What a module does.

    ``spec``: its options beside the shared ones, for Ansible's argument spec. ``options``: how they become one typed
    object. ``run(options, client, check_mode)``: the result's keys; raises AttackForgeError.
    """

    spec: dict[str, dict[str, Any]]
    options: Parser
    run: Callable[[Any, Client, bool], Result]

    @property
    def argument_spec(self) -> dict[str, dict[str, Any]]:
        return dict(CONNECTION_SPEC, **self.spec)


def run_module(operation: Operation) -> None:
    """Be a module: the shell around an operation on the target host."""
    module = _Module(operation)

    def connect(connection: Connection) -> Client:
        return Client(connection, watch_controller(os.environ))

    result = mask(perform(operation, module.params, module.check_mode, connect), module.params["api_key"])
    for warning in result.pop("warnings", ()):
        module.warn(warning)
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)


def run_in_process(
    operation: Operation, params: Mapping[str, Any], check_mode: bool, connect: Callable[[Connection], Client]
) -> Result:
    """Be a module in the controller's own process. Returns the result that the module would have returned.

    ``connect(connection)`` makes the client, or gives one that is connected already.
    """
    mistakes = untyped_texts(operation.argument_spec, params)
    # As they would reach a module: plain values, without what Ansible's own types carry along; null is unset.
    plain = {name: value for name, value in json.loads(json.dumps(params, default=str)).items() if value is not None}
    validation = ArgumentSpecValidator(operation.argument_spec).validate(plain)
    checked: Params = validation.validated_parameters
    mistakes += _all_mistakes(operation, validation, checked) if mistakes or validation.errors else []
    if mistakes:
        result: Result = dict(failed=True, msg=OptionsError(mistakes).message)
    else:
        result = perform(operation, checked, check_mode, connect)
    if not result.get("warnings"):
        result.pop("warnings", None)
    result["invocation"] = {"module_args": dict(checked, api_key=checked.get("api_key") and NO_LOG_TEXT)}
    if isinstance(checked.get("api_key"), str):
        result = mask(result, checked["api_key"])
    return dict(remove_values(result, validation._no_log_values))


def perform(
    operation: Operation, params: Params, check_mode: bool, connect: Callable[[Connection], Client] = Client
) -> Result:
    """Run an operation on params that Ansible's argument spec has passed. Returns a result, failed or not."""
    try:
        _require_libraries()
        connection, options = _parsed(operation, params)
        return operation.run(options, connect(connection), check_mode)
    except AttackForgeError as error:
        return dict(error.facts, failed=True, msg=error.message)
    except Exception as error:  # a defect of this collection: no traceback, but enough to find the place
        place = traceback.extract_tb(error.__traceback__)[-1]
        return dict(
            failed=True,
            msg=f"This should not have happened: {type(error).__name__}: {error} ({place.name}, line {place.lineno}). "
            "Please report it.",
        )


def _parsed(operation: Operation, params: Params) -> tuple[Connection, Any]:
    """Read the options, once. Raises OptionsError with the mistakes of all of them."""
    now = present()
    parsed, mistakes = [], []
    for parser in (CONNECTION, operation.options):
        try:
            parsed.append(parser.parse(params, now))
        except OptionsError as error:
            mistakes += error.mistakes
    if mistakes:
        raise OptionsError(mistakes)
    return parsed[0], parsed[1]


def _all_mistakes(operation: Operation, validation: Any, params: Params) -> list[str]:
    """Every mistake in the options: what Ansible's argument spec finds, and what only the values show."""
    mistakes = [_spec_message(error) for error in validation.errors]
    if LIBRARIES:
        now = present()
        mistakes += CONNECTION.mistakes(params, now) + operation.options.mistakes(params, now)
    return mistakes


def _require_libraries() -> None:
    for name, error in _LIBRARY_ERRORS.items():
        if error is not None:
            raise AttackForgeError(
                f"{missing_required_lib(name).rstrip('.')}: pip install {name}. In an execution environment name it "
                "under dependencies.python of the environment's own definition: ansible-builder leaves voluptuous out "
                f"of what it reads of a collection. ({error})"
            )


class _Module(AnsibleModule):  # type: ignore[misc]
    """An AnsibleModule that reports every mistake in the options, where Ansible stops at the first."""

    params: Params

    def __init__(self, operation: Operation) -> None:
        self._operation = operation
        self._untyped: list[str] = []
        self._begun = False
        super().__init__(argument_spec=operation.argument_spec, supports_check_mode=True)
        self._begun = True
        if self._untyped:
            super().fail_json(OptionsError(self._untyped).message)

    def _load_params(self) -> None:
        super()._load_params()
        self._untyped = untyped_texts(self._operation.argument_spec, self.params)
        self.params = {name: value for name, value in self.params.items() if value is not None}

    def fail_json(self, msg: str, **result: Any) -> None:
        if not self._begun and getattr(self, "validation_result", None):
            mistakes = self._untyped + _all_mistakes(self._operation, self.validation_result, self.params)
            msg = OptionsError(mistakes).message
        super().fail_json(msg, **result)


def _spec_message(error: Any) -> str:
    """What Ansible says of a mistake, and what it leaves out."""
    message = str(error.msg)
    if isinstance(error, UnsupportedError):
        return f"unsupported option {message}"
    if isinstance(error, RequiredError):
        held = [
            f"{name} as {variable_of(name)}"
            for name, option in CONNECTION_SPEC.items()
            if option.get("required") and name in message
        ]
        if held:
            message += f" (the environment may hold {', '.join(held)})"
    return message
