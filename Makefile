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

.PHONY: help setup demo airflow test lint format bench faults templates lock clean

help:  ## list the verbs
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

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
	@$(BIN)/python -m cobranca.local.pages

test: $(READY)  ## run the whole test suite (WORKERS=2 for one test at a time on each of two cores)
	@$(BIN)/python -m pytest -n $(WORKERS)

lint: $(READY)  ## check style
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

format: $(READY)  ## mend style
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

bench: $(READY)  ## measure speed and memory (SIZES="100000 1000000 10000000"), then that of landing
	@$(BIN)/python -m tests.benchmarks $(SIZES)
	@$(BIN)/python -m tests.benchmarks.landing --memory-rows 0
	@$(BIN)/python -m tests.benchmarks.sending $(MESSAGES)

faults: $(READY)  ## break random nights of sending and print what was injected and what came of it (SEEDS=200)
	@$(BIN)/python -m tests.faults --seeds $(or $(SEEDS),20)

templates: $(READY)  ## compile the letters' MJML sources to the HTML that is sent
	@$(BIN)/python -m cobranca.reminders.compile_templates

lock: $(READY)  ## resolve the dependencies of pyproject.toml anew
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --all-extras --python-version 3.11 \
		--output-file requirements.lock pyproject.toml

clean:  ## remove the environment and the demo's data
	@rm -rf $(VENV) var
