#!/usr/bin/env bash
# Search: the kernel in process, then whole commands, then the peers. BM25 over one archive of snippets; the pattern of
# training data, where every document asks its author's earlier ones; nearest vectors.
. "$(dirname "$0")/common.sh"
need_data mail_lists.jsonl
kernel() { cargo bench --quiet -p idiolect-retrieval --bench kernel -- "$@"; }
if ! command -v cargo >/dev/null; then
  missing kernel "cargo is not installed"
elif ! python3 crates/retrieval/benches/kernel/inputs.py "$shared/peers" "$data" "$work" ${QUICK:+quick}; then
  missing kernel "no inputs: set SHARED to the folder that holds data/ and peers/"
elif kernel; then # builds it, so that no figure is taken while a compiler runs
  here=$PWD/$work
  kernel bm25 "$here/kernel-snippets.jsonl" "$here/kernel-queries.jsonl"
  kernel as-of "$here/kernel-authors.jsonl"
  kernel dense "$([ -n "${QUICK:-}" ] && echo 20000 || echo 100000)" 384
  [ -n "${QUICK:-}" ] || kernel dense 100000 768
fi
if have_peers bm25s tantivy rank_bm25 Stemmer zstandard numba; then peer retrieval_bm25.py; fi
if have_peers faiss threadpoolctl; then peer retrieval_dense.py; fi

need_idiolect
count=${QUICK:+20000}
snippets=$work/snippets${QUICK:+-quick}.jsonl
measure snippets --count "${count:-0}" <"$data" >"$snippets"
measure queries --count "${QUERIES:-100}" <"$data" >"$work/queries.jsonl"
size="$(wc -l <"$snippets") snippets"
archive=$work/retrieval
rm -rf "$archive"
measure run --bench bm25.index --threads "$threads" --size "$size" --metric "import" --runs 1 --count "$(wc -l <"$snippets")" --unit docs/s -- \
  "$IDIOLECT" --archive "$archive" --encoder none --threads "$threads" import --format jsonl --author writer "$snippets" --json
# A process a query: its start and the opening of the archive are in the figure. The peers' index is in memory already.
measure each --bench bm25.query --threads 1 --size "$size" --metric "top 100, one process a query" --lines "$work/queries.jsonl" -- \
  "$IDIOLECT" --archive "$archive" --encoder none --threads 1 search --author writer --ranking doc-bm25 -k 100 --
rm -rf "$archive" "$work/authors" "$work/examples"

"$IDIOLECT" --archive "$work/authors" --encoder none import --format jsonl --json "$data" >/dev/null || missing idiolect "import of $data failed"
began=$(date +%s%N)
if "$IDIOLECT" --archive "$work/authors" --encoder none --threads "$threads" data build --out "$work/examples" --ranking doc-bm25 \
  --min-chars 1 --min-past 1 --min-examples 1 --max-examples 1000000 --split 100/0/0 >/dev/null; then
  spent=$(($(date +%s%N) - began))
  found=$(zstd -dcq "$work/examples/train.jsonl.zst" | wc -l)
  measure figure --bench bm25.as-of --threads "$threads" --size "all authors, $found queries" --metric "queries/s, examples written" \
    --value $((found * 1000000000 / spent)) --unit queries/s
else
  missing idiolect "data build failed"
fi
rm -rf "$work/authors" "$work/examples"
