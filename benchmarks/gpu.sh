#!/usr/bin/env bash
# Train and check what needs a GPU, in the order of what is worth most, until the time is over.
#
#   benchmarks/gpu.sh FACES OUT [SECONDS] [tiny]
#
# FACES: a folder in CelebA's format, for example one made by `python -m benchmarks.datasets.packed_faces`. OUT: a new folder for
# runs, bundles and logs. SECONDS: the time in all, 540 by default. With `tiny`, the networks are a few units wide and
# every run lasts one epoch: to try this script on a processor.
set -uo pipefail

faces=$1 out=$2 seconds=${3:-540} size=${4:-full}
python=${PYTHON:-python3}
mkdir -p "$out"
ends=$((SECONDS + seconds))

# Run one step with what is left of the time; a step that fails or runs out of time does not stop the others.
step() {
    local name=$1 left=$((ends - SECONDS))
    shift
    if ((left < 10)); then
        echo "$name: no time left"
        return
    fi
    echo "$name: at most $left s"
    # SIGINT first: training then saves a checkpoint, which can be exported and resumed.
    timeout --signal=INT --kill-after=30 "$left" "$@" >"$out/$name.log" 2>&1
    echo "$name: exit code $?"
}

train() {
    local name=$1 family=$2
    shift 2
    local tiny=()
    [[ $size == tiny ]] && tiny=(--width 4 --batch 8)
    step "$name" "$python" -m latentsearch train "$family" "$faces" -o "$out/runs/$name" --sheet-steps 2000 "$@" "${tiny[@]}"
    step "$name-export" "$python" -m latentsearch export "$out/runs/$name" -o "$out/$name" --precision int8
}

epochs() { # as many as given, or 1 for `tiny`
    [[ $size == tiny ]] && echo 1 || echo "$1"
}

step cuda-tests "$python" -m pytest -q tests/latentsearch/training/test_train.py tests/indexer/index/test_index.py -k cuda
train aegan aegan --preset paper --change flip=true --change normalised=false --change r1=0.05 \
    --change learning_rate=4e-4 --change small_start=true --change annealed=true --change code_weight=0.1 \
    --change real_share=0.25 --change inverse_learning_rate=1e-3 \
    --generator-epochs "$(epochs 40)" --inverse-epochs "$(epochs 25)"
train icgan icgan --preset paper --change flip=true --change normalised=false --change r1=0.05 \
    --change learning_rate=4e-4 --change flipped_labels=true --change annealed=true --change encoder_width=16 \
    --change encoder_learning_rate=1e-3 \
    --generator-epochs "$(epochs 25)" --attribute-epochs "$(epochs 10)" --inverse-epochs "$(epochs 10)"
train ivegan ivegan --preset paper --change normalised=false --change r1=0.05 --change reconstruction=50 \
    --change average_decay=0.999 --epochs "$(epochs 16)"
