# The set-up: `make run` and `make test`, each by itself, on a machine with git, make and Python 3.10+ with pip.
# Everything lands in .venv and .tools; pins with hashes stand in constraints.txt.

PYTHON ?= python3
BIN := .venv/bin
# What sets up: uv, which is quick, or pip, where no uv can be had.
SETUP ?= auto
# Nothing of the caller's environment may lead astray.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME PIP_REQUIRE_VIRTUALENV PIP_TARGET PIP_USER PIP_PREFIX PIP_CONSTRAINT \
	UV_PROJECT_ENVIRONMENT UV_TARGET UV_PREFIX UV_CONSTRAINT UV_OVERRIDE

.PHONY: run test lint format bench constraints clean
.DELETE_ON_ERROR:

run: .venv/ready
	@cd example_project && ../$(BIN)/python run.py

test: .venv/ready
	@$(BIN)/python -m pytest -q

lint: .venv/ready
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: .venv/ready
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

bench: .venv/ready
	@$(BIN)/python -m benchmarks

.venv/ready: constraints.txt pyproject.toml setup.sh
	@SETUP="$(SETUP)" sh setup.sh "$(PYTHON)"
	@touch $@

# Made anew after a change of dependencies; no index address may stand in it.
constraints: .venv/ready
	@test -x .tools/bin/uv || { echo "make constraints needs uv: make clean, then again without SETUP=pip" >&2; exit 2; }
	@.tools/bin/uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-annotate --no-header \
		--no-emit-index-url --extra dev pyproject.toml --output-file constraints.txt

clean:
	@rm -rf .venv .tools .mypy_cache .pytest_cache .ruff_cache .hypothesis .benchmarks .coverage htmlcov build dist
