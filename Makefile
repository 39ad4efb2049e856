# Every target works from a bare clone: it makes the virtual environment, installs, builds, and does
# none of that again while nothing changed. PYTHON=/path/to/python3 chooses another interpreter;
# PLACE=processes runs the machine of the demo in a process of its own.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build
.DELETE_ON_ERROR:

VENV ?= .venv
PLACE ?= threads
BIN := $(VENV)/bin
# One stamp per environment: several may share the sources, each with its own .so files.
BUILT := build/built-$(subst /,-,$(VENV))

SOURCES := setup.py $(wildcard src/*/*.pyx src/*/*.pxd python/headrace/include/headrace/*.h)
STUBS := $(wildcard src/*/*.pyi)
STUBBED := $(subst /,.,$(patsubst src/%.pyi,headrace.%,$(STUBS)))
PYTEST := $(BIN)/python -m pytest -q
CHECKED := "not torture and not serial"
SERIAL := $(shell grep -rl --include='test_*.py' mark\.serial tests)

.PHONY: build demo test bench bench-newer torture test-all lint clean distclean

build: $(BUILT)

$(VENV)/installed: pyproject.toml
	@if ! $(BIN)/python -c '' 2>/dev/null; then \
	    python="$${PYTHON:-$$(.ci/interpreters --default)}"; \
	    echo "making $(VENV) with $$python"; \
	    "$$python" -m venv --clear $(VENV); \
	fi
	$(BIN)/python -m pip install -q 'pip>=23' 'setuptools>=77' 'Cython>=3.1' 'numpy>=2'
	@mkdir -p build
	@# Compiling and unpacking at once: neither has work for two cores all the time.
	$(BIN)/python setup.py -q build_ext --inplace > build/compiled.txt 2>&1 & compiling=$$!; \
	$(BIN)/python .ci/extras.py own dev > build/requirements.txt; \
	$(BIN)/python -m pip install -q -r build/requirements.txt; \
	wait $$compiling || { cat build/compiled.txt; exit 1; }
	$(BIN)/python -m pip install -q --no-build-isolation -e '.[dev]'
	@touch $@

$(BUILT): $(VENV)/installed $(SOURCES)
	$(BIN)/python setup.py -q build_ext --inplace
	@$(BIN)/python -m compileall -q python/headrace # hundreds of tests start processes of their own
	@touch $@

demo: build
	$(BIN)/python examples/demo.py --place $(PLACE)

# Some tests sleep: three at a time keep two cores busy. Those that measure time run after them, alone.
test: build lint
	$(PYTEST) -n 3 --dist loadgroup -m $(CHECKED) tests
	$(PYTEST) -m "serial and not torture" $(SERIAL)

lint: build
	$(BIN)/ruff check .
	$(BIN)/mypy & types=$$!; \
	$(if $(STUBBED),$(BIN)/stubtest --mypy-config-file pyproject.toml $(STUBBED)); \
	wait $$types

$(VENV)/bench-installed: pyproject.toml $(VENV)/installed
	@$(BIN)/python .ci/extras.py bench | while read -r package; do \
	    $(BIN)/python -m pip install -q "$$package" || echo "no $$package: its line is left out"; \
	done
	@touch $@

# The simulator's peers need Python 3.12. Where $(VENV) is older they run, and ours beside them, in an
# environment of the newest interpreter there is; without one their lines are left out.
bench-newer: build
	@if $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 12))'; then exit 0; fi; \
	read -r version python < <(.ci/interpreters 2>/dev/null | tail -1) || version=3.11; \
	if [ "$$version" = 3.11 ]; then \
	    echo "no Python 3.12 or newer is installed: seedloop and simloom are left out"; \
	    exit 0; \
	fi; \
	venv=".venvs/$$version"; \
	$(MAKE) -s build VENV="$$venv" PYTHON="$$python"; \
	for package in seedloop simloom; do \
	    "$$venv/bin/python" -m pip install -q "$$package" || \
	        echo "no $$package: its lines are left out"; \
	done

bench: build bench-newer $(VENV)/bench-installed
	$(BIN)/python -m bench

torture: build
	$(PYTEST) -m torture tests

test-all: build
	@failed=""; \
	while read -r version python; do \
	    echo "== Python $$version"; \
	    .ci/test-on "$$python" ".venvs/$$version" -m "not torture" tests || failed+=" $$version"; \
	done < <(.ci/interpreters); \
	if [ -n "$$failed" ]; then echo "failed on Python$$failed"; exit 1; fi

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	rm -f src/*/*.so
	find . -name __pycache__ -type d -not -path './.venv*' -prune -exec rm -rf {} +

distclean: clean
	rm -rf .venv .venvs
