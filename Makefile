# Everything is set up on first use: uv into .uv, the locked packages into .venv. `make` alone lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
UV_VERSION := 0.13.9
UV := .uv/bin/uv
BIN := .venv/bin
BENCH := benchmarks/.venv/bin
DOCS := docs/.venv/bin
MCP_SERVER := examples/.venv/.installed
RELEASE := release/.venv/bin
PYTEST := $(BIN)/python -m pytest
IN_PARALLEL := -n 3 --dist worksteal
ELSEWHERE := not walk and not journey and not production and not fault
# One directory for all bytecode, including that of tests with rewritten asserts, instead of a __pycache__ in each directory.
export PYTHONPYCACHEPREFIX ?= $(CURDIR)/.pycache
unexport PYTHONDONTWRITEBYTECODE
# uv uses the certificate authorities of this machine, as git and pip do. Networks with an authority of their own need it.
export UV_SYSTEM_CERTS ?= 1

.PHONY: help setup run run-mcp run-api serve simulate test test-parts test-client test-sqlite test-postgres test-long test-long-parts test-long-sqlite test-long-postgres walks matrix matrix-ends isolation journeys bench-quick bench bench-machines bench-apis bench-scale bench-setup bench-lock examples-lock production faults reports fuzz stateful mutants lint format types docs messages pictures lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; try: make PYTHON=python3.11 …" >&2; exit 1; }
	$(PYTHON) -m venv .uv
	.uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(BIN)/.installed: requirements.lock | $(UV)
	test -x $(BIN)/python || $(UV) venv --quiet --python "$$(command -v $(PYTHON))" .venv
	$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	touch $@

setup: $(BIN)/.installed ## install the locked packages into .venv

run: setup ## both sites: http://localhost:8000 and http://127.0.0.1:5000, Alice ready to connect
	$(BIN)/python -m config.sites

run-mcp: setup $(MCP_SERVER) ## both sites and an MCP server beside them: http://127.0.0.1:5010/mcp
	$(BIN)/python -m examples mcp

run-api: setup ## both sites and an API of Django REST framework beside them: http://127.0.0.1:5011/prescriptions
	$(BIN)/python -m examples api

$(MCP_SERVER): examples/requirements.lock $(BIN)/.installed | $(UV)
	test -x $(@D)/bin/python || $(UV) venv --quiet --python $(BIN)/python $(@D)
	$(UV) pip sync --quiet --python $(@D)/bin/python --require-hashes examples/requirements.lock
	@# Django and everything else come from the project's environment.
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
		> "$$($(@D)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/project.pth"
	touch $@

serve: setup ## the server site in production, settings from the environment: docs/deploy.md
	$(BIN)/python -m config.serve

simulate: setup ## the nine steps of the guide over real HTTP, checked and printed
	$(BIN)/python manage.py simulate $(ARGS)

# Each part writes its results here; the last line of `make test` is their sum, also if a part has failed.
RESULTS := build/tests
RESULT = --junitxml=$(RESULTS)/$(1).xml
test: setup ## the tests of both sites, on SQLite and on a real PostgreSQL, in a few minutes; tests/long.txt lists what it leaves out
	@rm -rf $(RESULTS)
	@status=0; $(MAKE) --no-print-directory test-parts || status=$$?; \
	$(BIN)/python -m tests.total $(RESULTS) client-sqlite client-postgres server-sqlite server-postgres; exit $$status

test-parts: test-client test-sqlite test-postgres

# All of its tests on SQLite; on PostgreSQL those that depend on the database.
test-client: setup
	$(PYTEST) -q -n 2 --ds=config.client.settings --confcutdir=tests/prescription_manager_app tests/prescription_manager_app \
		$(call RESULT,client-sqlite)
	$(PYTEST) -q -n 2 --ds=tests.client_settings --confcutdir=tests/prescription_manager_app \
		$(addprefix tests/prescription_manager_app/test_,at_once.py renewal.py lifecycle_page.py) $(call RESULT,client-postgres)

# Directories of walks only: the other tests need not even import them.
ALL_WALKS := fuzz
ON_SQLITE = TEST_DATABASE=sqlite $(PYTEST) $(IN_PARALLEL) -q -m "$(ELSEWHERE)" $(addprefix --ignore tests/,$(ALL_WALKS))
# Measuring coverage takes a third longer, so only CI does it. `make test` starts the measurement, and `make test-long` adds to it.
test-sqlite: setup
	rm -f .coverage .coverage.*
	TEST_PART=quick $(ON_SQLITE) $(if $(CI),--cov --cov-report=) $(call RESULT,server-sqlite) $(ARGS)

# Through the fast path of oauth_service.wsgi, as the SQLite run goes through Django; in a database that is not the default one, with
# a replica that must not be queried (tests/database.py).
ON_POSTGRES = TEST_ENTRY=direct TEST_ROUTERS=1 TEST_DATABASE=postgres $(PYTEST) $(IN_PARALLEL) -q
test-postgres: setup
	TEST_PART=quick $(ON_POSTGRES) -m "$(ELSEWHERE)" $(call RESULT,server-postgres) $(ARGS)

test-long: setup ## what `make test` leaves out: long tests (tests/long.txt), and on PostgreSQL all that do not depend on the database
	@rm -rf $(RESULTS)-long
	@status=0; $(MAKE) --no-print-directory test-long-parts RESULTS=$(RESULTS)-long || status=$$?; \
	$(BIN)/python -m tests.total $(RESULTS)-long server-sqlite server-postgres; exit $$status

test-long-parts: test-long-sqlite test-long-postgres
ifdef CI
	$(BIN)/coverage report --include='oauth_service/*' --fail-under=95
endif

test-long-sqlite: setup
	TEST_PART=long $(ON_SQLITE) $(if $(CI),--cov --cov-append --cov-report=) $(call RESULT,server-sqlite) $(ARGS)

# Tests that need no database; the SQLite run has covered them.
WITHOUT_A_DATABASE := protocol simulation packaging openapi fuzz benchmarks $(addprefix architecture/test_,clauses.py docs.py imports.py tree.py)
test-long-postgres: setup
	TEST_PART=long $(ON_POSTGRES) -m "$(ELSEWHERE)" $(addprefix --ignore tests/,$(WITHOUT_A_DATABASE)) $(call RESULT,server-postgres) $(ARGS)

walks: setup ## the long walks: every setting, page, parameter and caller with every odd value
	TEST_DATABASE=sqlite $(PYTEST) $(IN_PARALLEL) -q -m walk $(ARGS)
	$(ON_POSTGRES) -m walk $(addprefix --ignore tests/,$(WITHOUT_A_DATABASE)) $(ARGS)

matrix: setup ## the suite on each supported pair of Python and Django; ARGS="--only 3.12-6.0" for one of them
	$(BIN)/python -m tests.matrix $(ARGS)

matrix-ends: setup ## the most important tests, on the lowest and on the highest pair
	$(BIN)/python -m tests.matrix --ends $(ARGS)

isolation: setup ## the races again, on PostgreSQL with stricter isolation of transactions
	for level in REPEATABLE_READ SERIALIZABLE; do TEST_ISOLATION=$$level TEST_DATABASE=postgres $(PYTEST) $(IN_PARALLEL) -q \
		--ignore tests/concurrency/test_kill.py --ignore tests/concurrency/test_floods.py tests/concurrency $(ARGS) || exit; done

# CI fails without Node.js. Go is also found at the place where its own installer puts it.
STRANGERS := tests/journeys/strangers
GO := $(firstword $(shell command -v go) $(wildcard /usr/local/go/bin/go))
NODE_CLIENTS := $(if $(CI)$(shell command -v npm),$(STRANGERS)/node/node_modules/.package-lock.json)
GO_CLIENTS := $(if $(GO),$(STRANGERS)/go/stranger)
MCP_CLIENTS := $(STRANGERS)/mcp/.venv/.installed
JAVA_CLIENTS := $(if $(shell command -v javac),$(if $(shell command -v mvn),$(STRANGERS)/java/target/.installed))
LEFT_OUT := $(if $(NODE_CLIENTS),, and not node)$(if $(GO_CLIENTS),, and not go)$(if $(JAVA_CLIENTS),, and not java)
journeys: setup $(MCP_SERVER) $(MCP_CLIENTS) $(NODE_CLIENTS) $(GO_CLIENTS) $(JAVA_CLIENTS) ## both sites with a real browser, axe-core on every page, and third-party clients
	$(PYTEST) -q -n 2 -m "journey$(LEFT_OUT)" tests/journeys $(call RESULT,journeys) $(ARGS)
ifeq ($(NODE_CLIENTS),)
	@echo "LEFT OUT: openid-client, oidc-client-ts, jose and the TypeScript SDKs of MCP. No Node.js on this machine; install node 20 and npm and run: make journeys"
endif
ifeq ($(GO_CLIENTS),)
	@echo "LEFT OUT: golang.org/x/oauth2. No Go on this machine; install go 1.21 or newer and run: make journeys"
endif
ifeq ($(JAVA_CLIENTS),)
	@echo "LEFT OUT: Nimbus. No JDK or no Maven on this machine; install a JDK 17 and mvn and run: make journeys"
endif

$(STRANGERS)/node/node_modules/.package-lock.json: $(STRANGERS)/node/package-lock.json
	cd $(<D) && npm ci --no-audit --no-fund

$(MCP_CLIENTS): $(STRANGERS)/mcp/requirements.lock | $(UV)
	test -x $(@D)/bin/python || $(UV) venv --quiet --python "$$(command -v $(PYTHON))" $(@D)
	$(UV) pip sync --quiet --python $(@D)/bin/python --require-hashes $<
	touch $@

$(STRANGERS)/go/stranger: $(wildcard $(addprefix $(STRANGERS)/go/,go.mod go.sum *.go))
	cd $(@D) && $(GO) build -buildvcs=false -o $(@F) .

$(STRANGERS)/java/target/.installed: $(STRANGERS)/java/pom.xml
	cd $(<D) && mvn --quiet --batch-mode dependency:copy-dependencies
	touch $@

production: setup ## tests of the site as `make serve` serves it, on PostgreSQL and behind a real nginx
ifdef CI
	$(PYTEST) -q -n 2 -m production tests/production $(ARGS)
else
	@if $(BIN)/python -m tests.production.nginx; then $(PYTEST) -q -n 2 -m production tests/production $(ARGS); \
	else $(PYTEST) -q -n 2 -m "production and not nginx" tests/production $(ARGS); \
	echo "LEFT OUT: the tests behind nginx. No nginx on this machine; install one (Debian: nginx-light) and run: make production"; fi
endif

faults: setup ## tests that stop and kill the database and the server's processes under load, and promote a standby
	TEST_DATABASE=sqlite $(PYTEST) -q -m fault tests/concurrency/test_kill.py
	TEST_DATABASE=postgres $(PYTEST) -q -m fault tests/concurrency/test_kill.py
	$(PYTEST) -q -m fault --log-cli-level=WARNING tests/faults $(ARGS)

reports: setup ## make every endpoint fail in every function, and find no secret in any report; five minutes
	REPORTS_EACH=function TEST_DATABASE=sqlite $(PYTEST) -q -n 2 tests/reports $(ARGS)
	REPORTS_EACH=function TEST_DATABASE=postgres $(PYTEST) -q -n 2 tests/reports $(ARGS)

fuzz: setup ## 50,000 requests generated from /openapi.json, new ones each time, on a real PostgreSQL
	FUZZ_REQUESTS=$${FUZZ_REQUESTS:-50000} TEST_DATABASE=postgres $(PYTEST) -n 2 -q tests/fuzz $(ARGS)

stateful: setup ## 500 random sequences of all possible events, compared with a model
	STATEFUL_EXAMPLES=$${STATEFUL_EXAMPLES:-500} STATEFUL_STEPS=50 $(PYTEST) -q tests/stateful $(ARGS)

mutants: setup ## remove one defence after the other, and see its test fail; ten minutes
	$(BIN)/python -m tests.attacks $(ARGS)

lint: setup types ## ruff, mypy --strict, import contracts, djlint, spelling, docs/style.md
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/djlint --quiet --check --lint oauth_service prescription_manager_app
	$(BIN)/codespell
	$(BIN)/python -m tests.architecture.prose

types: setup
	$(BIN)/mypy

format: setup ## format the code with ruff and djlint
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format --quiet .
	-$(BIN)/djlint --quiet --reformat oauth_service prescription_manager_app

bench-quick: bench-setup ## ours beside a bare Django view and django-oauth-toolkit, in three minutes; see benchmarks/README.md
	$(BENCH)/python -m benchmarks quick $(ARGS)

bench: bench-setup benchmarks/node/node_modules/.package-lock.json ## ours beside all others (needs node and npm); twenty minutes
	$(BENCH)/python -m benchmarks full $(ARGS)

bench-machines: bench-setup ## services and APIs: client credentials, introspection, token exchange, JWTs; five minutes
	$(BENCH)/python -m benchmarks machines $(ARGS)

bench-apis: bench-setup ## one guarded view, plain, with Django REST framework and with django-ninja; three minutes
	$(BENCH)/python -m benchmarks apis $(ARGS)

bench-scale: SIZES ?= 10000,1000000,10000000
bench-scale: REFRESHES ?= 1000000
bench-scale: bench-setup ## ours with up to ten million live grants (15 GB of disk); SIZES=10000,1000000 for less
	$(BENCH)/python -m benchmarks scale --sizes $(SIZES) --refreshes $(REFRESHES) $(ARGS)

bench-setup: $(BENCH)/.installed

$(BENCH)/.installed: benchmarks/requirements.lock $(BIN)/.installed | $(UV)
	test -x $(BENCH)/python || $(UV) venv --quiet --python $(BIN)/python benchmarks/.venv
	$(UV) pip sync --quiet --python $(BENCH)/python --require-hashes benchmarks/requirements.lock
	@# Packages come from the project's environment, so that every subject runs on the same ones.
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
		> "$$($(BENCH)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/project.pth"
	touch $@

benchmarks/node/node_modules/.package-lock.json: benchmarks/node/package-lock.json
	cd benchmarks/node && npm ci --no-audit --no-fund

bench-lock: setup ## resolve benchmarks/requirements.in into its lock again, without the packages that the project itself locks
	$(UV) pip compile --quiet benchmarks/requirements.in -c requirements.lock --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --upgrade -o benchmarks/requirements.lock \
		$$(sed -nE 's/^([a-z0-9.-]+)==.*/--no-emit-package \1/p' requirements.lock)

examples-lock: setup ## resolve the locks of the MCP server and of its clients again
	$(UV) pip compile --quiet examples/requirements.in -c requirements.lock --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --upgrade -o examples/requirements.lock \
		$$(sed -nE 's/^([a-z0-9.-]+)==.*/--no-emit-package \1/p' requirements.lock)
	$(COMPILE) $(STRANGERS)/mcp/requirements.in --python-version 3.11 -o $(STRANGERS)/mcp/requirements.lock

messages: setup ## extract new texts of pages into the catalogues of oauth_service/locale, and compile them
	$(BIN)/python -m tests.languages.catalogue

docs: setup $(DOCS)/.installed ## the HTML site of docs/, in build/docs/html, with the pages that are generated from the code
	$(BIN)/python -m tests.architecture.reference_pages
	$(DOCS)/python docs/build.py

$(DOCS)/.installed: docs/requirements.lock $(BIN)/.installed | $(UV)
	test -x $(DOCS)/python || $(UV) venv --quiet --python $(BIN)/python docs/.venv
	$(UV) pip sync --quiet --python $(DOCS)/python --require-hashes docs/requirements.lock
	touch $@

dist: setup $(RELEASE)/.installed ## wheel and source distribution of a release, checked, and an SBOM of the lock: docs/releasing.md
	rm -rf dist
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m hatchling build --directory dist
	$(RELEASE)/twine check --strict dist/*.whl dist/*.tar.gz
	$(RELEASE)/cyclonedx-py requirements requirements.lock --output-reproducible --output-file dist/sbom.cdx.json

$(RELEASE)/.installed: release/requirements.lock $(BIN)/.installed | $(UV)
	test -x $(RELEASE)/python || $(UV) venv --quiet --python $(BIN)/python release/.venv
	$(UV) pip sync --quiet --python $(RELEASE)/python --require-hashes release/requirements.lock
	touch $@

pictures: setup ## take the README's pictures again, from the running sites
	$(BIN)/python -m tests.journeys.pictures

COMPILE = $(UV) pip compile --quiet --universal --generate-hashes --no-annotate --no-header --upgrade
lock: $(UV) ## resolve pyproject.toml, docs/requirements.in, release/requirements.in and the matrix into their locks again
	$(COMPILE) pyproject.toml --group dev --python-version 3.11 -o requirements.lock
	$(COMPILE) docs/requirements.in --python-version 3.11 -o docs/requirements.lock
	$(COMPILE) release/requirements.in --python-version 3.11 -o release/requirements.lock
	$(COMPILE) pyproject.toml --all-extras --resolution lowest-direct --python-version 3.11 -o tests/matrix/lowest.lock
	echo 'django==5.2.*' | $(COMPILE) - --no-deps --python-version 3.11 -o tests/matrix/django-5.2.lock
	echo 'django==6.0.*' | $(COMPILE) - --no-deps --python-version 3.12 -o tests/matrix/django-6.0.lock
	echo 'django==6.1.*' | $(COMPILE) - --no-deps --python-version 3.12 -o tests/matrix/django-6.1.lock

clean: ## remove all that the other targets made, except the databases in var/
	rm -rf .venv .uv .matrix .pycache benchmarks/.venv docs/.venv release/.venv benchmarks/node/node_modules examples/.venv $(addprefix $(STRANGERS)/,mcp/.venv node/node_modules go/stranger java/target) .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
