#!/usr/bin/env bash
# Time the metrics against the packages a user would take instead, and write docs/performance.md.
# Needs `make setup`; the peers go to .venv-bench once. usage: tools/bench.sh [ROW ...]
set -euo pipefail
# extra_venv, fail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

if [ ! -d .venv-bench ]; then
    command -v c++ > /dev/null || fail 66 "fast-bleu is built from source and wants a C++ compiler." "Install g++."
fi
extra_venv bench containers/bench/requirements.lock
for name in OMP OPENBLAS MKL NUMBA; do export ${name}_NUM_THREADS=1; done
exec .venv-bench/bin/python tests/benchmarks/peers/run.py "$@"
