# Thin front end: each target says what it does in `make help`. Everything else lives in CMake and the programs.
PRESET  ?= quick
SEEDS   ?=
DEVICE  ?=
DATA    ?=
TORCH   ?= debian
BUILD   ?= $(if $(filter pip,$(TORCH)),build-pip,build)
JOBS    ?= $(shell nproc)

MAKEFLAGS += --no-print-directory

# Threads that wait give the core to others; must be set before the OpenMP library loads.
export OMP_WAIT_POLICY = passive

OPTIONS = --preset $(PRESET) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(DEVICE),--device $(DEVICE)) $(if $(DATA),--data-dir "$(DATA)")

.DEFAULT_GOAL := help
.PHONY: help setup setup-gpu build test bench fuzz reproduce table-c1 clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  Variables: PRESET=quick|cifar100|paper (now $(PRESET)), SEEDS=0,1,2, DEVICE=cpu|cuda, DATA=DIR, TORCH=debian|pip"

setup: ## install the Debian packages that are missing
	@ci/setup.sh

setup-gpu: ## put the official torch 2.11.0 (with CUDA) into .venv-torch, for TORCH=pip
	@test -x .venv-torch/bin/pip || python3 -m venv .venv-torch || { rm -rf .venv-torch; echo "setup-gpu: needs python3 with venv (Debian: python3-venv)"; exit 2; }
	@.venv-torch/bin/python -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null || .venv-torch/bin/pip install torch==2.11.0 numpy

build: setup $(if $(filter pip,$(TORCH)),setup-gpu) ## compile everything into build/bin (TORCH=pip: against setup-gpu's torch, into build-pip/)
	@cmake -S . -B $(BUILD) $(if $(filter pip,$(TORCH)),-DCMAKE_PREFIX_PATH="$$(.venv-torch/bin/python -c 'import torch; print(torch.utils.cmake_prefix_path)')") > $(BUILD)-configure.log 2>&1 || { cat $(BUILD)-configure.log; exit 2; }
	@cmake --build $(BUILD) -j $(JOBS)

test: build ## set up, build, run all tests
	@ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS)

bench: build ## speed of training steps and of the data pipeline (benchmarks/README.md)
	@$(BUILD)/bin/lcr-benchmark

fuzz: setup ## fuzz the readers of images and lists, SECONDS (600) each; needs clang and its runtime (Debian: clang-14, libclang-rt-14-dev)
	@tests/fuzz/fuzz.sh $(or $(SECONDS),600)

reproduce: table-c1 ## set up, build, reproduce every table that is in the suite (PRESET=quick: minutes on a CPU)

table-c1: build ## Table C1: MoCo v2 and LCR on CIFAR-100
	@$(BUILD)/bin/cifar100_baseline $(OPTIONS)
	@$(BUILD)/bin/lcr-plot table c1 --results results/$(PRESET)

clean: ## remove the build (runs/ and results/ stay)
	rm -rf $(BUILD) $(BUILD)-configure.log
