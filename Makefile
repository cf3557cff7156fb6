# The two commands of the README. Everything that they need goes into .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint types slow clean

# torch first and by itself: elsewhere its CPU or CUDA build may come from an index of its own.
.venv: constraints.txt pyproject.toml
	rm -rf .venv
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^torch==' constraints.txt)" -c constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch .venv

demo: .venv
	$(BIN)/amcnet demo --out demo

test: .venv
	$(BIN)/python -m pytest

slow: .venv
	$(BIN)/python -m pytest -m slow

lint: .venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv
	$(BIN)/mypy

clean:
	rm -rf .venv demo build dist .mypy_cache .ruff_cache .pytest_cache
