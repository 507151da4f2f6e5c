# make demo: the main job (sets itself up); make test: the tests (sets itself up)
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(shell find setup.py pyproject.toml shim maf_vdev tools/gen_stubs.py -type f \
	\( -name '*.py' -o -name '*.c' -o -name '*.h' -o -name '*.S' -o -name '*.cpp' -o -name '*.tsv' -o -name '*.toml' -o -name '*.profile' -o -name 'setup.py' \) 2>/dev/null)
# torch is installed without its dependencies: it needs no NVIDIA library here.
TORCH := torch==2.14.1
TORCH_NEEDS := filelock typing-extensions sympy networkx jinja2 fsspec setuptools

.PHONY: demo test build clean

demo: $(VENV)/.installed
	$(BIN)/python tools/demo/run.py

test: $(VENV)/.installed
	$(BIN)/pytest -q tests

build: $(VENV)/.installed

$(VENV)/.python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip
	touch $@

$(VENV)/.torch: $(VENV)/.python
	$(BIN)/python -m pip install -q --no-deps $(TORCH)
	$(BIN)/python -m pip install -q $(TORCH_NEEDS)
	touch $@

$(VENV)/.installed: $(VENV)/.torch $(SOURCES)
	$(BIN)/python -m pip install -q '.[test]'
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info maf_vdev/lib
