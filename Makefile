# `make sweep` and `make test` start from Python 3.11, make and a package index; what is set up already is kept.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: sweep test lint bench torture clean

sweep: $(READY)  ## train and measure the bottom-heavy family, and draw it
	$(BIN)/tradeoff sweep sweeps/bottom_heavy.yaml
	$(BIN)/tradeoff report --pareto --sweep bottom_heavy

test: $(READY) lint
	$(BIN)/pytest -q -n 2 --dist worksteal

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)  ## speed, as ratios taken in one run; needs a machine at rest
	$(BIN)/pytest -q tests/benchmarks --benchmark-only

torture: $(READY)  ## kill real sweeps at least 50 times, damage their files, and compare what they end with
	$(BIN)/python tests/helpers/torture.py --kills 50

clean:
	rm -rf $(VENV) results/local reports/local .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@
