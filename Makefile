# The two commands of the README. Everything that they need goes into .venv.
PYTHON ?= python3
BIN := .venv/$(if $(filter Windows_NT,$(OS)),Scripts,bin)

.PHONY: demo test coverage lint types slow docs extras sbom audit hashes clean

# torch first and by itself: elsewhere its CPU or CUDA build may come from an index of its own.
.venv: constraints.txt pyproject.toml
	rm -rf .venv
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^torch==' constraints.txt)" -c constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch .venv

# What some tests and the documentation need beside; some hundred MB.
.venv/extras: .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs,interop,viewer-tests]'
	touch .venv/extras

extras: .venv/extras

docs: .venv/extras
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

demo: .venv
	$(BIN)/amcnet demo --out demo

# As many tests side by side as there are cores; each takes one, or they would be in each other's way.
test: .venv
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -n auto --dist loadfile

coverage: .venv
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -n auto --dist loadfile --cov=amcnet --cov-report=term:skip-covered --cov-report=html:build/coverage

slow: .venv
	$(BIN)/python -m pytest -m slow

lint: .venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo

types: .venv
	$(BIN)/mypy

# What is installed, with licences (CycloneDX), and known vulnerabilities of the pinned versions. These tools
# live in an environment of their own, so that they are not in the list.
BIN_AUDIT := build/audit/$(notdir $(BIN))
build/audit:
	$(PYTHON) -m venv build/audit
	$(BIN_AUDIT)/python -m pip install --quiet --disable-pip-version-check cyclonedx-bom pip-audit uv

sbom: .venv build/audit
	$(BIN_AUDIT)/cyclonedx-py environment .venv -o build/sbom.json

audit: build/audit
	$(BIN_AUDIT)/pip-audit --strict --requirement constraints.txt --no-deps --disable-pip

# The pinned versions with the hashes of their files, for pip install --require-hashes: everything in
# constraints.txt, and what the core needs.
COMPILE = $(BIN_AUDIT)/uv pip compile --generate-hashes --no-header --no-annotate --quiet
hashes: build/audit
	$(COMPILE) constraints.txt --no-deps --output-file constraints-hashes.txt
	$(COMPILE) pyproject.toml --constraint constraints.txt --universal --output-file requirements-hashes.txt

clean:
	rm -rf .venv demo build dist .mypy_cache .ruff_cache .pytest_cache
