# Two commands: `make demo` (set up, run the main job) and `make test` (set up, lint, types, tests).
# Needs Python 3.11 or newer, make and a network the first time.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test bench lint types format setup setup-dev setup-bench clean

demo: setup
	$(VENV)/bin/catena run examples/oral_drug.yaml

# One thread per process: the tests' matrices are small, and two processes of several threads each
# spend three times the processor time waiting for one another.
test: setup-dev lint types
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(PY) -m pytest -n 2 --dist loadfile --cov=catena.core --cov-branch --cov-report= tests
	$(PY) -m coverage report --skip-covered --fail-under=90

# A minute for the headlines, half an hour for every problem of the ODE engine, hours for the
# operations (finished cells are kept in runs/benchmarks, so a stopped run goes on).
bench: setup-bench
	$(PY) -m benchmarks
	$(PY) -m benchmarks.ode
	$(PY) -m benchmarks.ops

lint: setup-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports

types: setup-dev
	$(VENV)/bin/mypy

format: setup-dev
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

setup: $(VENV)/.demo
setup-dev: $(VENV)/.dev
setup-bench: $(VENV)/.bench

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Catena needs Python 3.11 or newer; set PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing Catena into $(VENV) (once)"
	$(PIP) -e ".[molecule]"
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing Catena with its test tools into $(VENV) (once)"
	$(PIP) -e ".[dev]"
	@touch $@ $(VENV)/.demo

# Myokit compiles its models: it needs gcc and the headers of SUNDIALS. Peers that are missing are
# reported as such by the benchmark.
$(VENV)/.bench: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing Catena with the programs it is compared with into $(VENV) (once)"
	$(PIP) -e ".[dev,bench]"
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get install -y -qq gcc libsundials-dev >/dev/null 2>&1 || echo "myokit cannot compile here: gcc or libsundials-dev is missing"; fi
	@touch $@ $(VENV)/.dev $(VENV)/.demo

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
