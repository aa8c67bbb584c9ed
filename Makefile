# `make demo` opens Studio on a built-in collection; `make test` runs every check. Both install what they need
# into .venv. Requires python3 (3.11 or later, with pip and venv) and make.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
# Else each of the hundreds of processes that the tests start compiles all that it imports, PyTorch included.
unexport PYTHONDONTWRITEBYTECODE
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Python compiles what it imports; pip would compile all of PyTorch first.
INSTALL := $(PIP) install --quiet --no-deps --no-compile
COLLECTION ?= vehicles
STUDIO_OPTIONS ?=

SOURCES := pyproject.toml hatch_build.py $(shell find src -name node_modules -prune -o -path '*/server/page' -prune \
	-o -type f -not -name '*.pyc' -print)

.PHONY: demo test lint types page-test unit coverage test-anywhere browser chromium docs page page-types lock clean

demo: $(VENV)/demo
	$(BIN)/handlens studio --demo $(COLLECTION) $(STUDIO_OPTIONS)

test: chromium lint types page-test unit browser
	@echo 'make test: every check passed'

lint: $(VENV)/dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python hatch_build.py npm run lint

types: $(VENV)/dev
	$(BIN)/mypy

page-test: $(VENV)/dev page
	$(BIN)/python hatch_build.py npm test

# Unit tests, property tests, the code in README.md and docs/, and the examples in docstrings.
unit: $(VENV)/dev page
	$(BIN)/pytest -m 'not browser and not ray' --numprocesses auto --maxprocesses 4 --dist loadfile \
		--no-loadscope-reorder

# The numerical tests as on other processors, with one thread and two; takes about 20 minutes.
test-anywhere: $(VENV)/dev
	$(BIN)/python tests/anywhere.py

# The unit tests again, and how much of each module they run (lines and branches).
coverage: $(VENV)/dev page
	$(BIN)/coverage run -m pytest -m 'not browser and not ray'
	$(BIN)/coverage run --append -m pytest -m ray $(WITH_RAY)
	$(BIN)/coverage report

# Each process reads all files that are named, which takes seconds where they are many.
WITH_RAY := $(shell grep --recursive --files-with-matches --include='test_*.py' 'pytest\.mark\.ray' tests)

# A run without a browser proves nothing, so this fails if `chromium` cannot be installed. With these run the tests that
# start Ray in their own process: its threads make forks unsafe, and no other test here needs one.
browser: $(VENV)/dev page chromium
	$(BIN)/pytest -m 'browser or ray' tests/e2e $(WITH_RAY) --numprocesses auto --maxprocesses 3 --dist loadfile \
		--no-loadscope-reorder

# Writes the page's types again from the server's description, after a change to the HTTP API.
page-types: $(VENV)/dev
	$(BIN)/python -m handlens.studio.server.openapi | $(BIN)/python hatch_build.py npm run types
	$(BIN)/python -m handlens.experiments.server.openapi | $(BIN)/python hatch_build.py npm run experiment-types

page: $(VENV)/dev
	$(BIN)/python hatch_build.py

# The site of the documentation, in build/site; a warning is an error, and nothing is asked of the network.
docs: $(VENV)/dev
	$(BIN)/python -m sphinx -W --keep-going -b html docs build/site

chromium:
	@if [ -x "$${HANDLENS_CHROMIUM:-}" ] || command -v chromium > /dev/null; then \
		exit 0; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
		apt-get update -qq; \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core \
			> /dev/null; \
	else \
		echo 'The browser tests require Chromium, which is not on PATH. Install it and run `make test` again:' >&2; \
		echo '    sudo apt-get install chromium' >&2; \
		echo 'or name another one: HANDLENS_CHROMIUM=/path/to/chrome make test' >&2; \
		exit 1; \
	fi

# dev.lock contains run.lock with the same versions, so both targets can share one environment.
$(VENV)/run: requirements/run.lock | $(BIN)/python
	$(INSTALL) --require-hashes -r requirements/run.lock
	@touch $@

$(VENV)/demo: $(VENV)/run $(SOURCES)
	$(INSTALL) --editable .
	@touch $@

$(VENV)/dev: requirements/dev.lock pyproject.toml hatch_build.py | $(BIN)/python
	$(INSTALL) --require-hashes -r requirements/dev.lock
	$(INSTALL) --no-build-isolation --editable .
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "handlens requires Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version 2>&1)." >&2; \
		echo 'Name another one: make PYTHON=python3.12 ...' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Writes both lock files from pyproject.toml, with the newest versions; requires uv on PATH.
lock:
	$(LOCK) -o requirements/run.lock
	$(LOCK) --group dev $(LOCKED_EXTRAS:%=--extra %) --constraint requirements/run.lock -o requirements/dev.lock

# All but cloud, whose half for Google's buckets is large; s3fs is among what the tests need.
LOCKED_EXTRAS := onnx experiments ray postgresql mlflow wandb tensorboard pdf heic dicom text notebook

LOCK := uv pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-emit-index-url --custom-compile-command 'make lock'

clean:
	rm -rf $(VENV) artifacts build dist docs/api docs/drawn docs/project src/handlens/studio/server/page src/handlens/studio/web/node_modules
