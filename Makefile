# A fresh machine needs make, bash, and Python 3.11 or later with venv; the rest is installed into .venv.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A stamp a set of requirements: installing happens when they change, and only then.
RUN_FILES := requirements.txt requirements-embedded.txt
DEV_FILES := $(RUN_FILES) requirements-dev.txt
RUN_STAMP = $(VENV)/.installed-$(shell cat $(RUN_FILES) | cksum | cut -d' ' -f1)
DEV_STAMP = $(VENV)/.installed-$(shell cat $(DEV_FILES) | cksum | cut -d' ' -f1)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install

# Throw-away values, so that production settings can be loaded and checked without a production.
PRODUCTION := ESPALIER_ENV=production PUBLIC_URL=https://mdm.example.com DATABASE_URL=postgres://u:p@127.0.0.1:1/none \
	REDIS_URL=redis://127.0.0.1:1/0 ENCRYPTION_KEYS=$$($(PYTHON) -c 'import secrets; print(secrets.token_hex(32))') \
	SECRET_KEY=$$($(PYTHON) -c 'import secrets; print(secrets.token_urlsafe(60))')

.PHONY: help run test check bench format

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(RUN_STAMP) ## the product with a simulated fleet, until Ctrl-C
	@exec $(BIN)/python -m mdm_project.run

test: $(DEV_STAMP) ## the whole test suite; ARGS="tests/devices -k name" narrows it
	@$(BIN)/python -m pytest $(ARGS)

check: $(DEV_STAMP) ## what CI runs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING
	$(PRODUCTION) DATABASE_POOL=false $(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	$(MAKE) --no-print-directory test

bench: $(DEV_STAMP) ## the benchmarks, one JSON object a line
	@$(BIN)/python -m bench

format: $(DEV_STAMP) ## format the code and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "Espalier needs Python 3.11 or later; name it with: make run PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "Python's venv is missing; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): | $(BIN)/python
	$(PIP) $(addprefix -r ,$(RUN_FILES))
	@touch $@

$(DEV_STAMP): | $(BIN)/python
	$(PIP) $(addprefix -r ,$(DEV_FILES))
	@touch $@ $(RUN_STAMP)
