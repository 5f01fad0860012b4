# Thin front end: each target says what it does in `make help`. Everything else lives in CMake and the programs.
PRESET  ?= quick
SEEDS   ?=
DEVICE  ?=
DATA    ?=
INIT    ?=
OPTIONS ?=
TORCH   ?= debian
BUILD   ?= $(if $(filter pip,$(TORCH)),build-pip,build)
JOBS    ?= $(shell nproc)
PREFIX  ?=

# What `make setup PREFIX=DIR` unpacked, if anything, is found by every recipe: bash reads this file first.
SHELL := bash
export BASH_ENV = $(CURDIR)/.packages/environment

MAKEFLAGS += --no-print-directory

# Threads that wait give the core to others; must be set before the OpenMP library loads.
export OMP_WAIT_POLICY = passive

ARGUMENTS = --preset $(PRESET) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(DEVICE),--device $(DEVICE)) $(if $(DATA),--data-dir "$(DATA)") $(if $(INIT),--init "$(INIT)") $(OPTIONS)

.DEFAULT_GOAL := help
TABLES = table-main table-c1 table-e1 table-f1 table-g1 table-q1 table-x1
FIGURES = figure-b1 figure-b2 figure-d1 figure-s1
.PHONY: help setup setup-gpu configure build build-all install package test lint format test-faults test-cluster test-asan test-tsan check-metrics bench bench-peers fuzz reproduce report campaign records $(TABLES) $(FIGURES) clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  Variables: PRESET=quick|full|cifar100|cifar100-small|cub|cub40|cub40-short|paper|smoke (now $(PRESET)), SEEDS=0,1,2, DEVICE=cpu|cuda, DATA=DIR, INIT=FILE, TORCH=debian|pip, BUILD=DIR, JOBS=N"
	@echo "  OPTIONS=... passes any further option of the programs, for example OPTIONS='--rows LCR --limit-train 500'"

setup: ## install the Debian packages that are missing (PREFIX=DIR: unpack them into DIR, without root)
	@TORCH=$(TORCH) ci/setup.sh $(if $(and $(PREFIX),$(filter setup,$(MAKECMDGOALS))),--prefix "$(PREFIX)")

setup-gpu: ## put the official torch 2.11.0 (with CUDA) into .venv-torch, for TORCH=pip
	@ci/setup_torch.sh

# CONFIGURE: makes or updates the build folder. COMPILE: compiles the targets that are named after it.
# With pip's torch, CUDA is the one that setup-gpu put beside it, unless there is another.
CONFIGURE = $(if $(filter pip,$(TORCH)),toolkit=$$(echo $(CURDIR)/.venv-torch/lib/python3*/site-packages/nvidia/cu13); if [ -x "$$toolkit/bin/nvcc" ] && ! command -v nvcc >/dev/null; then export CUDA_PATH="$$toolkit" CUDACXX="$$toolkit/bin/nvcc"; fi;) ci/configure.sh $(BUILD) $(if $(filter pip,$(TORCH)),-DCMAKE_PREFIX_PATH="$$(.venv-torch/bin/python -c 'import os, torch; print(os.path.dirname(torch.__file__))')")
COMPILE = cmake --build $(BUILD) -j $(JOBS) --target

configure: setup $(if $(filter pip,$(TORCH)),setup-gpu)
	@$(CONFIGURE)

build: configure ## compile all programs into build/bin (TORCH=pip: against setup-gpu's torch, into build-pip/)
	@$(COMPILE) programs

build-all: configure
	@$(COMPILE) all

install: build ## install programs, data files, headers and the CMake package under PREFIX=DIR (/usr/local)
	@cmake --install $(BUILD) --prefix "$(or $(PREFIX),/usr/local)" > $(BUILD)-install.log || { cat $(BUILD)-install.log; exit 2; }
	@echo "installed under $(or $(PREFIX),/usr/local)"

package: build ## make a relocatable archive and a Debian package, with the libraries that a plain Debian 12 lacks, in BUILD/packages
	@cd $(BUILD) && SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct)} cpack > ../$(BUILD)-package.log 2>&1 || { grep -h '^ *package: ' ../$(BUILD)-package.log || tail -n 3 ../$(BUILD)-package.log; exit 2; }
	@ls -sh $(BUILD)/packages/*.tar.gz $(BUILD)/packages/*.deb

test: build-all ## set up, build, run all tests
	@ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS)

lint: configure ## check format, include arrows, shell scripts and, with clang-tidy, the changed sources (LINT_BASE=COMMIT|all)
	@ci/setup.sh packages-lint.txt
	@ci/lint.sh $(BUILD)

format: ## apply clang-format to all C++ files
	@ci/setup.sh packages-lint.txt
	@git ls-files -z '*.cpp' '*.h' '*.cu' | xargs -0 clang-format -i

test-faults: build-all ## kill, starve and damage runs at length, then soak: about an hour and a half (SOAK_MINUTES=30)
	@LCR_FAULTS=long LCR_SOAK_MINUTES=$(or $(SOAK_MINUTES),30) ctest --test-dir $(BUILD) -L faults --verbose

test-cluster: build-all ## run grids on a Slurm that is made of this machine, with killed tasks and a lost node, and on two network namespaces: ten minutes, as root
	@ci/setup.sh packages-cluster.txt
	@ctest --test-dir $(BUILD) -C cluster -L cluster --verbose

test-asan: setup ## run all tests under AddressSanitizer and UBSan, in build-asan
	@ci/configure.sh build-asan -DLCR_SANITIZE=address -DLCR_BENCHMARKS=OFF
	@cmake --build build-asan -j $(JOBS)
	@ASAN_OPTIONS=allocator_may_return_null=1 LSAN_OPTIONS=suppressions=$(CURDIR)/tests/lsan.supp ctest --test-dir build-asan --output-on-failure -j $(JOBS)

test-tsan: setup ## run the tests of lcr_base (loader, store) under ThreadSanitizer, in build-tsan
	@ci/configure.sh build-tsan -DLCR_SANITIZE=thread -DLCR_BENCHMARKS=OFF
	@cmake --build build-tsan -j $(JOBS) --target base_tests
	@TSAN_OPTIONS=die_after_fork=0:suppressions=$(CURDIR)/tests/tsan.supp build-tsan/bin/base_tests

CHECK = $(BUILD)/check
check-metrics: configure ## train the smoke runs (a minute or two) and compare their metrics with results/reference/smoke; fails on a regression (ci/README.md)
	@$(if $(DATA)$(INIT)$(DEVICE)$(OPTIONS),$(error check-metrics trains the smoke preset as it is: of the variables only SEEDS counts))rm -rf $(CHECK)
	@$(COMPILE) main_results lcr-check
	@$(BUILD)/bin/main_results --preset smoke $(if $(SEEDS),--seeds $(SEEDS) --other-seeds $(SEEDS)) --runs $(CHECK)/runs --results $(CHECK)/results > $(CHECK).log 2>&1 || { code=$$?; tail -n 3 $(CHECK).log; exit $$code; }
	@$(BUILD)/bin/lcr-check metrics --reference results/reference/smoke --candidate $(CHECK)/results --markdown $(CHECK)/metrics.md --junit $(CHECK)/metrics.xml --json $(CHECK)/metrics.json

bench: configure ## measure the speed of training steps and of the data pipeline (benchmarks/README.md)
	@$(COMPILE) lcr-benchmark
	@$(BUILD)/bin/lcr-benchmark

bench-peers: configure setup-gpu ## compare the training step with plain PyTorch 2.11's, in turn (ROUNDS=5, THREADS=1, PRECISION=float32; half an hour)
	@$(COMPILE) lcr-benchmark
	@benchmarks/peers/compare_steps.py --benchmark $(BUILD)/bin/lcr-benchmark --python .venv-torch/bin/python --rounds $(or $(ROUNDS),5) --threads $(or $(THREADS),1) --precision $(or $(PRECISION),float32)

fuzz: setup ## fuzz all readers of foreign files, SECONDS (600) each; needs clang and its runtime (Debian: clang-14, libclang-rt-14-dev)
	@tests/fuzz/fuzz.sh $(or $(SECONDS),600)

reproduce: configure ## set up, build, reproduce all tables and figures, and report.html (PRESET=quick: 3 minutes to build and 20 to train on two cores)
	@$(COMPILE) reproduce lcr-front lcr-plot
	@$(BUILD)/bin/lcr reproduce $(ARGUMENTS)

report: configure ## make tables, figures and report.html of the results that exist
	@$(COMPILE) lcr-plot
	@$(BUILD)/bin/lcr-plot report --results results/$(PRESET)

campaign: build ## train every row of PRESET on its data, headline rows first (resumable; OPTIONS=--dry-run), and pack the records into results/records/PRESET
	@ci/campaign.sh $(BUILD)/bin $(PRESET) $(wordlist 3,99,$(ARGUMENTS))

records: build ## make tables, figures, claims and report of results/records from the archives, without data or training, in BUILD/records
	@ci/records.sh $(BUILD)/bin $(BUILD)/records

table-main: configure ## main results: retrieval and linear probing
table-c1: configure ## Table C1: MoCo v2 and LCR on a non-fine-grained data set
table-e1: configure ## Table E1: structure of the GFB
table-f1: configure ## Table F1: weights of the losses
table-g1: configure ## Table G1: embedding dimension
table-q1: configure ## Table Q1, beyond the paper: length of the queue
table-x1: configure ## Table X1, beyond the paper: where the gain comes from
figure-b1: configure ## Figure B1: heat maps of the projections
figure-b2: configure ## Figure B2: selection of projections
figure-d1: configure ## Figure D1: the number of projections
figure-s1: configure ## Figure S1, beyond the paper: which switch between Algorithm A1 and the authors' code matters

# table-x1 is `lcr table x1`: the experiment's program, then its table; figure-d1 also draws its figure.
$(TABLES) $(FIGURES):
	@$(COMPILE) experiment-$(lastword $(subst -, ,$@)) lcr-front lcr-plot
	@$(BUILD)/bin/lcr $(subst -, ,$@) $(ARGUMENTS)

clean: ## remove the builds (runs/ and results/ stay)
	rm -rf $(BUILD) $(BUILD)-configure.log $(BUILD)-install.log $(BUILD)-package.log build-asan* build-tsan* build-fuzz
