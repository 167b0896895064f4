#!/usr/bin/env bash
# Take COUNT graphics cards of this machine for one task, and wait while there are none: sets CUDA_VISIBLE_DEVICES.
# usage: source tools/gpu_slot.sh COUNT
#
# Needed because the local executor counts no cards before Nextflow 26.10, and asking nvidia-smi for a free one is a race:
# a model loads for half a minute before it takes memory. A card is taken by a lock (flock) on a file of its own. The
# shell that sources this holds it, and so do its children: the kernel frees it when the last of them is gone, by
# whatever death. The cards are those of CUDA_VISIBLE_DEVICES where it is set (by a scheduler, or by hand), else all.
#
# VOLFID_GPU_SLOTS=DIR    where the files are; all tasks of a machine must agree

volfid_take_cards() {
    local count=$1 folder=${VOLFID_GPU_SLOTS:-${TMPDIR:-/tmp}/volfid-gpu-$(id -u)}
    local cards=() taken=() locks=() card lock gate told=0
    if [ -n "${CUDA_VISIBLE_DEVICES:-}" ]; then
        IFS=, read -ra cards <<< "$CUDA_VISIBLE_DEVICES"
    else
        mapfile -t cards < <(nvidia-smi --query-gpu=index --format=csv,noheader)
    fi
    if [ "${#cards[@]}" -lt "$count" ]; then
        echo "gpu_slot: $count cards are wanted, ${#cards[@]} are here: ${cards[*]}" >&2
        return 69
    fi
    mkdir -p "$folder"
    while true; do
        # one task at a time looks, so that two that want several cards each cannot hold half of them and wait
        exec {gate}>> "$folder/gate"
        flock "$gate"
        taken=() locks=()
        for card in "${cards[@]}"; do
            if [ "${#taken[@]}" -eq "$count" ]; then break; fi
            exec {lock}>> "$folder/${card//[^A-Za-z0-9._-]/_}.card"
            if flock --nonblock "$lock"; then
                taken+=("$card")
                locks+=("$lock")
            else
                exec {lock}>&-
            fi
        done
        if [ "${#taken[@]}" -lt "$count" ]; then
            for lock in "${locks[@]}"; do exec {lock}>&-; done
        fi
        exec {gate}>&-
        if [ "${#taken[@]}" -eq "$count" ]; then break; fi
        if [ $((told % 60)) = 0 ]; then echo "gpu_slot: waiting for $count of the cards ${cards[*]}" >&2; fi
        told=$((told + 1))
        sleep 1
    done
    CUDA_VISIBLE_DEVICES=$(
        IFS=,
        echo "${taken[*]}"
    )
    export CUDA_VISIBLE_DEVICES
}

volfid_take_cards "$1"
