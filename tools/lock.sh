#!/usr/bin/env bash
# Make requirements.lock of a folder of containers/ from its requirements.in and overrides.txt (containers/README.md).
# usage: tools/lock.sh [--upgrade] [FOLDER]   FOLDER is cpu or dev (cpu when absent)
#        without --upgrade, versions in the lock are kept where they still fit
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
upgrade=''
case ${1:-} in --upgrade) upgrade=1 && shift ;; esac
folder=$root/containers/${1:-cpu}
uv=$(command -v uv || echo "$root/.setup/uv/bin/uv")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cp "$folder/requirements.in" "$scratch/"
cp "$folder/overrides.txt" "$scratch/" 2> /dev/null || : > "$scratch/overrides.txt"
if [ -z "$upgrade" ] && [ -e "$folder/requirements.lock" ]; then cp "$folder/requirements.lock" "$scratch/"; fi

# One set of versions for Python 3.11 to 3.13 on Linux x86-64; without this other platforms' packages come in.
marker="implementation_name == 'cpython' and platform_machine == 'x86_64' and sys_platform == 'linux'"
printf '[tool.uv]\nenvironments = ["%s"]\n' "$marker" > "$scratch/pyproject.toml"
cd "$scratch"
"$uv" pip compile requirements.in --override overrides.txt --universal --python-version 3.11 --fork-strategy fewest \
    --generate-hashes --no-emit-index-url --no-header --quiet --output-file requirements.lock > /dev/null

# These conditions then stand on every line, where they say nothing.
given="(${marker// and /|}|platform_python_implementation != 'PyPy')"
{
    echo "# made by tools/lock.sh from requirements.in$([ ! -s overrides.txt ] || echo ' and overrides.txt'): do not edit"
    sed -E -e ":again; s/ ; $given and / ; /; t again" -e "s/ and $given//g" -e "s/ ; $given / /" requirements.lock
} > lock
if grep -nE '://|^--?(i|index-url|extra-index-url|find-links)\b' lock; then
    echo "lock.sh: the lock holds an address" >&2
    exit 1
fi
mv lock "$folder/requirements.lock"
