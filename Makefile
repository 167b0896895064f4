# make help lists what there is. Works with any POSIX sh, and with -j: set-up holds a lock.

OUTDIR ?= results
REPLICATES ?= 400
export INPUT LABELS OUTDIR RESUME ARGS REGISTRY

.DEFAULT_GOAL := help
.PHONY: help setup demo test bench calibrate doctor lint strict lock images archive clean clean-all

help: ## this list
	@echo 'usage: make TARGET [VARIABLE=value ...]'
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | awk -F '\t' '{ printf "  %-10s %s\n", $$1, $$2 }'

setup: ## fetch everything into .venv and models (about 7 GB, minutes; seconds when repeated)
	@tools/setup.sh

demo: ## set up and run the whole study small, on the CPU: INPUT= LABELS= OUTDIR=results RESUME=1 ARGS=
	@tools/demo.sh

test: setup ## set up and run the tests: ARGS='-k name'
	@.venv/bin/python -m pytest tests --numprocesses 2 $(ARGS)

bench: setup ## time the metrics against other packages and write docs/performance.md: ARGS='ndcg mauve' for some rows
	@tools/bench.sh $(ARGS)

calibrate: setup ## measure the instrument in worlds with a known mechanism: REPLICATES=400 OUTDIR=results
	@.venv/bin/nextflow run main.nf -profile calibrate --calibrate_replicates $(REPLICATES) \
		--calibrate_commit "$$(git describe --always --dirty 2>/dev/null || echo unknown)" --outdir $(OUTDIR) $(ARGS)
	@cp $(OUTDIR)/calibration/calibration.md docs/calibration.md
	@cp $(OUTDIR)/calibration/calibration.json assets/calibration.json
	@echo 'docs/calibration.md and assets/calibration.json are new; the tables are in $(OUTDIR)/calibration'

doctor: ## say what is there and what is missing, each with its mend
	@if [ -x .venv/bin/python ]; then .venv/bin/python tools/doctor.py; else python3 tools/doctor.py; fi

lint: setup ## style, types, words, import rules, and the strict syntax of Nextflow: ARGS='types words'
	@tools/lint.sh $(ARGS)

strict: setup ## run the smoke design under the strict parser of later Nextflow releases: ARGS=-stub-run
	@tools/strict.sh $(ARGS)

images: ## build container images and name them in conf/containers.config: IMAGES='core cpu' REGISTRY=host/project
	@tools/images.sh $(IMAGES)

archive: ## save images, locks, list of weights and checksums for a deposit: ARCHIVE=archive
	@tools/archive.sh $(ARCHIVE)

lock: ## make the requirements.lock of every image anew (containers/README.md): ARGS='--upgrade dev'
	@tools/lock.sh $(ARGS)

clean: ## remove what runs leave behind; results stay
	rm -rf work .nextflow .nextflow.log* .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache
	find bin tools tests -name __pycache__ -type d -prune -exec rm -rf {} +

clean-all: clean ## remove what set-up made, too
	rm -rf .venv .venv-lint .venv-bench .setup models
