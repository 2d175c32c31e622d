# The front door: every target installs what it needs, asks nothing, and works again when run again. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
JOBS ?= $(shell nproc)
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help build run test test-fast lab lab-down lab-full lab-matrix lab-danger lab-combined bench page-load page-bench page-long crash-full remote-full fuzz-full format lint install clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | awk -F'|' '{printf "  make %-12s %s\n", $$1, $$2}'

build: ## the program, at build/release/raksa
	@tools/install build
	@cmake --preset release > build/configure.log || { tail -n 30 build/configure.log; exit 1; }
	@cmake --build --preset release -j $(JOBS) --target raksa

run: build ## build, then watch this machine (config/quickstart.yaml); Ctrl-C ends it
	@tools/install run
	@mkdir -p build/run
	@exec build/release/raksa run config/quickstart.yaml

test: ## everything that proves the project, each lab scenario once; ends with "N passed, N failed"
	@tools/install build run test lab
	@tools/test

test-fast: ## unit tests only, in the dev build
	@tools/install build run test
	@tools/test --only unit --preset dev

lab: build ## two real servers to break, watched and repaired; page at http://127.0.0.1:8077/ until Ctrl-C
	@tools/install lab
	@lab/demo $(ARGS)

lab-down: ## take the lab down, whatever state it is in
	@lab/down

lab-full: build ## the long tables: every scenario many times, results into docs/
	@tools/install test lab
	@python3 tests/lab/full.py $(ARGS)

lab-matrix: build ## every fault of the lab once, what is found, results into docs/
	@tools/install test lab
	@python3 tests/lab/matrix.py $(ARGS)

lab-combined: build ## combined faults and holders that must live, into docs/results/combined.md
	@tools/install test lab
	@python3 tests/lab/combined.py $(ARGS)

lab-danger: build ## every danger on a real server, results into docs/results/danger.md
	@tools/install test lab
	@python3 tests/lab/danger_full.py $(ARGS)

crash-full: build ## 2,000 kill -9 of the daemon while it ingests, 200 with a full disk, 200 torn last pages
	@tools/install test
	@python3 tests/system/crash.py $(ARGS)

remote-full: build ## remote write to Prometheus and VictoriaMetrics, either side killed at random (ARGS="--seconds 600 --write FILE")
	@tools/install test
	@cd tests/system && python3 remote_write.py $(ARGS)

bench: build ## performance against peers in the same run (ARGS="ingest --minutes 60", or ARGS=long)
	@tools/install test
	@bench/run $(ARGS)

page-load: build ## 400 graphs open at once, the daemon's CPU and memory (ARGS="--seconds 600 --write")
	@tools/install test
	@python3 bench/page_load.py $(ARGS)

page-bench: build ## the page's weight and speed in Chromium, with 1,000 hosts
	@tools/install test
	@cd build/release/web/work && node tests/weight.mjs $(ARGS)

page-long: build ## pages left open while the daemon restarts twice (ARGS="3600 --write"): what they hold in the browser
	@tools/install test
	@python3 tests/system/page_long.py $(ARGS)

fuzz-full: ## every fuzzer, an hour in all (ARGS=seconds for each)
	@tools/install build
	@tools/fuzz $(ARGS)

format: ## clang-format and the page's formatter over everything
	@tools/install build test
	@tools/format --write

lint: ## formatter and clang-tidy, as the tests run them
	@tools/install build test
	@tools/test --only lint

install: build ## the program, rules and a systemd unit below PREFIX (default /usr/local)
	@packaging/install $(PREFIX)

clean: ## remove build/ (the lab must be down)
	@lab/down > /dev/null 2>&1 || true
	@rm -rf build
