# One command per job; `make` alone lists them.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
ARGS ?=
# All tests run in two processes, file by file; some tests, as they are asked for, in one.
AT_ONCE ?= --numprocesses 2 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help chat test lint format bench bench-full faults conformance interop servers clean

help:
	@echo "make chat   talk to a chat that remembers   (ARGS=\"--session demo\")"
	@echo "make test   run all tests                   (ARGS=\"-k ttl\")"
	@echo "make lint   types, style and format"
	@echo "make format put the code into its format"
	@echo "make bench  measure against plain redis-py and others, at a glance"
	@echo "make bench-full   all that docs/benchmarks.md shows  (ARGS=\"--page docs/benchmarks.md\")"
	@echo "make faults       servers killed, stalled, cut off: a table of what was lost"
	@echo "make conformance  the same tests on every kind of Redis: a table of them"
	@echo "make interop      LangChain and Flowise beside this library: who reads what of whom"
	@echo "make clean  remove the environment and caches"

chat: $(VENV)/.chat
	@exec $(BIN)/redialog chat $(ARGS)

test: $(VENV)/.dev servers
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/pytest $(if $(ARGS),$(ARGS),$(AT_ONCE))

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(VENV)/.dev servers
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m benchmarks $(ARGS)

bench-full: $(VENV)/.bench servers
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m benchmarks --full $(ARGS)

faults: $(VENV)/.dev servers
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m faults $(ARGS)

conformance: $(VENV)/.dev servers
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/pytest tests/conformance/test_suite.py -q $(ARGS)

interop: $(VENV)/.dev servers
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m tests.interop $(ARGS)

servers: $(VENV)/.python
	@.ci/servers $(BIN)

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis

# Everything that is said while an environment is made goes to stderr: stdout is the chat's.
$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "redialog needs Python 3.11 or newer: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "Making the environment in $(VENV): once, about a minute." >&2
	@$(PYTHON) -m venv $(VENV) >&2
	@$(PIP) install --upgrade "pip>=25.1" >&2
	@touch $@

$(VENV)/.chat: pyproject.toml | $(VENV)/.python
	@$(PIP) install --editable ".[cli,embedded,openai]" >&2
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/.python
	@$(PIP) install --editable ".[all]" --group dev >&2
	@touch $@ $(VENV)/.chat

$(VENV)/.bench: $(VENV)/.dev
	@$(PIP) install --group bench >&2
	@touch $@
