# Two commands matter: `make report` and `make test`. Everything lives in .venv beside this file; nothing is
# written elsewhere but caches. README has the same steps as plain pip lines for Windows.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input
PIN := $(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-annotate --no-emit-index-url --no-emit-find-links --fork-strategy fewest pyproject.toml requirements-build.in

# Tests run in as many processes as there are cores, up to four: more gain little, and each takes half a gigabyte.
WORKERS ?= --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# The first interpreter that the pinned requirements have wheels for and that can make virtual environments;
# `make PYTHON=... report` overrides it.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.14 python3.11 python; do \
	"$$p" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null && { echo "$$p"; break; }; \
	done; true)

# An environment made for another folder (a copy, a move) is laid anew.
ifneq ($(shell cat $(VENV)/place 2>/dev/null),$(CURDIR))
.PHONY: $(VENV)/runtime.stamp $(VENV)/dev.stamp
endif

.PHONY: help report test lint types floors docs unit test-slow bench data audit fuzz flat pins clean

help: ## say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s%s\n", $$1, $$2 }' Makefile

report: $(VENV)/runtime.stamp ## run, compare and probe the shipped model; writes outputs/report/index.html
	@echo "Running the model and writing the report; this takes a minute or more, and says how far it is."
	$(PY) -m flows report $(if $(OUT),--out "$(OUT)")

test: lint types floors docs unit ## everything that has to hold: style, types, floors, documentation, tests

lint: $(VENV)/dev.stamp ## ruff: rules and layout
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: $(VENV)/dev.stamp ## mypy
	$(PY) -m mypy

floors: $(VENV)/dev.stamp ## import-linter: imports go down only
	$(VENV)/bin/lint-imports --no-cache

docs: $(VENV)/dev.stamp ## the documentation site, to docs/_build/html
	$(PY) -m sphinx --fail-on-warning --keep-going --quiet -b html docs docs/_build/html

unit: $(VENV)/dev.stamp ## tests, examples in docstrings, the report in a browser; the share of branches they take
	$(PY) -m coverage erase
	$(PY) -m coverage run -m pytest -m "not slow" $(WORKERS)
	$(PY) -m coverage combine --quiet
	$(PY) -m tests.branches

test-slow: $(VENV)/dev.stamp ## the tests that take long (whole-run equality with PySD and the like)
	$(PY) -m pytest -m slow

bench: $(VENV)/runtime.stamp ## time Flows beside its rivals (about five minutes on an idle machine)
	$(PY) -m tests.benchmarks.bench

data: $(VENV)/runtime.stamp ## rebuild the shipped observations from the raw tables in data/
	$(PY) -m flows data

audit: $(VENV)/dev.stamp ## known weaknesses of the pinned dependencies (asks the package index; fails where it has no answer)
	$(PY) -m uv tool run pip-audit==2.10.1 --strict --disable-pip --require-hashes -r requirements.txt -r requirements-dev.txt

fuzz: $(VENV)/dev.stamp ## spoil files of every kind for half an hour and read them
	$(PY) -m tests.fuzz.readers

flat: $(VENV)/runtime.stamp ## write models/migration-flat.mdl anew, after each change of migration.mdl
	$(PY) -m flows flatten models/migration.mdl

pins: $(VENV)/dev.stamp ## renew the pinned requirements from pyproject.toml
	$(PIN) --upgrade --output-file requirements.txt
	$(PIN) --upgrade --extra dev --constraints requirements.txt --output-file requirements-dev.txt

clean: ## remove the environment, caches and built things; outputs/ stays
	rm -rf $(VENV) build dist docs/_build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/runtime.stamp: requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Flows needs Python 3.11 to 3.14 with venv (on Debian: python3-venv)." >&2; exit 1; }
	@echo "Setting up .venv from requirements.txt; this takes a minute or two, once."
	@$(PYTHON) -m venv $(VENV) || { echo "No environment can be made here; name other places: make $(MAKECMDGOALS) VENV=DIR OUT=DIR" >&2; exit 1; }
	$(PIP) install --quiet --require-hashes -r requirements.txt
	@echo "Installing Flows itself into .venv."
	$(PIP) install --quiet --no-build-isolation --no-deps -e .
	@printf '%s\n' "$$PWD" > $(VENV)/place
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Flows needs Python 3.11 to 3.14 with venv (on Debian: python3-venv)." >&2; exit 1; }
	@echo "Setting up .venv from requirements-dev.txt, with what the tests need; this takes a few minutes, once."
	@$(PYTHON) -m venv $(VENV) || { echo "No environment can be made here; name other places: make $(MAKECMDGOALS) VENV=DIR OUT=DIR" >&2; exit 1; }
	$(PIP) install --quiet --require-hashes -r requirements-dev.txt
	@echo "Installing Flows itself into .venv."
	$(PIP) install --quiet --no-build-isolation --no-deps -e .
	@printf '%s\n' "$$PWD" > $(VENV)/place
	@touch $(VENV)/runtime.stamp $@
