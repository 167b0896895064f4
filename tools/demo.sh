#!/bin/sh
# Set up, run the demo profile from the checkout; the run prints its summary. Variables: INPUT LABELS OUTDIR RESUME ARGS.
set -eu
cd "$(dirname "$0")/.."

absolute() { # absolute VARIABLE VALUE: an existing file with its full path
    if [ ! -e "$2" ]; then
        echo "demo: $1=$2 does not exist" >&2
        exit 66
    fi
    readlink -f -- "$2"
}

set -- run main.nf -profile demo --outdir "${OUTDIR:=results}"
if [ -n "${INPUT:-}" ]; then
    input=$(absolute INPUT "$INPUT")
    set -- "$@" --input "$input"
fi
if [ -n "${LABELS:-}" ]; then
    labels=$(absolute LABELS "$LABELS")
    set -- "$@" --labels "$labels"
fi
case ${RESUME:-} in '' | 0) ;; *) set -- "$@" -resume ;; esac

tools/setup.sh
# shellcheck disable=SC2086 # several options, on purpose
exec .venv/bin/nextflow "$@" ${ARGS:-} # which prints the summary, the report's path and what to run next
