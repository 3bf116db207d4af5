# The whole workflow. A machine needs Python 3.11 or newer and make; Node, npm and the CDK CLI are
# installed here, into .venv and node_modules, from pinned versions.

PYTHON ?= python3
# Looked up before .venv/bin joins PATH: a virtual environment is not to be made from itself.
BASE_PYTHON := $(shell command -v $(PYTHON))

SHELL := /bin/bash
export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/node_modules/.bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Node's own list of CAs lacks that of a company's proxy, which the system's may hold.
export NODE_USE_SYSTEM_CA := 1

# Options for the CDK CLI: make deploy ARGS='-c description=backend'
ARGS ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test test-compat test-nightly lint types bench deploy destroy verify-live clean

help: ## list the targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

install: node_modules/.installed ## install everything that is pinned here

demo: install ## deploy the stack to an AWS on this machine, prove the certificate, destroy it
	@python -m demo

test: lint types ## lint, types and every test
	@pytest --numprocesses auto --dist loadfile

test-compat: install ## the tests of the API on the oldest and the newest that pyproject.toml admits
	@python tools/compat.py

test-nightly: install ## 2,000 random histories of a stack under faults
	@HISTORIES=nightly pytest tests/fault/test_histories.py

lint: install ## ruff: rules and format
	@ruff check .
	@ruff format --check .

types: install ## mypy, strict
	@mypy

bench: install .venv/.bench ## measure everything beside its peers: docs/benchmarks.md; or python -m bench NAME
	@python -m bench

deploy: install ## deploy the stack to your AWS account; options for cdk in ARGS='…'
	@python tools/aws_account.py
	@cdk deploy $(ARGS)

destroy: install ## destroy the stack in your AWS account; options for cdk in ARGS='…'
	@python tools/aws_account.py
	@cdk destroy $(ARGS)

verify-live: install ## settle docs/unverified.md in your AWS account; YES=1 skips the question, BACKEND_URL=https://… names a backend
	@python -m tools.verify_live

clean: ## remove what make has made
	rm -rf .venv .compat node_modules cdk.out build dist .mypy_cache .pytest_cache .ruff_cache

# The stamps are removed first and written last, so that an interrupted installation is repeated.
.venv/.installed: requirements.txt requirements-dev.txt pyproject.toml
	@[ -n "$(BASE_PYTHON)" ] || \
	  { echo "no $(PYTHON) on PATH: install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3"; exit 1; } >&2
	@"$(BASE_PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11) and "$(BASE_PYTHON) is Python %d.%d, too old: install 3.11 or newer, or name one: make PYTHON=/path/to/python3" % sys.version_info[:2])'
	@"$(BASE_PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(BASE_PYTHON) cannot make virtual environments: install its venv module (Debian, Ubuntu: apt install python3-venv)"; exit 1; } >&2
	@rm -f $@
	@echo "installing the pinned Python packages into .venv (about a minute, once)"
	@"$(BASE_PYTHON)" -m venv --clear .venv  # another Python may have made the last one
	@.venv/bin/pip install --quiet --requirement requirements-dev.txt
	@touch $@

node_modules/.installed: .venv/.installed package.json package-lock.json .npmrc
	@rm -f $@
	@echo "installing the pinned CDK CLI into node_modules"
	@npm ci --loglevel=error >/dev/null
	@ln -sf ../../node_modules/.bin/cdk .venv/bin/cdk  # for a shell that activates .venv
	@touch $@

.venv/.bench: node_modules/.installed requirements-bench.txt
	@.venv/bin/pip install --quiet --requirement requirements-bench.txt
	@touch $@
