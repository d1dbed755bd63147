# SKU Alignment. `make run` starts everything; `make test` proves it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help setup run check test

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 10

setup: $(VENV)/.installed ## make .venv with what running needs

run: $(VENV)/.installed ## start everything; Ctrl-C stops it
	@exec $(BIN)/python manage.py start

check: $(VENV)/.installed-dev ## lint, types, missing migrations, missing translations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy alignment review workers texts bench
	VAR_DIR=$$(mktemp -d) $(BIN)/python manage.py makemigrations --check --dry-run
	VAR_DIR=$$(mktemp -d) $(BIN)/python manage.py check_translations

test: $(VENV)/.installed-dev ## check, then every test on SQLite and on PostgreSQL
	@tests/run

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: set PYTHON=..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "The venv module is missing: install the package python3-venv."; exit 1; }

$(VENV)/.installed: requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0 $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
