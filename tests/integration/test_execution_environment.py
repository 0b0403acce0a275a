# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The images of docs/awx, as far as they can be made without a container engine; make image builds them.

The build context is made, its own script reads the installed artifact as it does in the image, and what it then tells
pip to install is installed into a clean environment, in which a playbook of the collection runs.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import pytest
import yaml
from ansible.release import __version__ as core

from tests.integration.plays import BIN, ROOT
from tests.pages import blocks_of
from tests.tools.definitions import NAMES, PAGE, blocks, definition

ARTIFACT = f"attackforge-retest-{yaml.safe_load((ROOT / 'galaxy.yml').read_text(encoding='utf-8'))['version']}.tar.gz"
REQUEST = (
    "attackforge_retest_project_id=66333e1d110ab5acf8a4354e "
    "attackforge_retest_vulnerability_ids=6639508f50523053f459d29f"
)


def run(*command, folder=None, **environment):
    # Nothing of the checkout may help.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    clean.pop("PYTHONPATH", None)
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**clean, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module", name="collections")
def fixture_collections(tmp_path_factory):
    """A collections path with the artifact in it, as ansible-galaxy lays it in the image."""
    dist, path = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("collections")
    run(sys.executable, ROOT / "tests/tools/build.py", dist)
    run(BIN / "ansible-galaxy", "collection", "install", next(dist.iterdir()), "-p", path, "--offline")
    return path


def create(folder, name, variant=None):
    """The build context of a definition, changed as the page says, in a folder that is laid out like a checkout."""
    place = folder / "docs/awx"
    place.mkdir(parents=True)
    (folder / "dist").mkdir()
    (folder / "dist" / ARTIFACT).write_bytes(b"an artifact")
    (place / "ansible.cfg").write_text(blocks("server")["ini"].text, encoding="utf-8")
    (place / f"{name}.yml").write_text(yaml.safe_dump(definition(name, variant)), encoding="utf-8")
    path = folder / "context"
    run(
        BIN / "ansible-builder", "create", "-f", place / f"{name}.yml", "-c", path, "--output-filename", "Containerfile"
    )
    return path


@pytest.fixture(scope="module", name="context", params=NAMES)
def fixture_context(tmp_path_factory, request):
    return create(tmp_path_factory.mktemp("context"), request.param)


@pytest.mark.parametrize("name", NAMES)
def test_from_a_file_the_artifact_is_in_the_context_and_installed_from_there(tmp_path, name):
    context = create(tmp_path, name, "file")
    [wanted] = yaml.safe_load((context / "_build/requirements.yml").read_text(encoding="utf-8"))["collections"]
    assert wanted["type"] == "file"
    # The build copies the folder _build and installs there.
    assert (context / "_build" / wanted["name"]).read_bytes() == b"an artifact"
    text = (context / "Containerfile").read_text(encoding="utf-8")
    assert "COPY _build /build\nWORKDIR /build\n" in text


@pytest.mark.parametrize("name", NAMES)
def test_from_a_server_the_build_has_its_address_before_it_installs(tmp_path, name):
    context = create(tmp_path, name, "server")
    text = (context / "Containerfile").read_text(encoding="utf-8")
    stage = text[text.index("FROM base AS galaxy") : text.index("AS builder")].splitlines()
    copied = next(number for number, line in enumerate(stage) if line.startswith("COPY") and "ansible.cfg" in line)
    _copy, source, target = stage[copied].split()
    assert target == "/etc/ansible/ansible.cfg"
    assert (context / source).read_text(encoding="utf-8") == blocks("server")["ini"].text
    assert copied < next(number for number, line in enumerate(stage) if "ansible-galaxy collection install" in line)
    # The variable in which ansible-galaxy takes the token of the server that the file names, in this stage alone.
    named = re.search(r"^server_list = (\w+)$", blocks("server")["ini"].text, re.MULTILINE)[1]
    argument = f"ARG ANSIBLE_GALAXY_SERVER_{named.upper()}_TOKEN"
    assert argument in stage and text.count(argument) == 1
    commands = "".join(block.text for block in blocks_of(PAGE) if block.language == "sh")
    assert f"--build-arg {argument[4:]}'" in commands and f"export {argument[4:]}=..." in commands


def test_debian_gets_its_package_manager_and_its_own_pip():
    made = definition("execution-environment-debian")
    assert made["options"] == {"package_manager_path": "/usr/bin/apt-get", "skip_pip_install": True}
    [step] = made["additional_build_steps"]["prepend_base"]
    assert step.startswith("RUN apt-get update && ") and step.endswith(" python3 python3-pip")


def test_the_definitions_install_the_same():
    first, second = (definition(name)["dependencies"] for name in NAMES)
    first.pop("python_interpreter")  # on Debian a build step has it
    assert first == second


def test_of_the_collection_alone_ansible_builder_takes_no_voluptuous(collections):
    """Why the definition names it. If this fails, the definition and its comments can lose it."""
    told = yaml.safe_load(run(BIN / "ansible-builder", "introspect", collections))
    assert [line.partition(" ")[0] for line in told["python"]] == ["requests>=2.31.0"]
    assert told["system"] == []


def test_the_image_gets_the_collection(context):
    wanted = yaml.safe_load((context / "_build/requirements.yml").read_text(encoding="utf-8"))
    assert wanted == {"collections": [{"name": "attackforge.retest"}]}
    assert "ansible-galaxy collection install" in (context / "Containerfile").read_text(encoding="utf-8")


def test_the_image_gets_the_oldest_ansible_core_that_the_collection_takes_or_newer(context):
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text(encoding="utf-8"))
    bound = re.match(r">=\d+\.\d+", runtime["requires_ansible"])[0]
    text = (context / "Containerfile").read_text(encoding="utf-8")
    assert f'ARG ANSIBLE_INSTALL_REFS="ansible-core{bound} ansible-runner"' in text


def test_what_it_installs_is_enough_for_a_playbook(context, collections, tmp_path, sandbox):
    text = (context / "Containerfile").read_text(encoding="utf-8")
    command = re.search(r"^RUN \$PYCMD /output/scripts/introspect.py introspect (.*)$", text, re.MULTILINE)[1]
    arguments = [word.replace("/tmp/src", str(tmp_path)) for word in shlex.split(command)]
    run(
        sys.executable,
        context / "_build/scripts/introspect.py",
        "introspect",
        *arguments,
        collections,
        folder=context / "_build",
    )
    requirements = tmp_path / "requirements.txt"
    assert {line.partition(">")[0] for line in requirements.read_text(encoding="utf-8").splitlines() if line} == {
        "requests",
        "voluptuous",
    }

    clean = tmp_path / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", clean)
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        clean / "bin/python",
        "install",
        "-qq",
        "--disable-pip-version-check",
        "--no-input",
        "ansible-core==" + core,
        "-r",
        requirements,
    )
    run(
        clean / "bin/ansible-playbook",
        "attackforge.retest.request",
        "-e",
        REQUEST,
        folder=tmp_path,
        HOME=str(tmp_path),
        ANSIBLE_COLLECTIONS_PATH=str(collections),
        ATTACKFORGE_BASE_URL=sandbox.url,
        ATTACKFORGE_API_KEY=sandbox.key,
    )
    assert sandbox.books()["open_rounds"] == [2]
