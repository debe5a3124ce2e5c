# A fresh machine needs make, bash, and Python 3.11 or later with venv; the rest is installed into .venv.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What is installed is in the lock files: every package, also those that others need, with its hashes (make lock).
# A stamp a lock file: installing happens when it changes, and only then.
RUN_LOCK := requirements-embedded.lock
DEV_LOCK := requirements-dev.lock
RUN_STAMP = $(VENV)/.installed-$(shell cksum <$(RUN_LOCK) | cut -d' ' -f1)
DEV_STAMP = $(VENV)/.installed-$(shell cksum <$(DEV_LOCK) | cut -d' ' -f1)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install --require-hashes
UV_VERSION := 0.13.9

# Throw-away values, so that production settings can be loaded and checked without a production.
PRODUCTION := ESPALIER_ENV=production PUBLIC_URL=https://mdm.example.com DATABASE_URL=postgres://u:p@127.0.0.1:1/none \
	REDIS_URL=redis://127.0.0.1:1/0 ENCRYPTION_KEYS=$$($(PYTHON) -c 'import secrets; print(secrets.token_hex(32))') \
	SECRET_KEY=$$($(PYTHON) -c 'import secrets; print(secrets.token_urlsafe(60))')

.PHONY: help run test check bench format lock

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

lock: | $(BIN)/python ## write the lock files anew from requirements*.txt; the pins themselves are changed by hand
	$(BIN)/python -m pip --disable-pip-version-check --quiet install uv==$(UV_VERSION)
	@lock() { $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet "$${@:2}" -o "$$1"; }; \
	lock requirements.lock requirements.txt; \
	lock $(RUN_LOCK) requirements.txt requirements-embedded.txt; \
	lock $(DEV_LOCK) requirements.txt requirements-embedded.txt requirements-dev.txt

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "Espalier needs Python 3.11 or later; name it with: make run PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "Python's venv is missing; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): | $(BIN)/python
	$(PIP) -r $(RUN_LOCK)
	@touch $@

$(DEV_STAMP): | $(BIN)/python
	$(PIP) -r $(DEV_LOCK)
	@touch $@ $(RUN_STAMP)
