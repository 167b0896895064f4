#!/usr/bin/env bash
# Can the GPU tasks run on this machine? Prints one message and exits 69 when they cannot; says nothing otherwise.
# usage: tools/gpu_check.sh GIB CUDA        memory that a card must have; CUDA of the image: 13 or 12
set -euo pipefail
needed=$1 cuda=$2
# oldest driver: CUDA 13 needs its own branch, CUDA 12 runs on every branch from its first on
case $cuda in 13) least=580 ;; 12) least=525 ;; *) echo "--cuda: $cuda is neither 13 nor 12" && exit 64 ;; esac

unfit() {
    printf '%s\n' "$*"
    exit 69
}

fields=index,uuid,name,driver_version,memory.total,memory.free,compute_cap
command -v nvidia-smi > /dev/null ||
    unfit "no GPU: nvidia-smi is not on PATH. Install the NVIDIA driver ($least or newer), or run without a GPU: leave gpu out of -profile."
rows=$(nvidia-smi --query-gpu="$fields" --format=csv,noheader,nounits 2>&1) ||
    unfit "no GPU: nvidia-smi says: $(head -n 1 <<< "$rows"). Mend the driver, or run without a GPU: leave gpu out of -profile."
if [ "${CUDA_VISIBLE_DEVICES-all}" = '' ]; then
    unfit "no GPU: CUDA_VISIBLE_DEVICES is set and empty, which hides every card. Unset it or name cards."
fi

trim() { sed -e 's/^ *//' -e 's/ *$//' <<< "$1"; }
used=0
while IFS=, read -r index uuid name driver total free capability; do
    index=$(trim "$index") uuid=$(trim "$uuid") name=$(trim "$name") driver=$(trim "$driver")
    total=$(trim "$total") free=$(trim "$free") capability=$(trim "$capability")
    card="GPU $index ($name)"
    case ${driver%%.*} in
        '' | *[!0-9]*) unfit "no GPU: nvidia-smi answers '$index $name $driver', which names no driver." ;;
    esac
    if [ "${driver%%.*}" -lt "$least" ]; then
        other=
        if [ "$cuda" = 13 ] && [ "${driver%%.*}" -ge 525 ]; then
            other=" Or use the image for older drivers: CUDA=12 make images gpu, then run with --cuda 12."
        fi
        unfit "the NVIDIA driver is $driver, and CUDA $cuda needs $least or newer. Update the driver.$other"
    fi
    # cards that CUDA_VISIBLE_DEVICES hides are not used; it names them by number or by the start of their UUID
    if [ "${CUDA_VISIBLE_DEVICES-all}" != all ]; then
        listed=no
        IFS=, read -ra wanted <<< "$CUDA_VISIBLE_DEVICES"
        for id in "${wanted[@]}"; do
            if [ "$id" = "$index" ] || [[ $id == GPU-* && $uuid == "$id"* ]]; then listed=yes; fi
        done
        if [ $listed = no ]; then continue; fi
    fi
    used=$((used + 1))
    case $capability in
        [0-7].*) unfit "$card has compute capability $capability; repeatable generation needs 8.0 (Ampere) or newer. Hide the card with CUDA_VISIBLE_DEVICES." ;;
    esac
    # a card that shares the memory of the host reports none of its own
    case $total$free in *[!0-9]*) continue ;; esac
    if [ "$total" -lt $((needed * 1024)) ]; then
        unfit "$card has $((total / 1024)) GiB of memory, and $needed are asked for. Hide the card with CUDA_VISIBLE_DEVICES, or choose smaller models and say so with --gpu_memory_gib."
    fi
    if [ "$free" -lt $((needed * 1024)) ]; then
        unfit "$card has only $((free / 1024)) of its $((total / 1024)) GiB free, and $needed are asked for: another program uses it. End that, or hide the card with CUDA_VISIBLE_DEVICES."
    fi
done <<< "$rows"

# MIG instances have ids that the list of cards does not show
case ${CUDA_VISIBLE_DEVICES-all} in *MIG-*) used=1 ;; esac
if [ "$used" = 0 ]; then
    unfit "no GPU: CUDA_VISIBLE_DEVICES=$CUDA_VISIBLE_DEVICES names none of the cards that nvidia-smi lists. Unset it or name cards that are here."
fi
