#!/usr/bin/env bash
# From a file of 24,374 mails by 849 authors to a searchable archive: ours; the peers' indexing of the same mails' snippets.
. "$(dirname "$0")/common.sh"
need_idiolect
need_data mail_lists.jsonl
lines=$(wc -l <"$data")

# both METRIC ENCODER: into a new archive; then once more, which must add nothing.
both() {
  rm -rf "$work/import"
  for metric in "$1" "$1, again"; do
    measure run --bench $bench --threads "$threads" --size "$lines mails" --metric "$metric" --runs 1 --count "$lines" --unit docs/s -- \
      "$IDIOLECT" --archive "$work/import" --encoder "$2" --threads "$threads" import --format jsonl "$data" --json
  done
  if [ -d "$work/import" ]; then
    measure figure --bench $bench --size "$lines mails" --metric "$1, archive on disk" --value "$(du -sk "$work/import" | cut -f1)" --unit KiB
  fi
}
both "import without vectors" none
both "import with the built-in encoder" builtin
rm -rf "$work/import"
if have_peers bm25s tantivy rank_bm25 Stemmer zstandard numba; then
  for one in bm25s/numpy tantivy; do peer retrieval_bm25.py --only $one | grep '"bm25.index"'; done
fi
