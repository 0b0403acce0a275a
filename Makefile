# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The only way in. Everything is installed into VENV; what is built on the way lies in .build, the artifact in dist.

PYTHON ?= python3
VENV ?= .venv
# Which versions the tests run with: newest, middle or oldest; see tests/constraints.
VERSIONS ?= newest
# What else pytest is told.
PYTEST ?=
# How many processes run the tests. They wait a good part of their time: three keep two cores busy.
JOBS ?= 3
# How many schedules the storm has, and where it begins.
N ?= 1000
SEED ?= 1
# How long the soak is, and how fast: see python -m tests.eda.soak --help.
SOAK ?=
# What has to pass before a release.
CHECKS ?= test

CONSTRAINTS := tests/constraints/$(VERSIONS).txt
# The linters are for the newest alone.
TOOLS := tests/requirements.txt $(if $(filter newest,$(VERSIONS)),tests/requirements-lint.txt)
REQUIREMENTS := $(TOOLS) $(CONSTRAINTS) requirements.txt tests/sandbox/requirements.txt
MEASURE = COVERAGE_RCFILE=tests/coverage.ini CHECKOUT='$(CURDIR)' $(PY) -m coverage
PIP_INSTALL := -m pip install -qq --disable-pip-version-check --no-input
READY := $(VENV)/.ready
# ansible-rulebook has an environment of its own, with the Java that it needs.
EDA := $(VENV)-eda
# So have the clients that others wrote.
CLIENTS := $(VENV)-clients
PY := $(VENV)/bin/python
LINK := .build/collections/ansible_collections/attackforge/retest

# ansible-test and ansible-lint find their helpers on PATH.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.build/collections
# The tests decide on these themselves; a proxy or a setting of the user's must not decide for them.
unexport ANSIBLE_CONFIG PYTHONPATH
unexport ATTACKFORGE_BASE_URL ATTACKFORGE_API_KEY ATTACKFORGE_VALIDATE_CERTS
unexport ATTACKFORGE_CA_PATH ATTACKFORGE_TIMEOUT ATTACKFORGE_RETRIES

headline = @printf '\n==> %s\n\n' '$(1)'

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo sandbox test unit integration oldest sanity lint format docs-lint docs build importer eda clients matrix coverage \
	soak storm bench mutants findings image release venv clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | \
	    while IFS="$$(printf '\t')" read -r name text; do printf 'make %-12s %s\n' "$$name" "$$text"; done

demo: venv ## a release, its retest and its gate, against the sandbox on this machine
	@$(PY) -m tests.demo

sandbox: venv ## start the sandbox, a local AttackForge, and leave it running until Ctrl-C
	@$(PY) -m tests.sandbox

test: unit integration oldest eda sanity lint docs-lint build importer ## everything below, up to the first that fails
	$(call headline,make test: passed)

unit: venv ## unit tests
	$(call headline,unit tests)
	@$(PY) -m pytest tests/unit -n $(JOBS) $(PYTEST)

integration: venv ## integration tests: real ansible-playbook runs against the sandbox
	$(call headline,integration tests)
	@$(PY) -m pytest tests/integration -n $(JOBS) --dist loadfile $(PYTEST)

# In an environment of its own beside the first. The whole of the integration tests is the matrix's.
oldest: ## unit tests and the integration tests of Ansible's own machinery, with the oldest versions
	@$(MAKE) --no-print-directory VERSIONS=oldest VENV='$(VENV)-oldest' unit
	@$(MAKE) --no-print-directory VERSIONS=oldest VENV='$(VENV)-oldest' PYTEST='-m every_core' integration

sanity: venv ## ansible-test sanity, every test, nothing ignored
	$(call headline,ansible-test sanity)
	@$(PY) tests/tools/sanity.py

lint: venv ## ruff, mypy, ansible-lint, yamllint, the changelog fragments, the workflows and templates of the forge
	$(call headline,lint)
	@$(VENV)/bin/ruff check --quiet .
	@$(VENV)/bin/ruff format --quiet --check .
	@$(PY) tests/tools/typecheck.py
	@$(VENV)/bin/ansible-lint
	@$(VENV)/bin/yamllint --strict .
	@$(VENV)/bin/antsibull-changelog lint
	@$(VENV)/bin/shellcheck .ci/run tests/tools/dnf_base.sh
	@$(VENV)/bin/shellcheck --external-sources --source-path=SCRIPTDIR findings/*.sh
	@$(VENV)/bin/zizmor --offline --quiet --no-progress .github
	@$(VENV)/bin/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(VENV)/bin/check-jsonschema --quiet --builtin-schema vendor.renovate .github/renovate.json
	@$(VENV)/bin/check-jsonschema --quiet --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	@$(VENV)/bin/check-jsonschema --quiet --builtin-schema vendor.github-issue-forms \
	    .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/idea.yml

format: venv ## mend and format the Python code with ruff
	@$(VENV)/bin/ruff check --quiet --fix .
	@$(VENV)/bin/ruff format --quiet .

docs-lint: venv ## the documentation of plugins and roles
	$(call headline,lint of the documentation)
	@$(VENV)/bin/antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs all .

docs: venv ## the documentation as a site, in .build/site/html
	$(call headline,documentation site)
	@$(PY) $(PIP_INSTALL) -r docs/site/requirements.txt
	@$(PY) docs/site/build.py .build/site

build: venv ## the artifact, in dist
	$(call headline,build)
	@$(PY) tests/tools/build.py dist

importer: build ## the artifact, as Galaxy's importer sees it
	$(call headline,import of the artifact)
	@'$(PYTHON)' -m venv .venv-importer
	@.venv-importer/bin/python $(PIP_INSTALL) -r tests/tools/requirements-importer.txt
	@.venv-importer/bin/python tests/tools/importer.py dist

eda: $(EDA)/.ready $(LINK) ## the event sources and the rulebooks, with a real ansible-rulebook
	$(call headline,event sources and rulebooks)
	@$(EDA)/bin/python -m pytest tests/eda -n $(JOBS) --dist worksteal

clients: $(CLIENTS)/.ready ## clients that others wrote take the sandbox for AttackForge
	$(call headline,clients against the sandbox)
	@$(CLIENTS)/bin/python -m pytest tests/clients

soak: $(EDA)/.ready $(LINK) ## the event source for ten minutes at 200 events a second: make soak SOAK='--seconds 60'
	@$(EDA)/bin/python -m tests.eda.soak $(SOAK)

matrix: venv ## every ansible-core on its Pythons, or one cell: make matrix CELL=2.17-py3.11
	@$(PY) $(PIP_INSTALL) -r tests/tools/requirements-matrix.txt
	@$(VENV)/bin/nox $(if $(CELL),--session $(CELL))

coverage: venv ## which lines and branches of plugins the unit and integration tests run
	$(call headline,coverage)
	@rm -rf .build/coverage
	@mkdir -p .build/coverage
	@$(MEASURE) run -m pytest tests/unit tests/integration -n $(JOBS) --dist loadfile $(PYTEST)
	@find .build/coverage -size 0 -delete  # of workers that Ansible ended while they wrote
	@$(MEASURE) combine -q
	@$(MEASURE) report

storm: venv ## a large storm of random faults: make storm N=1000 SEED=1
	@$(PY) -m tests.storm --runs $(N) --seed $(SEED)

bench: venv ## the collection side by side with uri tasks
	@$(PY) -m tests.bench

mutants: venv ## which small changes of the pure modules no unit test notices; takes an hour
	@$(PY) $(PIP_INSTALL) -r tests/tools/requirements-mutants.txt
	@$(PY) tests/tools/mutants.py

image: venv ## the images of docs/awx, built by podman, with the release step run in each; needs root
	$(call headline,images)
	@$(PY) -m tests.tools.image

findings: ## what surprised in the libraries and tools beneath, run anew; FINDINGS='role_null role_omit' are two of them
	@'$(PYTHON)' findings/run.py $(FINDINGS)

release: venv ## the signed artifact of a version: make release VERSION=1.2.3 GPG_KEY=...
	@$(PY) tests/tools/release.py '$(VERSION)' '$(GPG_KEY)' $(CHECKS)

venv: $(READY) $(LINK)

$(READY): $(REQUIREMENTS) tests/tools/check_python.py
	@command -v '$(PYTHON)' >/dev/null || { echo 'No $(PYTHON) here. Say which Python: make PYTHON=...' >&2; exit 1; }
	@'$(PYTHON)' tests/tools/check_python.py
	$(call headline,install the tools into $(VENV))
	@'$(PYTHON)' -m venv --clear '$(VENV)'
	@$(PY) $(PIP_INSTALL) $(TOOLS:%=-r %) -c $(CONSTRAINTS)
	@touch '$@'

$(EDA)/.ready: tests/requirements-eda.txt tests/sandbox/requirements.txt tests/tools/check_python.py
	@'$(PYTHON)' tests/tools/check_python.py
	$(call headline,install ansible-rulebook and Java into $(EDA))
	@'$(PYTHON)' -m venv --clear '$(EDA)'
	@$(EDA)/bin/python $(PIP_INSTALL) -r tests/requirements-eda.txt
	@touch '$@'

$(CLIENTS)/.ready: tests/clients/requirements.txt tests/sandbox/requirements.txt tests/tools/check_python.py
	@'$(PYTHON)' tests/tools/check_python.py
	$(call headline,install the clients into $(CLIENTS))
	@'$(PYTHON)' -m venv --clear '$(CLIENTS)'
	@$(CLIENTS)/bin/python $(PIP_INSTALL) -r tests/clients/requirements.txt
	@touch '$@'

$(LINK):
	@mkdir -p '$(@D)'
	@ln -sfn ../../../.. '$@'

clean: ## remove all that make made
	rm -rf .ansible .build .hypothesis .pytest_cache dist tests/output changelogs/.plugin-cache.yaml .coverage
	rm -rf '$(VENV)' '$(VENV)-oldest' '$(EDA)' '$(CLIENTS)' .venv-importer
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
