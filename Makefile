# Each target works as the first command on a machine with Python 3.11 or later, pip, make, gcc and git.
PYTHON ?= python3
# How many processes the tests run in.
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
WHEEL_VENV := .venv-wheel
BENCH_VENV := .venv-bench
DOCS_VENV := .venv-docs
FIRE_VENV := .venv-fire
WHEEL_BIN := $(CURDIR)/$(WHEEL_VENV)/bin

.PHONY: help test system fire fuzz mutants clients check lint types dist test-wheel oldest newest lines hooks demo airflow deployment \
	pictures docs bench bench-deployment clean

help:
	@echo "make airflow  Airflow with its UI and the examples, on a local emulator, until Ctrl-C"
	@echo "make demo     run the main job on a local emulator, with real Airflow processes"
	@echo "make test     run the tests, but for those that start Airflow's own processes"
	@echo "make system   run the tests that start Airflow's own processes, a deployment under fire among them"
	@echo "make fire     fire at more and larger deployments, Celery's workers among them (over an hour)"
	@echo "make deployment  start that deployment alone (PostgreSQL, two triggerers, waits), until Ctrl-C"
	@echo "make lines    run the tests on each supported line of Airflow (hours)"
	@echo "make fuzz     look for histories that are judged wrongly, for about an hour"
	@echo "make mutants  break the package on purpose, and count what no test notices (a quarter of an hour)"
	@echo "make clients  call the local Snowball with the AWS SDK for JavaScript (takes Node.js and npm)"
	@echo "make docs     build the site, build/docs/index.html"
	@echo "make check    what CI runs: lint, types, sdist and wheel, and all tests of the one against the other"
	@echo "make dist     build sdist and wheel, and check them as for a release"
	@echo "make oldest   run the tests on the oldest supported Airflow, amazon provider and moto"
	@echo "make newest   run the tests on the newest"
	@echo "make hooks    have git run ruff, mypy and the import map before each commit"
	@echo "make bench    measure, side by side with the peers (half an hour)"
	@echo "make bench-deployment  measure up to 10,000 waits in a whole Airflow on PostgreSQL (over an hour)"

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable ".[emulator]" --group dev
	touch $@

test: $(VENV)/.installed
	$(BIN)/python -m pytest -m "not system" -n $(WORKERS) --dist worksteal

# The same properties as in the tests, with fifty times as many histories (an hour or so).
fuzz: $(VENV)/.installed
	HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest tests/properties -n $(WORKERS) --dist worksteal

# Fails if a mutant survives that tests/mutants/survivors.toml gives no reason for; MUTANTS="waiting/text.py" and
# the like goes to the driver.
mutants: $(VENV)/.installed
	$(BIN)/python -m tests.mutants --jobs $(WORKERS) $(MUTANTS)

clients: $(VENV)/.installed
	$(BIN)/python -m tests.clients --results tests/clients/RESULTS.md

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff check --preview --select AIR example_dags
	$(BIN)/ruff format --check .
	$(BIN)/zizmor --offline --pedantic --quiet .github
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml

types: $(VENV)/.installed
	$(BIN)/mypy
	$(BIN)/mypy --python-version 3.10 airflow_provider_snowball/emulator/api

# What is released: built as it will be, the wheel from the sdist, and looked at as PyPI and pip will.
dist: $(VENV)/.installed
	rm -rf dist
	$(BIN)/python -m build --outdir dist .
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl

# The tests are those of the sdist, and meet the package as a user gets it: from the wheel, with any other copy out of reach.
test-wheel: dist
	rm -rf $(WHEEL_VENV)
	$(PYTHON) -m venv $(WHEEL_VENV)
	$(BIN)/uv pip install --quiet --python $(WHEEL_BIN)/python "$$(ls dist/*.whl)[emulator]" --group test
	rm -rf build/sdist && mkdir -p build/sdist
	tar --extract --file dist/*.tar.gz --directory build/sdist --strip-components 1
	rm -r build/sdist/airflow_provider_snowball
	cd build/sdist && $(WHEEL_BIN)/python -c \
		'import airflow_provider_snowball as p; assert "site-packages" in p.__file__, p.__file__; print("testing", p.__file__)'
	cd build/sdist && $(WHEEL_BIN)/python -m pytest -m "not system and not browser" -n $(WORKERS) --dist worksteal
	# What only waits, a file at a time; by their number of tests, the file that takes longest would come last, and alone.
	cd build/sdist && $(WHEEL_BIN)/python -m pytest -m "(system or browser) and not alone" -n $(WORKERS) --dist loadfile \
		--no-loadscope-reorder
	cd build/sdist && $(WHEEL_BIN)/python -m pytest -m alone

# Lines of noxfile.py. SNOWBALL_PYTHON_3_13 and the like name interpreters by absolute path; TESTS="tests/unit -x" and
# the like goes to pytest.
oldest newest: $(VENV)/.installed
	PATH="$(CURDIR)/$(BIN):$$PATH" WORKERS=$(WORKERS) $(BIN)/nox --session $@ -- $(TESTS)

# All lines, for some hours; one whose interpreter is missing keeps its row of the README's table.
lines: $(VENV)/.installed
	PATH="$(CURDIR)/$(BIN):$$PATH" WORKERS=$(WORKERS) $(BIN)/nox --tag lines --no-error-on-missing-interpreters

# Needs Debian's postgresql. SEED=N repeats a fire.
system: $(VENV)/.installed
	$(BIN)/python -m pytest -m system -s $(if $(SEED),--fire-seed $(SEED))

# In an environment of its own: the other tests are to do without Celery.
$(FIRE_VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(FIRE_VENV)
	$(FIRE_VENV)/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	$(FIRE_VENV)/bin/python -m pip install --quiet --editable ".[emulator]" --group test --group celery
	touch $@

# Fires of other seeds, each with a row of tests/system/fire/RESULTS.md: five as in the tests, one with waits that tell of
# changes, one at a few hundred waits, and one at Celery's workers. Over an hour; needs Debian's postgresql and redis-server.
fire: $(FIRE_VENV)/.installed
	for more in "" "" "" "" "" "--fire-more" "--fire-times 4" "--fire-times 4 --fire-celery"; do \
		$(FIRE_VENV)/bin/python -m pytest tests/system/test_fire.py -s --fire-results tests/system/fire/RESULTS.md $$more || exit; \
	done

deployment: $(VENV)/.installed
	$(BIN)/python -m tests.system.fire.deployment

check: lint types test-wheel

hooks: $(VENV)/.installed
	$(BIN)/pre-commit install

demo: $(VENV)/.installed
	$(BIN)/python -m tests.system.demo

airflow: $(VENV)/.installed
	$(BIN)/python -m tests.system.local_airflow

# Needs Debian's chromium and chromium-driver, or the like.
pictures: $(VENV)/.installed
	$(BIN)/python -m pytest tests/browser --pictures docs/images

# In an environment of its own: the tests need an older docutils.
$(DOCS_VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(DOCS_VENV)
	$(DOCS_VENV)/bin/python -m pip install --quiet uv
	$(DOCS_VENV)/bin/uv pip install --quiet --python $(DOCS_VENV)/bin/python --editable . --group docs
	touch $@

# A warning is an error. Asks no network, nor do the pages.
docs: $(DOCS_VENV)/.installed
	rm -rf build/docs
	$(DOCS_VENV)/bin/python -m sphinx --fail-on-warning --keep-going --quiet --builder html docs build/docs
	$(DOCS_VENV)/bin/python docs/_ext/check_pages.py build/docs

# In an environment of its own: the peers need aiobotocore, which holds botocore back.
$(BENCH_VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BENCH_VENV)/bin/python -m pip install --quiet --editable ".[emulator]" --group bench
	touch $@

bench: $(BENCH_VENV)/.installed
	$(BENCH_VENV)/bin/python -m benchmarks $(BENCHMARKS)

# Adds rows to benchmarks/DEPLOYMENT.md; CROWDS="ours-1000 peer-1000" measures those. Needs Debian's postgresql.
bench-deployment: $(BENCH_VENV)/.installed
	$(BENCH_VENV)/bin/python -m benchmarks.deployment $(CROWDS)

clean:
	rm -rf $(VENV) $(WHEEL_VENV) $(BENCH_VENV) $(DOCS_VENV) $(FIRE_VENV) .nox build dist .pytest_cache .mypy_cache .ruff_cache
