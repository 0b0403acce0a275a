# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The front hall: the options every module shares, the client, every error, and the only exit.

An `Operation` is what a module does. `perform` runs it and always comes back with a result, so that a module and an
action plugin can be two thin shells around the same function.
"""

from __future__ import annotations

import json
import traceback
from typing import Callable, NamedTuple

from ansible.module_utils.basic import AnsibleModule, env_fallback, missing_required_lib
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.errors import RequiredError, UnsupportedError

from .client import Client
from .errors import AttackForgeError, OptionsError
from .redaction import hide
from .schemas import VOLUPTUOUS_IMPORT_ERROR, connection_mistakes, connection_options
from .transport import REQUESTS_IMPORT_ERROR
from .windows import present


def _from_environment(name, **option):
    return dict(option, fallback=(env_fallback, [f"ATTACKFORGE_{name}"]))


CONNECTION_SPEC = dict(
    base_url=_from_environment("BASE_URL", type="str", required=True),
    api_key=_from_environment("API_KEY", type="str", required=True, no_log=True),
    validate_certs=_from_environment("VALIDATE_CERTS", type="bool", default=True),
    ca_path=_from_environment("CA_PATH", type="path"),
    timeout=_from_environment("TIMEOUT", type="float", default=30),
    retries=_from_environment("RETRIES", type="int", default=4),
)


_LIBRARY_ERRORS = {"requests": REQUESTS_IMPORT_ERROR, "voluptuous": VOLUPTUOUS_IMPORT_ERROR}
LIBRARIES = not any(_LIBRARY_ERRORS.values())  # whether this interpreter has what is needed
NO_LOG_TEXT = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"  # as Ansible writes it


class Operation(NamedTuple):
    """What a module does.

    ``spec``: its options beside the shared ones, for Ansible's argument spec. ``judge(params, now)``: every mistake in
    their values, as messages. ``read(params, now)``: the options, made of params without mistakes.
    ``run(options, client, check_mode)``: the result's keys; raises AttackForgeError.
    """

    spec: dict
    judge: Callable
    read: Callable
    run: Callable

    @property
    def argument_spec(self):
        return dict(CONNECTION_SPEC, **self.spec)


def run_module(operation):
    """Be a module: the shell around an operation on the target host."""
    module = _Module(operation)
    result = hide(perform(operation, module.params, module.check_mode), module.params["api_key"])
    for warning in result.pop("warnings", ()):
        module.warn(warning)
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)


def run_in_process(operation, params, check_mode, connect):
    """Be a module in the controller's own process. Returns the result that the module would have returned.

    ``connect(connection)`` makes the client, or gives one that is connected already.
    """
    # As they would reach a module: plain values, without what Ansible's own types carry along.
    params = json.loads(json.dumps(params, default=str))
    validation = ArgumentSpecValidator(operation.argument_spec).validate(params)
    params = validation.validated_parameters
    mistakes = _all_mistakes(operation, validation, params)
    if mistakes:
        result = dict(failed=True, msg=OptionsError(mistakes).message)
    else:
        result = perform(operation, params, check_mode, connect)
    warnings = ["Both option {option} and its alias {alias} are set.".format(**both) for both in validation._warnings]
    if warnings or result.get("warnings"):
        result["warnings"] = warnings + result.get("warnings", [])
    else:
        result.pop("warnings", None)
    result["invocation"] = {"module_args": dict(params, api_key=params.get("api_key") and NO_LOG_TEXT)}
    if isinstance(params.get("api_key"), str):
        result = hide(result, params["api_key"])
    return remove_values(result, validation._no_log_values)


def perform(operation, params, check_mode, connect=Client):
    """Run an operation on params that Ansible's argument spec has passed. Returns a result, failed or not."""
    try:
        _require_libraries()
        now = present()
        mistakes = _mistakes(operation, params, now)
        if mistakes:
            raise OptionsError(mistakes)
        client = connect(connection_options(params))
        return operation.run(operation.read(params, now), client, check_mode)
    except AttackForgeError as error:
        return dict(error.facts, failed=True, msg=error.message)
    except Exception as error:  # a defect of this collection: no traceback, but enough to find the place
        place = traceback.extract_tb(error.__traceback__)[-1]
        return dict(
            failed=True,
            msg="This should not have happened: %s: %s (%s, line %d). Please report it."
            % (type(error).__name__, error, place.name, place.lineno),
        )


def _all_mistakes(operation, validation, params):
    """Every mistake in the arguments: what Ansible's argument spec finds, and what only the values tell."""
    mistakes = [_told(error) for error in validation.errors]
    return mistakes + _mistakes(operation, params, present()) if mistakes and LIBRARIES else mistakes


def _mistakes(operation, params, now):
    return connection_mistakes(params) + operation.judge(params, now)


def _require_libraries():
    for name, error in _LIBRARY_ERRORS.items():
        if error is not None:
            raise AttackForgeError(
                "{}. In an execution environment name it under dependencies.python of the environment's own "
                "definition: ansible-builder leaves voluptuous out of what it reads of a collection. ({})".format(
                    missing_required_lib(name).rstrip("."), error
                )
            )


class _Module(AnsibleModule):
    """An AnsibleModule that reports every mistake in the arguments, where Ansible stops at the first."""

    def __init__(self, operation):
        self._operation = operation
        self._begun = False
        super().__init__(argument_spec=operation.argument_spec, supports_check_mode=True)
        self._begun = True

    def fail_json(self, msg, **result):
        if not self._begun and getattr(self, "validation_result", None):
            msg = OptionsError(_all_mistakes(self._operation, self.validation_result, self.params)).message
        super().fail_json(msg, **result)


def _told(error):
    """What Ansible says of a mistake, and what it leaves out."""
    message = error.msg
    if isinstance(error, UnsupportedError):
        return f"unsupported option {message}"
    if isinstance(error, RequiredError):
        held = [
            "{} as {}".format(name, option["fallback"][1][0])
            for name, option in CONNECTION_SPEC.items()
            if option.get("required") and name in message
        ]
        if held:
            message += " (the environment may hold {})".format(", ".join(held))
    return message
