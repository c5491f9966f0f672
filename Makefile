# The two commands to know: `make demo` and `make test`.

export CLINICAL_HOME ?= $(CURDIR)/.clinical
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
UV_COMPILE = $(VENV)/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header --no-strip-extras --quiet

.PHONY: demo ui test lint bench clean lock help

help:  ## what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'
