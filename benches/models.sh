#!/usr/bin/env bash
# Decoding with a random T5 1.1 (4+4 layers of 256): 512 tokens in, exactly 128 out. Ours, then the peers.
. "$(dirname "$0")/common.sh"
need_idiolect
folder=target/peers/t5-tiny
peers=no
have_peers torch transformers tokenizers zstandard && peers=yes
if [ ! -s $folder/tokenizer.json ]; then
  if [ $peers = no ]; then
    missing idiolect "no model in $folder, and without the peers it cannot be made"
    exit 1
  fi
  peer t5_export.py --quick >"$work/t5_export.log" 2>&1 || { missing idiolect "t5_export.py could not make $folder"; exit 1; }
fi
vocabulary=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["vocab_size"])' $folder/config.json)
for n in 1 2 3 8 11 24; do measure ids --vocabulary "$vocabulary" --inputs $n >"$work/ids-$n.jsonl"; done

# decode METRIC SMALL LARGE TOKENS COUNT UNIT OPTION…
decode() {
  measure rate --bench $bench --threads "$threads" --size tiny --metric "$1" --small "$work/ids-$2.jsonl" --large "$work/ids-$3.jsonl" \
    --expect "$4" --count "$5" --unit "$6" -- \
    "$IDIOLECT" models generate --model $folder --threads "$threads" --min-tokens "$4" --max-tokens "$4" "${@:7}"
}
decode "encoder and first token, batch 1" 1 11 1 10 "inputs/s" --batch 1 --beam 1
decode "greedy, batch 1" 1 3 128 256 "tokens/s" --batch 1 --beam 1
if [ -z "${QUICK:-}" ]; then
  decode "greedy, batch 8" 8 24 128 2048 "tokens/s" --batch 8 --beam 1
  decode "beam 4, batch 1" 1 3 128 256 "tokens/s" --batch 1 --beam 4
fi
if [ $peers = yes ]; then
  unset QUICK  # the peers' short form leaves out one thread
  peer t5_decode.py --sizes tiny --only "transformers f32"
  if "$python" -c "import ctranslate2" 2>/dev/null; then
    peer t5_decode.py --sizes tiny --only ctranslate2
  else
    missing ctranslate2 "$python cannot import ctranslate2: pip install -r $shared/peers/requirements.txt"
  fi
fi
