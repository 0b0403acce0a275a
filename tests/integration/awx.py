# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run jobs as AWX does: transmit from the controller, work in the execution environment, process on the controller."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tempfile

import ansible_runner
import yaml
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tests.integration.plays import BIN, ROOT, Plays

AWX = ROOT / "docs/awx"


class Loader(yaml.SafeLoader):
    """YAML as Ansible reads it."""


Loader.add_constructor("!unsafe", Loader.construct_yaml_str)


def object_of(module):
    """The arguments of the task with this module of awx.awx in objects.yml."""
    tasks = yaml.load((AWX / "objects.yml").read_text(encoding="utf-8"), Loader)
    return next(task["awx.awx." + module] for task in tasks if "awx.awx." + module in task)


class _Unsafe(yaml.SafeDumper):
    """Writes each text as one that is no template, as AWX does with what people say at a launch."""


_Unsafe.add_representer(str, lambda dumper, text: dumper.represent_scalar("!unsafe", text))


class Job:
    """A job that was run, and what it left.

    AWX keeps ``events``, ``artifacts`` and ``command`` in its database, and deletes the folders ``controller`` and
    ``worker``, of which the latter lies in the container.
    """

    def __init__(self, folder, sandbox, key, playbook, answers, verbosity=0):
        self.controller, self.worker = folder / "controller", folder / "worker"
        injectors = object_of("credential_type")["injectors"]
        template = ImmutableSandboxedEnvironment().from_string
        inputs = {"base_url": sandbox.url, "api_key": key}
        injected = {name: template(text).render(inputs) for name, text in injectors["env"].items()}
        self._write(playbook, answers, verbosity)
        (folder / "tmp").mkdir()
        with tempfile.TemporaryFile() as stream:
            self._transmit(stream, playbook, folder, injected)
            stream.seek(0)
            done = subprocess.run(
                [BIN / "ansible-runner", "worker", "--private-data-dir", self.worker],
                stdin=stream,
                stdout=subprocess.PIPE,
                check=False,
                timeout=120,
                cwd=folder,
                env={
                    "PATH": f"{BIN}:/usr/bin:/bin",
                    "HOME": str(folder),
                    "TMPDIR": str(folder / "tmp"),
                    "LC_ALL": "C.UTF-8",
                },
            )
        self.events = []
        result = ansible_runner.interface.run(
            streamer="process",
            _input=io.BytesIO(done.stdout),
            quiet=True,
            ident=1,
            private_data_dir=str(self.controller),
            event_handler=self.events.append,
            status_handler=self._keep,
        )
        self.status = result.status

    def _transmit(self, stream, playbook, folder, injected):
        ansible_runner.interface.run(
            streamer="transmit",
            _output=stream,
            ident=1,
            private_data_dir=str(self.controller),
            playbook=playbook,
            suppress_env_files=True,
            fact_cache_type="",
            envvars={
                "ANSIBLE_COLLECTIONS_PATH": Plays(folder).environment()["ANSIBLE_COLLECTIONS_PATH"],
                "ANSIBLE_RETRY_FILES_ENABLED": "False",
                "JOB_ID": "1",
                **injected,
            },
        )

    def _write(self, playbook, answers, verbosity):
        shutil.copytree(ROOT / "playbooks", self.controller / "project")
        for folder in ("env", "inventory"):
            (self.controller / folder).mkdir()
        inventory = self.controller / "inventory/hosts"
        inventory.write_text('#!/usr/bin/env python3\nprint(\'{"_meta": {"hostvars": {}}}\')\n', encoding="utf-8")
        inventory.chmod(0o700)
        arguments = ["-u root --diff"] + ["-" + verbosity * "v"] * (verbosity > 0)
        (self.controller / "env/cmdline").write_text(" ".join(arguments), encoding="utf-8")
        (self.controller / "env/extravars").write_text(yaml.dump(answers, Dumper=_Unsafe), encoding="utf-8")
        settings = {"suppress_ansible_output": True, "suppress_output_file": True}
        (self.controller / "env/settings").write_text(json.dumps(settings), encoding="utf-8")

    def _keep(self, _data, runner_config):
        self.command = runner_config.command

    @property
    def artifacts(self):
        """What set_stats left: AWX hands it to the next node of a workflow."""
        found = [
            event["event_data"]["artifact_data"]
            for event in self.events
            if "artifact_data" in event.get("event_data", {})
        ]
        return found[-1] if found else {}

    @property
    def output(self):
        return "\n".join(event.get("stdout", "") for event in self.events)
