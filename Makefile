# The two commands to know: `make demo` and `make test`. `make help` lists the others.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --quiet --disable-pip-version-check

CLINICAL_HOME ?= $(CURDIR)/.clinical
export CLINICAL_HOME
# `make demo SOURCES=...` is short for setting CLINICAL_SOURCES.
ifdef SOURCES
export CLINICAL_SOURCES := $(SOURCES)
endif
PATIENTS ?= 1000
export DAGSTER_EVENT_BATCH_SIZE ?= 100
# Dagster writes its state to DAGSTER_HOME only, and sends nothing anywhere.
export DAGSTER_DISABLE_TELEMETRY := yes

.PHONY: help demo ui test explore lint bench clean lock

help:  ## list the commands
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

demo: $(VENV)/.runtime  ## materialize the whole graph: synthetic hospital, or SOURCES=folder
	@$(PY) -m clinical_assets.demo --patients $(PATIENTS)

ui: $(VENV)/.runtime  ## open the web UI on http://127.0.0.1:3000 (PORT=...)
	@PYTHONWARNINGS='ignore:Function `dev_command`' $(PY) -m clinical_assets.ui

test: $(VENV)/.dev  ## the whole test suite
	@tests/setup_browser.sh
	@$(PY) -m pytest -n 2 --dist loadscope --no-loadscope-reorder

explore: $(VENV)/.dev  ## the property tests with new and many more examples; `make test` has the same ones every time
	@CLINICAL_EXPLORE=1 $(PY) -m pytest -n 2 -m hypothesis

lint: $(VENV)/.dev  ## formatting, lint and types
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy

bench: $(VENV)/.dev  ## benchmarks; tables here, figures in $CLINICAL_HOME/bench
	@$(PY) -m tests.bench

clean:  ## remove the virtual environment, the home and caches
	rm -rf $(VENV) $(CLINICAL_HOME) .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info

lock: $(VENV)/.dev  ## compile both locks anew from pyproject.toml
	@$(PIP) install uv
	@for extra in dev documents; do \
	  file=requirements$$([ $$extra = dev ] && echo -dev || true).lock; \
	  $(VENV)/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --extra $$extra \
	    $$([ $$extra = documents ] && echo "-c requirements-dev.lock" || true) \
	    --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header --no-strip-extras \
	    -o $$file; \
	done

$(VENV)/bin/python:
	@echo "making the virtual environment (once)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"Python 3.11 or newer is needed; {sys.executable} is {sys.version.split()[0]}. Set PYTHON=.")'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: $(VENV)/bin/python requirements.lock pyproject.toml
	@echo "installing the locked dependencies (a minute or two, once)"
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	@echo "installing the locked development tools (once)"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@
