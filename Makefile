# Everything a newcomer, a developer or CI runs. Needs Python 3.11 or newer and make, nothing else.
#   make demo    the whole way on a simulated contact centre
#   make test    every check
#   make soak    storms by the hundred, far longer than the tests
#   make fuzz    broken calls by the thousand
#   make test-long  all of what takes hours: soak, increments, mutants, fuzz

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.set-up
CODE   := pipelines simulator dashboard bi examples tests benchmarks

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint lint-types lint-sql format generate docs dashboard-js screenshots lock soak fuzz increments mutants test-long bench test-superset clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## .venv with callmart and everything it needs, exactly as locked

# Made again only when what is to be installed has changed. An interrupted set-up leaves no stamp. pip would compile
# on one core, which takes a quarter of the set-up; that fails for templates some packages bring, which nobody imports.
$(STAMP): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "There is no '$(PYTHON)' here: install Python 3.11 or newer, or name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || { echo "callmart needs Python 3.11, 3.12 or 3.13, and '$(PYTHON)' is $$($(PYTHON) -V 2>&1). Name another: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --no-compile -r requirements.lock
	$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: setup  ## two weeks of a simulated contact centre: load, transform, show; again: an hour more
	$(BIN)/callmart demo

# Three workers for two cores: a third of a worker's time it waits for processes, paces and servers.
test: setup lint  ## every check: linters, types, generated files, all tests
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --durations 25 --durations-min 5

lint: setup  ## linters, types, whether generated files are up to date, and that no public mart is personal
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	@$(MAKE) --no-print-directory --jobs 2 lint-types lint-sql
	$(BIN)/python -m pipelines.ccaip.generate --check
	$(BIN)/python -m pipelines.ccaip.check_marts

# The two that take long, side by side: mypy has one process.
lint-types: setup
	$(BIN)/mypy

# Its processes leave semaphores to Python, which takes them back and says so.
lint-sql: export PYTHONWARNINGS = ignore:resource_tracker
lint-sql: setup
	$(BIN)/sqlfluff lint --processes 2 --disable-progress-bar dbt_project/models dbt_project/tests

format: setup  ## let the formatters mend what they can
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)
	$(BIN)/sqlfluff fix --disable-progress-bar dbt_project/models dbt_project/tests

generate: setup  ## write what is derived from pipelines/ccaip/tables.py
	$(BIN)/python -m pipelines.ccaip.generate

docs: setup  ## the models and their columns as one page: build/callmart-docs.html
	$(BIN)/python -m pipelines.marts.docs

dashboard-js: setup  ## the dashboard's charting library as one file, of the version Altair writes for
	$(BIN)/python -m dashboard.vega_bundle

screenshots: setup  ## pictures of the dashboard on the demo's data: docs/images
	$(BIN)/python -m tests.dashboard.screenshots

# Needs `uv` on PATH and a package index; the lock names no index, so it installs from any mirror.
lock:  ## pin every dependency again, after a change in pyproject.toml
	uv pip compile --python-version 3.11 --universal --all-extras --no-emit-index-url --no-emit-find-links \
	  --generate-hashes --no-header pyproject.toml -o requirements.lock

SEEDS ?= 20
JOBS  ?= 2

soak: setup  ## seeds of storms with loads, backfills and kills, each compared with the truth: SEEDS=200 JOBS=2
	$(BIN)/python -m tests.soak --seeds $(SEEDS) --jobs $(JOBS)

SECONDS ?= 60

fuzz: setup  ## pages with a broken call each, loaded for SECONDS=60; then every property with many examples
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS)
	CALLMART_TESTS_PROFILE=fuzz $(BIN)/python -m pytest -n 2 -m hypothesis tests/extraction

increments: setup  ## random histories of a warehouse, each built by increments and in full: SEEDS=200
	$(BIN)/python -m tests.increments --seeds $(SEEDS)

mutants: setup  ## plant each known mistake in the SQL and see that a test catches it, in ten minutes: JOBS=2
	$(BIN)/python -m tests.mutants --jobs $(JOBS)

test-long: setup  ## soak and increments with 200 seeds, mutants and fuzz: hours
	@$(MAKE) --no-print-directory soak increments SEEDS=200
	@$(MAKE) --no-print-directory mutants fuzz

bench: setup  ## measure speed and memory beside the references; prints, judges nothing
	$(BIN)/python -m benchmarks

test-superset: setup  ## Superset in an environment of its own: import the bundle, compare its dashboard with the marts
	$(BIN)/python -m tests.dashboard.superset

clean:  ## remove caches, the demo and dbt's output; keeps .venv, settings and the warehouse
	rm -rf demo build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis var/dbt
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +
