#!/usr/bin/env bash
# Time the metrics against the packages a user would take instead, and write docs/performance.md.
# Needs `make setup`; the peers go to .venv-bench once. usage: tools/bench.sh [ROW ...]
set -euo pipefail
# find_uv, say, fail, digest, write_stamp
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

lock=containers/bench/requirements.lock

# .venv-bench: the peers, as locked, and behind them every package of .venv.
need_peers() {
    local stamp where='import sysconfig; print(sysconfig.get_path("purelib"))'
    stamp="bench 1 $root $(digest "$lock" .venv/volfid.stamp)"
    if [ "$(cat .venv-bench/volfid.stamp 2> /dev/null)" = "$stamp" ]; then return; fi
    command -v c++ > /dev/null || fail 66 "fast-bleu is built from source and wants a C++ compiler." "Install g++."
    find_uv
    say "bench: installing $(grep -c '^[a-z0-9]' "$lock") packages into .venv-bench"
    rm -rf .venv-bench
    "$uv" venv --quiet --no-project --prompt volfid-bench --python .venv/bin/python .venv-bench
    "$uv" pip sync --quiet --require-hashes --python .venv-bench/bin/python "$lock" ||
        fail 69 "the packages of $lock could not be installed (lines above)." "Network or index: run it again."
    .venv/bin/python -c "$where" > "$(.venv-bench/bin/python -c "$where")/volfid.pth"
    write_stamp .venv-bench/volfid.stamp <<< "$stamp"
}

need_peers
for name in OMP OPENBLAS MKL NUMBA; do export ${name}_NUM_THREADS=1; done
exec .venv-bench/bin/python tests/benchmarks/peers/run.py "$@"
