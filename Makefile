# Copyright (c) 2026 The attackforge.retest authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The only way in. Everything is installed into VENV; what is built on the way lies in .build, the artifact in dist.

PYTHON ?= python3
VENV ?= .venv
# How many processes run the tests.
JOBS ?= 2
# How many schedules the storm has, and where it begins.
N ?= 1000
SEED ?= 1

REQUIREMENTS := tests/requirements.txt $(wildcard tests/sandbox/requirements.txt)
READY := $(VENV)/.ready
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
.PHONY: help demo sandbox test unit integration sanity lint docs-lint build eda storm bench mutants venv clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | \
	    while IFS="$$(printf '\t')" read -r name text; do printf 'make %-12s %s\n' "$$name" "$$text"; done

demo: venv ## a release, its retest and its gate, against the sandbox on this machine
	@$(PY) -m tests.demo

sandbox: venv ## start the sandbox, a local AttackForge, and leave it running until Ctrl-C
	@$(PY) -m tests.sandbox

test: unit integration sanity lint docs-lint build ## everything below, stopping at the first that fails
	$(call headline,make test: passed)

unit: venv ## unit tests
	$(call headline,unit tests)
	@$(PY) -m pytest tests/unit -n $(JOBS)

integration: venv ## integration tests: real ansible-playbook runs against the sandbox
	$(call headline,integration tests)
	@$(PY) -m pytest tests/integration -n $(JOBS) --dist loadfile

sanity: venv ## ansible-test sanity, every test, nothing ignored
	$(call headline,ansible-test sanity)
	@$(PY) tests/tools/sanity.py

lint: venv ## ansible-lint, yamllint and the changelog fragments
	$(call headline,lint)
	@$(VENV)/bin/ansible-lint
	@$(VENV)/bin/yamllint --strict .
	@$(VENV)/bin/antsibull-changelog lint
	@$(VENV)/bin/shellcheck .ci/run

docs-lint: venv ## the documentation of plugins and roles
	$(call headline,lint of the documentation)
	@$(VENV)/bin/antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs all .

build: venv ## the artifact, in dist
	$(call headline,build)
	@$(PY) tests/tools/build.py dist

eda: $(LINK) ## the event sources with a real ansible-rulebook; needs Java 17
	@'$(PYTHON)' -m venv .venv-eda
	@.venv-eda/bin/python -m pip install -qq --disable-pip-version-check --no-input -r tests/requirements-eda.txt
	@.venv-eda/bin/python -m pytest tests/eda

storm: venv ## a large storm of random faults: make storm N=1000 SEED=1
	@$(PY) -m tests.storm --runs $(N) --seed $(SEED)

bench: venv ## the collection side by side with uri tasks
	@$(PY) -m tests.bench

mutants: venv ## which small changes of the pure rooms no test notices; takes an hour
	@$(PY) -m pip install -qq --disable-pip-version-check --no-input -r tests/tools/requirements-mutants.txt
	@$(PY) tests/tools/mutants.py

venv: $(READY) $(LINK)

$(READY): $(REQUIREMENTS) tests/tools/check_python.py
	@command -v '$(PYTHON)' >/dev/null || { echo 'No $(PYTHON) here. Say which Python: make PYTHON=...' >&2; exit 1; }
	@'$(PYTHON)' tests/tools/check_python.py
	$(call headline,install the tools into $(VENV))
	@'$(PYTHON)' -m venv --clear '$(VENV)'
	@$(PY) -m pip install -qq --disable-pip-version-check --no-input -r tests/requirements.txt
	@touch '$@'

$(LINK):
	@mkdir -p '$(@D)'
	@ln -sfn ../../../.. '$@'

clean: ## remove all that make made
	rm -rf .ansible .build .hypothesis .pytest_cache '$(VENV)' dist tests/output changelogs/.plugin-cache.yaml .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
