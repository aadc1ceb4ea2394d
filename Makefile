# Everything that users, developers and CI run. Needs only Python 3.11 or newer and make.
#   make demo       the whole pipeline on a simulated contact centre
#   make test       every check
#   make test-long  checks that take hours: the long form of tests, soak, increments, mutants, fuzz

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.set-up
CODE   := pipelines simulator dashboard orchestration bi examples tests benchmarks

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-bigquery test-container lint lint-types lint-sql format generate docs dashboard-js screenshots lock soak fuzz increments mutants test-long test-airflow test-superset bench bench-scale bench-postgres clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## create .venv with callmart and its locked dependencies

# Runs only when the dependencies have changed. An interrupted set-up leaves no stamp. pip would compile on one core, which
# takes a quarter of the set-up. Compiling fails for templates in some packages, which nobody imports.
$(STAMP): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "There is no '$(PYTHON)' here: install Python 3.11 or newer, or name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || { echo "callmart needs Python 3.11, 3.12 or 3.13, and '$(PYTHON)' is $$($(PYTHON) -V 2>&1). Name another: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --no-compile -r requirements.lock
	$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

DESTINATION ?= duckdb

demo: setup  ## load, build and show two weeks of a simulated contact centre; the next run adds an hour; DESTINATION=postgres
	$(BIN)/callmart demo $(if $(filter-out duckdb,$(DESTINATION)),--destination $(DESTINATION))

# Three workers for two cores, because workers spend a third of their time waiting.
test: setup lint  ## every check: linters, types, generated files, all tests but those marked `long`
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --durations 25 --durations-min 5

# BASE=python:3.11-slim takes that image; without it one is made from Debian's packages.
test-container: setup  ## build the image with buildah and run the demo in it
	$(BIN)/python -m tests.container $(if $(BASE),--base $(BASE))

lint: setup  ## linters, types, generated files, and that no public mart shows personal columns
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/hadolint Dockerfile
	@$(MAKE) --no-print-directory --jobs 2 lint-types lint-sql
	$(BIN)/python -m pipelines.ccaip.generate --check
	$(BIN)/python -m pipelines.ccaip.check_marts

# The two slow ones run in parallel; mypy has one process.
lint-types: setup
	$(BIN)/mypy

# sqlfluff's processes leave semaphores, which Python cleans up with a warning.
lint-sql: export PYTHONWARNINGS = ignore:resource_tracker
lint-sql: setup
	$(BIN)/sqlfluff lint --processes 2 --disable-progress-bar dbt_project/models dbt_project/tests

format: setup  ## fix what the formatters can fix
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)
	$(BIN)/sqlfluff fix --disable-progress-bar dbt_project/models dbt_project/tests

generate: setup  ## write the files derived from pipelines/ccaip/tables.py
	$(BIN)/python -m pipelines.ccaip.generate

docs: setup  ## write the models' documentation to build/callmart-docs.html
	$(BIN)/python -m pipelines.marts.docs

dashboard-js: setup  ## write the dashboard's charting library as one file, in the version that Altair uses
	$(BIN)/python -m dashboard.vega_bundle

screenshots: setup  ## write pictures of the dashboard with the demo's data to docs/images
	$(BIN)/python -m tests.dashboard.screenshots

# Needs `uv` on PATH and a package index. The locks name no index, so they can be installed from any mirror. BigQuery's
# drivers are forty packages of half a gigabyte, which the set-up leaves out: they have a lock of their own.
LOCKED := uv pip compile --python-version 3.11 --universal --no-emit-index-url --no-emit-find-links --generate-hashes --no-header
lock:  ## pin every dependency again after a change in pyproject.toml
	$(LOCKED) --extra platform --extra dashboard --extra postgres --extra semantic --extra dagster --extra dev pyproject.toml -o requirements.lock
	$(LOCKED) --extra platform --extra dashboard --extra postgres --constraints requirements.lock pyproject.toml -o requirements-container.lock
	$(LOCKED) --extra platform --extra bigquery --extra dev pyproject.toml -o requirements-bigquery.lock

BIGQUERY_VENV := .venv-bigquery

# With PROJECT=a-project against BigQuery itself, else against the emulator that BIGQUERY_EMULATOR names or PATH has.
test-bigquery:  ## the marts on BigQuery, compared with DuckDB's: PROJECT=…, or an emulator; SHORT=1 CALLS=300
	@if [ -n "$(PROJECT)" ] || command -v "$${BIGQUERY_EMULATOR:-bigquery-emulator}" >/dev/null; then \
	  $(MAKE) --no-print-directory $(BIGQUERY_VENV)/.set-up && \
	  CALLMART_BIGQUERY_PROJECT_UNDER_TEST=$(PROJECT) CALLMART_BIGQUERY_CALLS=$(or $(CALLS),0) CALLMART_BIGQUERY_SHORT=$(SHORT) \
	    $(BIGQUERY_VENV)/bin/python -m pytest --durations 5 tests/bigquery; \
	else \
	  echo "Skipped: there is no BigQuery emulator here. Name one in BIGQUERY_EMULATOR, or a project: PROJECT=…"; \
	fi

$(BIGQUERY_VENV)/.set-up: requirements-bigquery.lock pyproject.toml
	$(PYTHON) -m venv $(BIGQUERY_VENV)
	$(BIGQUERY_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --no-compile -r requirements-bigquery.lock
	$(BIGQUERY_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

SEEDS ?= 20
JOBS  ?= 2

soak: setup  ## random faults with loads, backfills and kills, compared with the truth: SEEDS=200 JOBS=2 DESTINATION=postgres
	$(BIN)/python -m tests.soak --seeds $(SEEDS) --jobs $(JOBS) --destination $(DESTINATION)

SECONDS ?= 60

fuzz: setup  ## load pages with broken calls for SECONDS=60, then run property tests with many examples
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS)
	CALLMART_TESTS_PROFILE=fuzz $(BIN)/python -m pytest -n 2 -m hypothesis tests/extraction

increments: setup  ## build random histories by increments and in full, and compare: SEEDS=200 DESTINATION=postgres
	$(BIN)/python -m tests.increments --seeds $(SEEDS) --destination $(DESTINATION)

mutants: setup  ## plant known mistakes in the SQL and check that a test catches each: JOBS=2
	$(BIN)/python -m tests.mutants --jobs $(JOBS)

test-long: setup  ## tests marked `long`, soak and increments with 200 seeds, mutants and fuzz: hours
	$(BIN)/python -m pytest -n 3 --dist loadfile -m long --durations 25
	ORACLE_EXAMPLES=10 $(BIN)/python -m pytest tests/oracle/test_random_centres.py
	@$(MAKE) --no-print-directory soak increments SEEDS=200
	@$(MAKE) --no-print-directory mutants fuzz

# Airflow and callmart need other versions of the same packages, so Airflow gets an environment of its own.
test-airflow:  ## the Airflow DAG in Airflow 3, which this installs below build/: a dry run for every exit code
	$(PYTHON) -m venv build/airflow
	build/airflow/bin/python -m pip install --quiet --disable-pip-version-check "apache-airflow>=3,<4"
	build/airflow/bin/python tests/orchestration/airflow_dry_run.py

bench: setup  ## measure speed and memory next to reference implementations
	$(BIN)/python -m benchmarks

# Sizes can be run one at a time, and their warehouses kept: CALLS=1000000 FOLDER=build/scale.
bench-scale: setup  ## what builds, increments and queries cost as the warehouse grows: CALLS="100000 1000000" FOLDER=…
	$(BIN)/python -m benchmarks.scale $(if $(CALLS),--calls $(CALLS)) $(if $(FOLDER),--folder $(FOLDER)) --keep

# The server is Debian's `postgresql`, which this starts and stops.
bench-postgres: setup  ## builds and increments on Postgres beside DuckDB's: CALLS=1000000 FOLDER=…
	$(BIN)/python -m benchmarks.postgres $(if $(CALLS),--calls $(CALLS)) $(if $(FOLDER),--folder $(FOLDER))

test-superset: setup  ## Superset in an environment of its own: import the bundle, compare its dashboard with the marts
	$(BIN)/python -m tests.dashboard.superset

clean:  ## remove caches, the demo and dbt's output; keep .venv, settings and the warehouse
	rm -rf demo demo-postgres build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis var/dbt
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +
