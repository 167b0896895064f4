#!/usr/bin/env bash
# Build container images and write their names, by digest, into conf/containers.config (`make images`, containers/README.md).
# usage: tools/images.sh [core|cpu|gpu]...         without a name: core and cpu
#
# REGISTRY=host/project     push them there, and name them by the registry's digest; else they are named by their id here
# BASE_CORE= BASE_CPU= BASE_GPU=   another base image, by digest
# CUDA=12                   gpu only: the base for drivers before 580
# ENGINE=docker             the program that builds (podman understands the same)
# BUILD_NETWORK=host        network of the build, where the engine has no bridge
# The usual variables of pip and uv (PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, UV_DEFAULT_INDEX) have their usual meaning.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
config=$root/conf/containers.config
engine=${ENGINE:-docker}
version=$(sed -n 's/^version: *//p' "$root/CITATION.cff" | tr -d "'\"")
vllm_cuda12='vllm/vllm-openai:v0.29.0-cu129@sha256:7ef5a35d1ef8ce2cf9d671dd91eec6e367c5849262e0362b4d3d4a26be0d87d2'

say() { printf 'images %4ds  %s\n' "$SECONDS" "$*" >&2; }
fail() { # fail CODE LINE...
    local code=$1
    shift
    printf 'images: %s\n' "$@" >&2
    exit "$code"
}

packages() { case $1 in cpu) echo 'procps libnuma1' ;; *) echo procps ;; esac }
imports() {
    case $1 in
        core) echo numpy scipy sklearn pyarrow faiss typer pydantic yaml jinja2 matplotlib ;;
        cpu) echo numpy sklearn pyarrow faiss typer pydantic matplotlib torch transformers vllm ;;
        # the module that breaks first when the base was put together wrongly
        gpu) echo sklearn pyarrow openpyxl faiss typer peft accelerate bitsandbytes torch transformers vllm vllm.engine.arg_utils ;;
    esac
}
base() { # base NAME: the base image, by digest, or nothing for the one in the Dockerfile
    local variable=BASE_${1^^}
    local chosen=${!variable:-}
    if [ -z "$chosen" ] && [ "$1" = gpu ] && [ "${CUDA:-13}" = 12 ]; then chosen=$vllm_cuda12; fi
    case $chosen in
        '' | sha256:* | *@sha256:*) printf '%s\n' "$chosen" ;;
        *) fail 64 "$variable=$chosen has no digest, so that another image may stand behind it tomorrow." "Give NAME@sha256:... or the id of an image that is here." ;;
    esac
}

build() { # build NAME
    local name=$1 tag="volfid-$1:$version" context=$scratch/$1 base variable
    base=$(base "$name")
    mkdir "$context"
    cp -L "$root/containers/$name/Dockerfile" "$root/containers/$name/requirements.lock" "$context/"
    cp "$root/containers/probe.py" "$root/tools/doctor.py" "$context/"
    cp "$root/tools/uv.txt" "$context/uv.txt"
    cp -r "$root/containers/$name/certs" "$context/certs"
    # the certificates that this machine trusts beyond the usual ones, so that a mirror behind them is reached
    cp /usr/local/share/ca-certificates/*.crt "$context/certs/" 2> /dev/null || true

    local options=(--build-arg "IMPORTS=$(imports "$name")" --build-arg "PACKAGES=$(packages "$name")")
    if [ -n "$base" ]; then options+=(--build-arg "BASE_IMAGE=$base"); fi
    if [ "$name" = gpu ]; then
        options+=(--build-arg "EXACTLY=vllm==$(sed -n 's/^ARG BASE_IMAGE=.*:v\([0-9.]*\)@.*/\1/p' "$context/Dockerfile")")
    fi
    if [ -n "${BUILD_NETWORK:-}" ]; then options+=(--network "$BUILD_NETWORK"); fi
    if [ -z "${UV_DEFAULT_INDEX:-}" ] && [ -n "${PIP_INDEX_URL:-}" ]; then export UV_DEFAULT_INDEX=$PIP_INDEX_URL; fi
    for variable in PIP_INDEX_URL PIP_EXTRA_INDEX_URL UV_DEFAULT_INDEX; do
        # the value is taken from the environment, and stands in no file and no command line
        if [ -n "${!variable:-}" ]; then options+=(--build-arg "$variable"); fi
    done
    say "$name: building"
    "$engine" build "${options[@]}" --tag "$tag" "$context" >&2 || fail 69 "$name could not be built (lines above)."

    image_id=$("$engine" image inspect --format '{{.Id}}' "$tag")
    reference=sha256:${image_id#sha256:}
    if [ -n "${REGISTRY:-}" ]; then
        local remote=${REGISTRY%/}/volfid-$name
        say "$name: pushing to $remote"
        "$engine" tag "$tag" "$remote:$version"
        "$engine" push --quiet "$remote:$version" > /dev/null || fail 69 "$remote could not be pushed (lines above)."
        reference=$("$engine" image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$tag" | grep -F "$remote@" | head -n 1)
    fi
}

# The line of the image in the configuration; the tag stands beside the digest, for people.
write_name() { # write_name NAME REFERENCE
    sed -E "s|^( *image_$1 *= ).*|\1'$2' // volfid-$1:$version|" "$config" > "$config.new"
    grep -qF "'$2'" "$config.new" || fail 70 "$config has no line for image_$1."
    mv "$config.new" "$config"
    say "$1: $2"
}

for name in "${@:-core}"; do
    case $name in core | cpu | gpu) ;; *) fail 2 "there is no image $name; there are core, cpu and gpu." ;; esac
done
if [ $# = 0 ]; then set -- core cpu; fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$engine" version > /dev/null 2>&1 || fail 69 "\`$engine version\` fails: no engine is reachable." "Start it, or name another one in DOCKER_HOST or ENGINE."
# without its plugin the client wants the classic builder by name
if [ "$engine" = docker ] && ! docker buildx version > /dev/null 2>&1; then export DOCKER_BUILDKIT=0; fi
for name in "$@"; do
    build "$name"
    write_name "$name" "$reference"
done
