#!/usr/bin/env bash
# Make containers/*/requirements.lock from requirements.in (containers/README.md).
# usage: tools/lock.sh [--upgrade] [cpu|core|gpu|dev|bench]...    default: all five, in this order
# Without --upgrade, versions in a lock are kept where they still fit.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
containers=$root/containers
uv=$(command -v uv || echo "$root/.setup/uv/bin/uv")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
upgrade=no
if [ "${1:-}" = --upgrade ]; then
    upgrade=yes
    shift
fi
if [ $# = 0 ]; then set -- cpu core gpu dev bench; fi

marker="implementation_name == 'cpython' and platform_machine == 'x86_64' and sys_platform == 'linux'"

begin() { # begin NAME: an empty folder with what the lock is made from
    rm -rf "${scratch:?}/"*
    cp "$containers/$1/requirements.in" "$scratch/"
    if [ $upgrade = no ] && [ -e "$containers/$1/requirements.lock" ]; then cp "$containers/$1/requirements.lock" "$scratch/"; fi
    cd "$scratch"
}
compile() { # compile OPTION...: requirements.in to requirements.lock
    "$uv" pip compile requirements.in "$@" --generate-hashes --no-emit-index-url --no-header --quiet \
        --output-file requirements.lock > /dev/null
}
finish() { # finish NAME COMMENT: the lock, checked and in its place
    {
        echo "# made by tools/lock.sh from $2: do not edit"
        # the conditions of $marker stand on every line, where they say nothing
        local given="(${marker// and /|}|platform_python_implementation != 'PyPy')"
        sed -E -e ":again; s/ ; $given and / ; /; t again" -e "s/ and $given//g" -e "s/ ; $given / /" requirements.lock
    } > lock
    if grep -nE '://|^--?(i|index-url|extra-index-url|find-links)\b' lock; then
        echo "lock.sh: the lock of $1 holds an address" >&2
        exit 1
    fi
    mv lock "$containers/$1/requirements.lock"
}
# One set of versions for Python 3.11 and newer on Linux x86-64; without the environment other platforms' packages come in.
universal() {
    printf '[tool.uv]\nenvironments = ["%s"]\n' "$marker" > "$scratch/pyproject.toml"
    compile --universal --python-version 3.11 --fork-strategy fewest "$@"
}

lock_cpu() {
    begin cpu
    cp "$containers/cpu/overrides.txt" "$scratch/"
    universal --override overrides.txt
    finish cpu 'requirements.in and overrides.txt'
}

# The versions of cpu: a stage gives the same numbers in either image.
lock_core() {
    begin core
    universal --constraint "$containers/cpu/requirements.lock"
    # where a version came from is a path of this machine
    sed -i -e '/^    #  *-c /d' -e '/^    # via -c /d' requirements.lock
    finish core 'requirements.in and the lock of cpu'
}

# Packages for the Python of the vLLM image that are not among those which vLLM brings.
lock_gpu() {
    local vllm python=3.12
    vllm=$(sed -n 's/^ARG BASE_IMAGE=.*:v\([0-9.]*\)@.*/\1/p' "$containers/gpu/Dockerfile")
    begin gpu
    echo "vllm==$vllm" > base.in
    "$uv" pip compile base.in --python-version $python --python-platform x86_64-manylinux_2_31 --no-header --no-annotate \
        --no-emit-index-url --quiet --output-file base.txt > /dev/null
    cat base.in >> requirements.in
    # of the rest the versions of cpu, as far as they go with this vLLM
    grep -oE '^[a-z0-9.-]+==[^ ;\\]+' "$containers/cpu/requirements.lock" |
        awk -F '==' 'NR == FNR { base[$1]; next } !($1 in base)' base.txt - > cpu.txt
    compile --python-version $python --python-platform x86_64-manylinux_2_31 --constraint cpu.txt --no-annotate
    # an entry is a line that starts with a name, and the indented lines below it
    awk -F '==' 'NR == FNR { base[$1]; next } /^[a-zA-Z0-9]/ { keep = !($1 in base) } keep || /^#/' base.txt requirements.lock > kept
    mv kept requirements.lock
    finish gpu "requirements.in, less what vllm $vllm brings"
}

# What `make lint` runs, in an environment of its own.
lock_dev() {
    begin dev
    universal
    finish dev requirements.in
}

# What `make bench` measures against, beside the packages of cpu and in their versions.
lock_bench() {
    begin bench
    universal --constraint "$containers/cpu/requirements.lock" --no-annotate
    # an entry is a line that starts with a name, and the indented lines below it
    awk -F '==' 'NR == FNR { base[$1]; next } /^[a-zA-Z0-9]/ { keep = !($1 in base) } keep || /^#/' \
        "$containers/cpu/requirements.lock" requirements.lock > kept
    mv kept requirements.lock
    finish bench 'requirements.in, less what the lock of cpu has'
}

for name in "$@"; do
    case $name in cpu | core | gpu | dev | bench) "lock_$name" ;; *) echo "lock.sh: there is no lock of $name" >&2 && exit 2 ;; esac
done
