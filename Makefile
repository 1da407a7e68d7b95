# make demo   sample captures -> data set -> network -> phone, in a fresh environment; DEMO=data: no network
# make tables the tables of docs/benchmark.md, from the sample captures
# make docs   the documentation as a site: open build/site/index.html
# make test   all tests, lint and types
# make coverage   all tests, and which lines of both packages they miss
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= auto
DEMO ?= all

.PHONY: help demo tables docs test lint types unit coverage format clean

help:
	@sed -n 's/^# make/make/p' Makefile

demo: $(VENV)/.demo-$(DEMO)
	DEMO=$(DEMO) PATH="$(abspath $(BIN)):$$PATH" bash pipelines/demo.sh

tables: $(VENV)/.demo-data
	$(BIN)/python pipelines/tables.py

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

test: lint types unit

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: $(VENV)/.dev
	$(BIN)/mypy

unit: $(VENV)/.dev
	$(BIN)/pytest -n $(JOBS) --dist worksteal

coverage: $(VENV)/.dev
	$(BIN)/python pipelines/lines_covered.py --jobs $(JOBS)

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) demo overfit build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "ebb needs Python 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo-data: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.demo-all: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[train,tflite]'
	@touch $@ $(VENV)/.demo-data

$(VENV)/.docs: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	@touch $@ $(VENV)/.demo-data

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,docs,depth,train,tflite]'
	@touch $@ $(VENV)/.docs $(VENV)/.demo-data $(VENV)/.demo-all
