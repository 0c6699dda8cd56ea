# Everything a newcomer needs. `make` alone lists the verbs.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= $(shell for p in python3.12 python3.13 python3.11 python3; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DATE ?= 2026-11-18
# Of the tests: two more than cores, for there are always some that wait for a server, a lease or Airflow.
WORKERS ?= $(shell echo $$(($$(nproc 2>/dev/null || echo 2) + 2)))

.PHONY: help setup demo airflow test test-long lint lint-style lint-types lint-imports lint-sql lint-generated format docs bench faults mutants mutate templates lock clean

help:  ## list the verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(READY)  ## install everything into .venv, from the lock file; nothing global

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python 3.11, 3.12 or 3.13 with venv was found. Install one (Debian: apt-get install python3-venv) or run: make $(MAKECMDGOALS) PYTHON=/path/to/python3"; exit 1; }
	@echo "Installing into $(VENV) with $$($(PYTHON) --version); this takes a minute or two the first time."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@# uv does not read pip's own settings: where a company mirror is configured only for pip, pip does the work
	@$(BIN)/uv pip install --quiet --system-certs --python $(BIN)/python --require-hashes --compile-bytecode -r requirements.lock \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

demo: $(READY)  ## run one whole night of a made-up company under Airflow (DATE=2026-11-19 runs the next)
	@$(BIN)/python -m cobranca.local.demo --date $(DATE)

airflow: $(READY)  ## start Airflow's pages with the DAGs, until Ctrl-C
	@$(BIN)/python -m cobranca.local.serve

# With COVERAGE=1 the main process of each worker is measured. Nights that tests run in processes of their own are not,
# so the figures of local, orchestration and the workers of delivery are lower than what is tested. TESTS names a part.
test: $(READY)  ## run the whole test suite (WORKERS=2 for one test at a time on each core; SEED=123 draws what another run drew; COVERAGE=1 prints coverage)
	@$(BIN)/python -m pytest -n $(WORKERS) $(if $(SEED),--seed $(SEED)) $(if $(COVERAGE),--cov --cov-report=) $(TESTS)
	@$(if $(COVERAGE),$(BIN)/python -m tests.coverage_by_package)

test-long: $(READY)  ## run the tests with many random examples, for hours (SEED=123 for those of another run)
	@$(BIN)/python -m pytest -n $(WORKERS) --long --timeout 36000 $(if $(SEED),--seed $(SEED)) $(TESTS)

# Each check is a target, which .pre-commit-config.yaml runs too.
LINT := lint-style lint-types lint-imports lint-sql lint-generated

lint: $(LINT)  ## check style, types, import floors, SQL, and that generated files are fresh

lint-style: $(READY)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

lint-types: $(READY)
	@$(BIN)/mypy

lint-imports: $(READY)
	@$(BIN)/lint-imports

lint-sql: $(READY)
	@# dbt compiles the models for it, for any night
	@COBRANCA_BUSINESS_DATE=$(DATE) COBRANCA_BAND_DAYS=30,60,90,180 $(BIN)/sqlfluff lint --disable-progress-bar dbt/models dbt/tests/*.sql dbt/tests/finance

lint-generated: $(READY)
	@$(BIN)/python -m cobranca.reminders.render.compile_templates --check

format: $(READY)  ## correct style
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

docs: $(READY)  ## build the documents as a site into var/site, every link checked
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "Open var/site/index.html; its search needs a server: $(BIN)/python -m http.server --directory var/site --bind 127.0.0.1"

bench: $(READY)  ## measure speed and memory (SIZES="100000 1000000 10000000"), then that of landing
	@$(BIN)/python -m tests.benchmarks $(SIZES)
	@$(BIN)/python -m tests.benchmarks.landing --memory-rows 0
	@$(BIN)/python -m tests.benchmarks.sending $(MESSAGES)

faults: $(READY)  ## break random nights of sending and print what was injected and what came of it (SEEDS=200)
	@$(BIN)/python -m tests.faults --seeds $(or $(SEEDS),20)

# PYTHONPATH lets the runner import the helpers of the tests.
mutants: $(READY)  ## put small mistakes into a copy, one at a time, and see the tests catch them (ONLY=area, SAMPLE=10)
	@PYTHONPATH=tests $(BIN)/python -m mutants $(ONLY) $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(SINCE),--since $(SINCE)) $(if $(MOST),--most $(MOST))

mutate: $(READY)  ## let mutmut change what must not be wrong, and see the tests catch 90 % (ONLY="money queues")
	@PYTHONPATH=tests $(BIN)/python -m mutants.mutate $(ONLY)

templates: $(READY)  ## compile the letters' MJML sources to the HTML that is sent
	@$(BIN)/python -m cobranca.reminders.render.compile_templates

lock: $(READY)  ## resolve the dependencies of pyproject.toml anew
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --all-extras --python-version 3.11 \
		--output-file requirements.lock pyproject.toml

clean:  ## remove the environment and the demo's data
	@rm -rf $(VENV) var
