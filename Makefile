# `make demo` and `make test` do all the set-up by themselves, in a virtual environment of their own (.venv).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# One process for each core, with one thread each.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses logical --dist worksteal

.PHONY: demo test test-slow lint docs pictures downstream clean

demo: $(VENV)/installed
	$(BIN)/igo demo

test: $(VENV)/installed-test
	$(PYTEST)

# What takes minutes: packages of plugins in environments of their own, the documentation's pictures, and thousands of
# hostile files.
test-slow: $(VENV)/installed-test
	$(PYTEST) -m "downstream or pictures or slow"

lint: $(VENV)/installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

docs: $(VENV)/installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

pictures: $(VENV)/installed
	$(BIN)/python -m tests.pages

# The examples of plugins against this tree; other packages by PACKAGES="../igo-film-look ...".
downstream: $(VENV)/installed-test
	.ci/downstream $(PACKAGES)

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "IGO needs Python 3.11 or newer; name one: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) --editable .
	touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(PIP) --editable '.[test]'
	touch $@

$(VENV)/installed-docs: $(VENV)/installed
	$(PIP) --editable '.[docs]'
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info out site
