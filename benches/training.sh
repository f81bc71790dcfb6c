#!/usr/bin/env bash
# One training step of T5 1.1 of two sizes (SIZES, QUICK=1: tiny), 8 examples of 512 tokens in and 128 out, dropout 0.1: ours from
# the metrics that `train` writes, then PyTorch, exact and in bf16 autocast, from the same weights. THREADS: 2 unless said.
THREADS=${THREADS:-2}
. "$(dirname "$0")/common.sh"
need_idiolect
have_peers torch transformers safetensors || exit 0
sizes=${SIZES:-tiny${QUICK:- small}}
sizes=${sizes/%tiny1/tiny}
for size in $sizes; do
  peer t5_train.py --sizes "$size"
  folder=target/peers/train-$size
  vocabulary=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["vocab_size"])' "$folder/config.json")
  measure lessons --vocabulary "$vocabulary" --inputs 32 >"$work/lessons-$size.jsonl"
  for optimizer in adafactor adamw; do
    rm -rf "$work/trained-$size"
    measure train --bench $bench --peer "idiolect $optimizer" --threads "$threads" --size "$size, 8 x (512 + 128)" --count 5120 \
      --out "$work/trained-$size" -- "$IDIOLECT" train --examples "$work/lessons-$size.jsonl" --model "$folder" --threads "$threads" \
      --batch 8 --steps 6 --warmup 0 --dropout 0.1 --optimizer $optimizer
  done
  rm -rf "$work/trained-$size"
done
