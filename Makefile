.PHONY: help install demo test test-long test-duckdb2 install-postgres test-postgres install-spark test-spark lint lock clean
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin

# The demo has its own database, and no variable of the caller leads it to real data.
DEMO_DATABASE := demo.duckdb
DEMO := env -u JOURNEY_RAW_PATH -u JOURNEY_PUBLISHED_PATH JOURNEY_DUCKDB_PATH=$(DEMO_DATABASE)
DEMO_USERS := exports/cart_recovery_converted_users.csv

# The files of tests are shared out to as many processes as there are cores.
PARALLEL := --numprocesses auto --dist loadfile

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: .venv/requirements-dev.lock ## Make .venv with everything the project needs, exactly as locked

# Each environment keeps the lock it was made from, so a new one is made only when its lock is newer.
.venv/%.lock: %.lock
	@$(call make_environment,.venv)

.venv-duckdb2/%.lock: %.lock
	@$(call make_environment,.venv-duckdb2)

.venv-postgres/%.lock: %.lock
	@$(call make_environment,.venv-postgres)

.venv-spark/%.lock: %.lock
	@$(call make_environment,.venv-spark)

define make_environment
echo "Installing $< into $(1) ..."
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=...")'
$(PYTHON) -m venv --clear $(1)
$(1)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
cp $< $@
endef

demo: install ## Build the sample journeys, show their overview and write a list of users
	@echo "Building the sample journeys into $(DEMO_DATABASE) ..."
	@$(DEMO) $(BIN)/dbt --quiet build --profiles-dir profiles --target duckdb --exclude-resource-type unit_test
	@$(BIN)/python scripts/show_overview.py --database $(DEMO_DATABASE)
	@mkdir -p $(dir $(DEMO_USERS)) && echo
	@$(BIN)/python scripts/export_users.py --database $(DEMO_DATABASE) --journey cart_recovery \
		--metric converted_users --format csv --output $(DEMO_USERS) --force
	@head -n 5 $(DEMO_USERS)

test: install ## Run every test
	@$(BIN)/pytest $(PARALLEL)

test-long: install ## Run the long tests: many worlds, many kills (WORLDS=1000 plays more of them)
	@$(BIN)/pytest --numprocesses auto -m long

test-duckdb2: .venv-duckdb2/requirements-duckdb2.lock ## Run the tests that run dbt on the next DuckDB
	@.venv-duckdb2/bin/pytest $(PARALLEL) -m dbt

install-postgres: .venv-postgres/requirements-postgres.lock ## Make .venv-postgres, for runs on PostgreSQL

test-postgres: install-postgres ## Run the tests on a PostgreSQL of their own (Debian: apt-get install postgresql)
	@.venv-postgres/bin/pytest $(PARALLEL) -m "postgres and not long"

install-spark: .venv-spark/requirements-spark.lock ## Make .venv-spark, for runs on Spark

test-spark: install-spark ## Run the tests on a Spark of their own (Debian: apt-get install openjdk-17-jre-headless)
	@.venv-spark/bin/pytest tests/python/test_spark.py -m "spark and not long"

lint: install ## Check the form of SQL and Python
	@$(BIN)/ruff check --output-format concise
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@env -u JOURNEY_RAW_PATH JOURNEY_DUCKDB_PATH=:memory: $(BIN)/sqlfluff lint models tests

PIP_COMPILE := CUSTOM_COMPILE_COMMAND='make lock' .venv-lock/bin/pip-compile --quiet --generate-hashes --allow-unsafe \
	--no-strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links

lock: ## Pin what requirements*.in ask for; UPGRADE=1 moves every pin to the newest
	@test -x .venv-lock/bin/pip-compile || { $(PYTHON) -m venv .venv-lock && .venv-lock/bin/pip install --quiet pip-tools; }
	@$(PIP_COMPILE) $(if $(UPGRADE),--upgrade) --output-file requirements-dev.lock requirements-dev.in
	@# pip-compile keeps the versions it finds: each lock starts as a copy, so that all of them agree where they can.
	@cp requirements-dev.lock requirements.lock
	@$(PIP_COMPILE) --output-file requirements.lock requirements.in
	@cp requirements-dev.lock requirements-duckdb2.lock
	@$(PIP_COMPILE) --output-file requirements-duckdb2.lock requirements-duckdb2.in
	@cp requirements-dev.lock requirements-postgres.lock
	@$(PIP_COMPILE) --output-file requirements-postgres.lock requirements-postgres.in
	@cp requirements-dev.lock requirements-spark.lock
	@$(PIP_COMPILE) --output-file requirements-spark.lock requirements-spark.in

clean: ## Remove the environments, the caches and what the demo made
	@rm -rf .venv .venv-* target logs $(DEMO_USERS) .pytest_cache .mypy_cache .ruff_cache .hypothesis $(DEMO_DATABASE)*
