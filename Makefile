# What a person types. `make help` lists it. Needs Python 3.11+, pip and make; everything else is installed into .venv.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
SYNCED := $(VENV)/.synced
READY  := $(VENV)/.ready

# Caches in this tree are not in git; without them every start compiles the package and rewrites the tests again.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup demo quick test fuzz bench lint clean

# What needs an engine, a build or a process of its own takes its time. The longest files come first: at the end no worker
# is to be left alone with one. Each of the two halves has a server of its own.
SLOW := tests/web tests/prefect tests/examples tests/packaging tests/startup
HALVES := -n 2 --dist loadfile --no-loadscope-reorder
PYTEST := $(BIN)/python -m pytest

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

setup: $(READY) ## create .venv with the locked packages (instant once done)

demo: $(READY) ## one real flow, governed end to end on 336,776 flights
	@$(BIN)/govflow demo $(ARGS)

quick: $(READY) ## the tests that need no engine
	@$(PYTEST) $(HALVES) $(SLOW:%=--ignore=%) $(ARGS)

# Words in ARGS that are no options are paths: then just those.
test: $(READY) ## all tests
ifeq ($(filter-out -%,$(ARGS)),)
	@$(MAKE) --no-print-directory quick
	@$(PYTEST) $(HALVES) $(SLOW) $(ARGS)
else
	@$(PYTEST) $(ARGS)
endif

fuzz: $(READY) ## the property tests, with many new examples each time
	@GOVFLOW__FUZZ=1 $(PYTEST) $(HALVES) $(SLOW:%=--ignore=%) -m hypothesis $(ARGS)

bench: $(READY) ## every benchmark, as JSON
	@$(BIN)/python -m benchmarks all $(ARGS)

lint: $(READY) ## ruff, mypy, and the floors
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

clean: ## remove .venv and every cache
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist

# The lock names uv too, so the installer is checked by its digest like everything that it installs.
# Byte-code is compiled here: where PYTHONDONTWRITEBYTECODE is set, imports would otherwise cost three times as much.
$(SYNCED): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "govflow needs Python 3.11 or newer; this is $$($(PYTHON) --version 2>&1). Try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@echo "setup: creating $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { echo "setup: no virtual environment. On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo "setup: installing uv"
	@awk '/^[^ #]/ {on = /^uv==/} on' requirements.lock > $(VENV)/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock
	@echo "setup: installing the locked packages"
	@VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode requirements.lock
	@rm -f $(READY) && touch $@

$(READY): $(SYNCED) pyproject.toml
	@echo "setup: installing govflow"
	@VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q govflow
	@touch $@
