# Each target works as the first command on a machine with Python 3.11 or later, pip, make, gcc and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WHEEL_VENV := .venv-wheel
BENCH_VENV := .venv-bench
WHEEL_BIN := $(CURDIR)/$(WHEEL_VENV)/bin

.PHONY: help test check lint types wheel test-wheel demo airflow bench clean

help:
	@echo "make airflow  Airflow with its UI and the examples, on a local emulator, until Ctrl-C"
	@echo "make demo     run the main job on a local emulator, with real Airflow processes"
	@echo "make test     run the tests, but for those that start Airflow's own processes"
	@echo "make check    what CI runs: lint, types, the wheel, and all tests against it"
	@echo "make bench    measure, side by side with the peers (half an hour)"

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable ".[emulator]" --group dev
	touch $@

test: $(VENV)/.installed
	$(BIN)/python -m pytest -m "not system"

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff check --preview --select AIR example_dags
	$(BIN)/ruff format --check .

types: $(VENV)/.installed
	$(BIN)/mypy

wheel: $(VENV)/.installed
	rm -rf dist
	$(BIN)/python -m build --outdir dist .

# The tests meet the package as a user gets it: from the wheel, with the checkout's copy out of reach.
test-wheel: wheel
	rm -rf $(WHEEL_VENV)
	$(PYTHON) -m venv $(WHEEL_VENV)
	$(WHEEL_BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(WHEEL_BIN)/python -m pip install --quiet "$$(ls dist/*.whl)[emulator]" --group test
	rm -rf build/wheel-test && mkdir -p build/wheel-test
	cp -r tests example_dags docs pyproject.toml README.md build/wheel-test/
	cd build/wheel-test && $(WHEEL_BIN)/python -c \
		'import airflow_provider_snowball as p; assert "site-packages" in p.__file__, p.__file__; print("testing", p.__file__)'
	cd build/wheel-test && $(WHEEL_BIN)/python -m pytest

check: lint types test-wheel

demo: $(VENV)/.installed
	$(BIN)/python -m tests.system.demo

airflow: $(VENV)/.installed
	$(BIN)/python -m tests.system.local_airflow

# In an environment of its own: the peers need aiobotocore, which holds botocore back.
$(BENCH_VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BENCH_VENV)/bin/python -m pip install --quiet --editable ".[emulator]" --group bench
	touch $@

bench: $(BENCH_VENV)/.installed
	$(BENCH_VENV)/bin/python -m benchmarks $(BENCHMARKS)

clean:
	rm -rf $(VENV) $(WHEEL_VENV) $(BENCH_VENV) build dist .pytest_cache .mypy_cache .ruff_cache
