#!/usr/bin/env bash
# Put together what an archive deposit needs (`make archive`): source, images, locks, list of weights, checksums.
# usage: tools/archive.sh [FOLDER]        default: archive; `docker load` reads the images back
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
engine=${ENGINE:-docker}
target=${1:-$root/archive}
fail() {
    printf 'archive: %s\n' "${@:2}" >&2
    exit "$1"
}

names=$(sed -nE "s/^ *image_(core|cpu|gpu) *= '([^']+)'.*/\1 \2/p" "$root/conf/containers.config")
[ -n "$names" ] || fail 66 "conf/containers.config names no image yet." "Run make images first."
if [ -e "$target" ] && [ -n "$(ls -A "$target")" ]; then fail 73 "$target is not empty." "Name another folder: make archive ARCHIVE=..."; fi
mkdir -p "$target/images" "$target/locks"

while read -r name reference; do
    "$engine" image inspect "$reference" > /dev/null 2>&1 || "$engine" pull --quiet "$reference" > /dev/null ||
        fail 69 "$reference is neither here nor can it be pulled." "Run make images first."
    id=$("$engine" image inspect --format '{{.Id}}' "$reference")
    echo "archive: image $name" >&2
    "$engine" save "$reference" | gzip -1 -n > "$target/images/$name.tar.gz"
    printf '%s\t%s\tsha256:%s\n' "$name" "$reference" "${id#sha256:}" >> "$target/images/images.tsv"
    cp "$root/containers/$name/requirements.lock" "$target/locks/$name.lock"
done <<< "$names"

cp "$root/tools/nextflow_jars.sha256" "$target/locks/"
cp "$root/params/models.yaml" "$target/"
cp "$root/conf/containers.config" "$target/images/"
# every file of every model that is here: hash, and where it belongs
(cd "$root" && find models -name SHA256SUMS 2> /dev/null | sort | while read -r sums; do
    sed -E "s|^([0-9a-f]{64})  |\1  ${sums%SHA256SUMS}|" "$sums"
done) > "$target/weights.sha256"
if git -C "$root" rev-parse --verify --quiet HEAD > /dev/null 2>&1; then
    git -C "$root" archive --prefix=volfid/ --format=tar HEAD | gzip -n > "$target/source.tar.gz"
    git -C "$root" rev-parse HEAD > "$target/source.commit"
fi
(cd "$target" && find . -type f ! -name SHA256SUMS -printf '%P\0' | sort -z | xargs -0 sha256sum > SHA256SUMS && sha256sum --quiet -c SHA256SUMS)
echo "archive: $target is ready; its SHA256SUMS verifies" >&2
