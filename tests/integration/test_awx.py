# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/awx sets up a controller: applied by the modules of awx.awx to a stand-in, then held against AWX's rules."""

from __future__ import annotations

import copy
import json
import re
import shlex
import tempfile
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ansible_collections.attackforge.retest.plugins.module_utils._connection import variable_of
from tests.integration.awx import object_of
from tests.integration.controller import Controller
from tests.integration.plays import ROOT, Plays
from tests.pages import blocks_of, text_of
from tests.tools.awx_collection import collections

KEY = "Zq7X+core/X7qZ"
TEMPLATES = ["request", "gate", "cancel"]
NAMES = {
    "request": "AttackForge retest request",
    "gate": "AttackForge release gate",
    "cancel": "AttackForge retest cancel",
}
ROLES = {"request": "attackforge_retest", "gate": "attackforge_retest_gate", "cancel": "attackforge_retest"}
# What AWX takes for a playbook when it lists those of a project.
PLAYBOOK = re.compile(
    r"^\s*?-?\s*?(?:hosts|(ansible\.builtin\.)?include|(ansible\.builtin\.)?import_playbook):", re.MULTILINE
)
# The type of an answer by the type of its question, and of a default.
ANSWERS = {"text": str, "textarea": str, "multiplechoice": str, "multiselect": list, "integer": int, "float": float}


def commands():
    """The commands of the page, each as a list of words."""
    text = "".join(block.text for block in blocks_of("docs/awx.md") if "test" in block.notes and block.language == "sh")
    return [shlex.split(line) for line in text.replace("\\\n", "").splitlines()]


def command(name):
    """The words behind a command that the page has, the first time that it has it."""
    return next(words[1:] for words in commands() if words[0] == name)


REPOSITORY = next(word.partition("=")[2] for word in command("ansible-playbook") if "project_url=" in word)
PLAYBOOKS = ["request.yml", "gate.yml", "cancel.yml", "other.yml"]


def configure(folder, controller, *arguments, flags=(), **environment):
    """Run the page's command, with more arguments, against a controller."""
    playbook, *said = command("ansible-playbook")
    return Plays(Path(tempfile.mkdtemp(dir=folder))).run(
        ROOT / playbook,
        *flags,
        *said,
        *arguments,
        environment={
            "ANSIBLE_COLLECTIONS_PATH": collections(),
            "ANSIBLE_PIPELINING": "true",
            "CONTROLLER_HOST": controller.url,
            "CONTROLLER_OAUTH_TOKEN": controller.token,
            "ATTACKFORGE_BASE_URL": "https://tenant.attackforge.com",
            "ATTACKFORGE_API_KEY": KEY,
            **environment,
        },
    )


def controller_with_what_must_be_there():
    """A controller with an organization, a job template that patches, and a repository of the playbooks."""
    controller = Controller()
    controller.add(
        "job_templates", name="Patch rollout", organization=controller.add("organizations", name="Default")["id"]
    )
    controller.repositories[REPOSITORY] = PLAYBOOKS
    return controller


@pytest.fixture(scope="module", name="applied")
def fixture_applied(tmp_path_factory):
    """A controller after the page's command was run twice."""
    folder = tmp_path_factory.mktemp("awx")
    with controller_with_what_must_be_there() as controller:
        runs = [configure(folder, controller, flags=["-vvvv"]) for _time in range(2)]
    for run in runs:
        assert run.rc == 0, run.output
    return controller, runs


@pytest.fixture(name="controller")
def fixture_controller(applied):
    return applied[0]


def options_of(role):
    path = ROOT / "roles" / role / "meta/argument_specs.yml"
    [entry] = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values()
    return entry["options"]


def test_it_is_applied_and_a_rerun_only_writes_the_secret_again(applied):
    controller, (first, second) = applied
    assert first.changed() == [
        "Credential type",
        "Credential",
        "Execution environment",
        "Project",
        "Inventory",
        "Job templates",
        "Workflow",
    ]
    assert second.changed() == ["Credential"]
    assert {kind: len(found) for kind, found in controller.objects.items()} == {
        "organizations": 1,
        "credential_types": 1,
        "credentials": 1,
        "execution_environments": 1,
        "projects": 1,
        "project_updates": 2,
        "inventories": 1,
        "job_templates": 4,
        "workflow_job_templates": 1,
        "workflow_job_template_nodes": 2,
    }


def test_the_key_is_where_it_belongs_and_in_no_output(applied):
    controller, runs = applied
    assert controller.named("credentials", "AttackForge")["inputs"]["api_key"] == KEY
    assert json.dumps(controller.objects).count("X+core/X") == 1
    for run in runs:
        assert "X+core/X" not in run.output


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"ATTACKFORGE_API_KEY": None}, "Export ATTACKFORGE_API_KEY."),
        ({"ATTACKFORGE_BASE_URL": ""}, "Export ATTACKFORGE_BASE_URL."),
    ],
    ids=["no key", "an empty URL"],
)
def test_without_the_environment_nothing_is_sent(tmp_path, changed, said):
    with controller_with_what_must_be_there() as controller:
        run = configure(tmp_path, controller, **changed)
    assert run.rc == 2 and said in run.output
    assert controller.writes == []


@pytest.mark.parametrize("variable", ["image", "project_url", "organization", "patch_template"])
def test_a_variable_that_is_empty_is_named_and_nothing_is_made(tmp_path, variable):
    with controller_with_what_must_be_there() as controller:
        run = configure(tmp_path, controller, "-e", f"attackforge_awx_{variable}=")
    assert run.rc == 2 and f"Add -e attackforge_awx_{variable}=..." in run.output
    assert controller.writes == []


MADE = ["credentials", "execution_environments", "projects", "inventories", "job_templates", "workflow_job_templates"]
MISSING = {
    "the patch template": (
        ["-e", "attackforge_awx_patch_template=Patching"],
        "0 job templates named Patching in the organization Default",
        "-e attackforge_awx_patch_template=...",
    ),
    "the patch template, which another organization has": (
        ["-e", "attackforge_awx_organization=Operations"],
        "0 job templates named Patch rollout in the organization Operations",
        "-e attackforge_awx_patch_template=...",
    ),
    "the organization": (
        ["-e", "attackforge_awx_organization=Elsewhere"],
        "0 organizations named Elsewhere;",
        "-e attackforge_awx_organization=...",
    ),
    "the registry's credential": (
        ["-e", "attackforge_awx_image_credential=Registry"],
        "0 credentials named Registry;",
        "-e attackforge_awx_image_credential=...",
    ),
    "the repository's credential, of which there are two": (
        ["-e", "attackforge_awx_project_credential=Git"],
        "2 credentials named Git;",
        "-e attackforge_awx_project_credential=...",
    ),
}


@pytest.mark.parametrize("case", MISSING)
def test_what_is_missing_is_named_before_anything_is_made(tmp_path, case):
    arguments, said, advice = MISSING[case]
    with controller_with_what_must_be_there() as controller:
        controller.add("organizations", name="Operations")
        for _time in range(2):
            controller.add("credentials", name="Git")
        run = configure(tmp_path, controller, *arguments)
    assert run.rc == 2 and said in run.output and advice in run.output
    assert controller.writes == []


def test_everything_that_is_missing_is_named_at_once(tmp_path):
    arguments = [word for words, _said, _advice in MISSING.values() for word in words]
    with controller_with_what_must_be_there() as controller:
        run = configure(tmp_path, controller, *arguments)
    assert all(f"-e attackforge_awx_{name}=..." in run.output for name in ("organization", "patch_template"))
    assert all(f"-e attackforge_awx_{name}_credential=..." in run.output for name in ("image", "project"))
    assert controller.writes == []


def test_a_repository_that_could_not_be_read_is_read_by_the_next_run(tmp_path):
    with controller_with_what_must_be_there() as controller:
        del controller.repositories[REPOSITORY]
        first = configure(tmp_path, controller)
        assert first.rc == 2 and first.outcome("Project") == "failed"
        controller.repositories[REPOSITORY] = PLAYBOOKS
        second = configure(tmp_path, controller)
        assert second.rc == 0, second.output
    assert len(controller.of("workflow_job_template_nodes")) == 2


def test_a_playbook_that_the_repository_lacks_is_named(tmp_path):
    with controller_with_what_must_be_there() as controller:
        controller.repositories[REPOSITORY] = ["request.yml", "cancel.yml"]
        first = configure(tmp_path, controller)
        assert first.rc == 2 and f"{REPOSITORY} has no gate.yml in its top folder." in first.output
        assert len(controller.of("job_templates")) == 1, "only the one that was there before"
        controller.repositories[REPOSITORY] = PLAYBOOKS
        second = configure(tmp_path, controller)
    assert second.rc == 0 and "Project" in second.changed(), second.output


def test_two_organizations_of_one_controller_are_set_up_side_by_side(tmp_path):
    with controller_with_what_must_be_there() as controller:
        other = controller.add("organizations", name="Operations")
        controller.add("job_templates", name="Patch rollout", organization=other["id"])
        assert configure(tmp_path, controller).rc == 0
        before = copy.deepcopy({kind: controller.of(kind) for kind in MADE})
        second = configure(tmp_path, controller, "-e", "attackforge_awx_organization=Operations")
        assert second.rc == 0, second.output
    for kind in MADE:
        assert controller.of(kind)[: len(before[kind])] == before[kind]
        new = controller.of(kind)[len(before[kind]) :]
        assert new and {one["organization"] for one in new} == {other["id"]}
    own = {kind: [one["id"] for one in controller.of(kind) if one["organization"] == other["id"]] for kind in MADE}
    for template in controller.of("job_templates")[-3:]:
        assert template["credentials"] == own["credentials"]
        assert [template["inventory"]] == own["inventories"] and [template["project"]] == own["projects"]
        assert [template["execution_environment"]] == own["execution_environments"]


def test_the_page_names_what_is_there(controller):
    builds = [words[1:] for words in commands() if words[0] == "ansible-builder"]
    _build, _f, definition, _t, image = builds[0]
    assert (ROOT / definition).is_file() and command("podman") == ["push", image]
    assert all(words[:5] == builds[0] for words in builds)
    assert controller.named("execution_environments", "AttackForge Default")["image"] == image
    assert command("ansible-galaxy") == ["collection", "install", "awx.awx"]
    fragment = collections() / "ansible_collections/awx/awx/plugins/doc_fragments/auth.py"
    known = fragment.read_text(encoding="utf-8") + " ".join(map(variable_of, ("base_url", "api_key")))
    exported = {words[1].partition("=")[0] for words in commands() if words[0] == "export"}
    assert {"CONTROLLER_HOST", "ATTACKFORGE_API_KEY"} < exported
    # test_execution_environment.py holds the variable of the build.
    exported.remove("ANSIBLE_GALAXY_SERVER_HUB_TOKEN")
    assert all(re.search(rf"\b{name}\b", known) for name in exported)
    page = text_of("docs/awx.md")
    assert all((ROOT / path).exists() for path in re.findall(r"docs/awx/[\w./-]*\w", page))
    variables = re.compile(r"\battackforge_awx_(?!templates\b|made_)\w+")
    used = text_of("docs/awx/configure.yml") + text_of("docs/awx/objects.yml")
    assert set(variables.findall(page)) == set(variables.findall(used))
    made = [one["name"] for kind in ("job_templates", "workflow_job_templates") for one in controller.of(kind)]
    assert set(made) - {"Patch rollout"} == set(re.findall(r"^\| (AttackForge [\w ]*\w)", page, re.MULTILINE))


def test_the_credential_type_is_one_that_awx_takes(controller):
    kind = controller.named("credential_types", "AttackForge")
    assert kind["kind"] == "cloud"
    fields = {field["id"]: field for field in kind["inputs"]["fields"]}
    assert set(kind["inputs"]) == {"fields", "required"} and set(kind["inputs"]["required"]) == set(fields)
    for field in fields.values():
        assert {"id", "label"} <= set(field) <= {"id", "label", "type", "format", "help_text", "secret"}
        assert field["type"] == "string" and field.get("format") in (None, "url")
    assert {name for name, field in fields.items() if field.get("secret")} == {"api_key"}
    assert set(controller.named("credentials", "AttackForge")["inputs"]) == set(fields)


def test_it_injects_into_the_environment_alone_and_only_what_it_has(controller):
    kind = controller.named("credential_types", "AttackForge")
    assert set(kind["injectors"]) == {"env"}
    values = {field["id"]: "the " + field["id"] for field in kind["inputs"]["fields"]}
    sandbox = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    assert {name: sandbox.from_string(text).render(values) for name, text in kind["injectors"]["env"].items()} == {
        variable_of(name): "the " + name for name in ("base_url", "api_key")
    }


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_job_template_runs_a_playbook_of_the_project_with_the_credential(controller, name):
    template = controller.named("job_templates", NAMES[name])
    assert template["playbook"] == name + ".yml"
    assert template["job_slice_count"] == 1 and template["allow_simultaneous"] is False
    for field, kind, called in (
        ("project", "projects", "AttackForge"),
        ("inventory", "inventories", "AttackForge"),
        ("execution_environment", "execution_environments", "AttackForge Default"),
    ):
        assert template[field] == controller.named(kind, called)["id"]
    assert template["credentials"] == [controller.named("credentials", "AttackForge")["id"]]
    text = (ROOT / "playbooks" / template["playbook"]).read_text(encoding="utf-8")
    assert PLAYBOOK.search(text), "AWX does not list it"
    assert f"name: attackforge.retest.{ROLES[name]}\n" in text


@pytest.mark.parametrize("name", TEMPLATES)
def test_nobody_can_send_the_key_elsewhere(controller, name):
    """Who may only launch must not be able to say a base URL."""
    template = controller.named("job_templates", NAMES[name])
    assert template["ask_variables_on_launch"] is False and template["survey_enabled"] is True
    assert not [
        question
        for question in template["survey_spec"]["spec"]
        if question["variable"].endswith(("_base_url", "_api_key"))
    ]


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_survey_is_one_that_awx_takes_and_the_role_understands(controller, name):
    survey = controller.named("job_templates", NAMES[name])["survey_spec"]
    assert set(survey) == {"name", "description", "spec"}
    options = options_of(ROLES[name])
    variables = [question["variable"] for question in survey["spec"]]
    assert len(set(variables)) == len(variables) and set(variables) <= set(options)
    for question in survey["spec"]:
        option = options[question["variable"]]
        assert {"variable", "question_name", "question_description", "type", "required"} <= set(question)
        assert set(question) <= {
            "variable",
            "question_name",
            "question_description",
            "type",
            "required",
            "default",
            "choices",
            "min",
            "max",
        }
        assert question["type"] in ANSWERS and isinstance(question["required"], bool)
        assert all(isinstance(question.get(limit, 0), int) for limit in ("min", "max"))
        assert ("choices" in question) == question["type"].startswith("multi")
        choices = ["true", "false"] if option["type"] == "bool" else option.get("choices", [])
        assert set(question.get("choices", [])) <= set(choices)
        assert not option.get("required") or question["required"]
        assert question["type"] != "multiselect" or "default" in question
        if question.get("default", "") != "":
            assert isinstance(question["default"], ANSWERS[question["type"]])
            assert yaml.safe_load(str(question["default"])) == option["default"]


# What people, or a rulebook, may answer: {template: [answers]}
PROJECT = "66333e1d110ab5acf8a4354e"
SAID = {
    "request": [
        {"attackforge_retest_project_id": PROJECT, "attackforge_retest_select": '{"tags": ["release-2026.12"]}'},
        {
            "attackforge_retest_project_id": PROJECT,
            "attackforge_retest_select": '{"alternate_ids": ["WEBAPP-1"]}',
            "attackforge_retest_release": "2026.12",
            "attackforge_retest_window_start": "+2d",
            "attackforge_retest_window_days": 5,
            "attackforge_retest_on_reopened": "request",
            "attackforge_retest_on_window_change": "replace",
        },
        {"attackforge_retest_projects": "groups: [Payments]", "attackforge_retest_select": "tags: [release-2026.12]"},
    ],
    "gate": [
        {"attackforge_retest_gate_project_id": PROJECT},
        {
            "attackforge_retest_gate_project_id": PROJECT,
            "attackforge_retest_gate_round": 2,
            "attackforge_retest_gate_ignore_priorities": ["Low", "Info"],
            "attackforge_retest_gate_fixed_only": "true",
        },
    ],
    "cancel": [
        {"attackforge_retest_project_id": PROJECT},
        {"attackforge_retest_project_id": PROJECT, "attackforge_retest_round": 2},
    ],
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_answers_satisfy_the_survey_and_the_role(controller, name):
    questions = {
        question["variable"]: question
        for question in controller.named("job_templates", NAMES[name])["survey_spec"]["spec"]
    }
    validator = ArgumentSpecValidator(
        {
            key: {
                word: value
                for word, value in option.items()
                if word in ("type", "elements", "required", "choices", "no_log")
            }
            for key, option in options_of(ROLES[name]).items()
        }
    )
    for answers in SAID[name]:
        assert {key for key, question in questions.items() if question["required"]} <= set(answers) <= set(questions)
        for key, answer in answers.items():
            assert isinstance(answer, ANSWERS[questions[key]["type"]])
        assert validator.validate(answers).error_messages == []
    assert set().union(*SAID[name]) == set(questions)


def test_the_workflow_patches_and_then_requests(controller):
    workflow = controller.named("workflow_job_templates", "AttackForge patch and retest")
    nodes = {node["identifier"]: node for node in controller.of("workflow_job_template_nodes")}
    assert {node["workflow_job_template"] for node in nodes.values()} == {workflow["id"]}
    template_of = {
        name: next(one["name"] for one in controller.of("job_templates") if one["id"] == node["unified_job_template"])
        for name, node in nodes.items()
    }
    assert template_of == {"patch": "Patch rollout", "request": NAMES["request"]}
    assert nodes["patch"]["success_nodes"] == [nodes["request"]["id"]]
    assert [part for part in nodes["patch"] if part.endswith("_nodes")] == ["success_nodes"]
    assert not [part for part in nodes["request"] if part.endswith("_nodes")]
    # A workflow passes its answers on to all its nodes.
    assert workflow["survey_enabled"] is True and workflow["ask_variables_on_launch"] is False
    assert workflow["survey_spec"] == controller.named("job_templates", NAMES["request"])["survey_spec"]


def spec_of(options):
    """An argument spec of what a module documents, for what its own argument spec leaves open."""
    return {
        name: {
            "type": option.get("type", "str"),
            **{word: option[word] for word in ("required", "choices", "elements") if word in option},
            **({"options": spec_of(option["suboptions"])} if "suboptions" in option else {}),
        }
        for name, option in options.items()
    }


def test_the_nodes_are_written_as_the_module_documents_them():
    path = collections() / "ansible_collections/awx/awx/plugins/modules/workflow_job_template.py"
    text = re.search(r"^DOCUMENTATION = '''(.*?)'''", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)[1]
    documented = yaml.safe_load(text)["options"]["workflow_nodes"]
    nodes = object_of("workflow_job_template")["workflow_nodes"]
    validator = ArgumentSpecValidator({"workflow_nodes": spec_of({"nodes": documented})["nodes"]})
    assert validator.validate({"workflow_nodes": nodes}).error_messages == []


def test_the_rulebook_s_inventory_has_the_host_that_the_rulebook_names():
    [block] = [one for one in blocks_of("docs/awx.md") if one.text.startswith("all:")]
    rulebook = yaml.safe_load((ROOT / "extensions/eda/rulebooks/gate_on_controller.yml").read_text(encoding="utf-8"))
    assert list(yaml.safe_load(block.text)["all"]["hosts"]) == [rulebook[0]["hosts"]]


def test_the_rulebook_launches_the_gate_with_answers_that_it_takes(controller):
    rulebook = yaml.safe_load((ROOT / "extensions/eda/rulebooks/gate_on_controller.yml").read_text(encoding="utf-8"))
    launch = rulebook[0]["rules"][0]["action"]["run_job_template"]
    assert re.search(r"default\('(.*?)'\)", launch["name"])[1] == NAMES["gate"]
    assert re.search(r"default\('(.*?)'\)", launch["organization"])[1] == "Default"
    questions = controller.named("job_templates", NAMES["gate"])["survey_spec"]["spec"]
    sent = set(launch["job_args"]["extra_vars"])
    assert {question["variable"] for question in questions if question["required"]} <= sent
    assert sent <= {question["variable"] for question in questions}
