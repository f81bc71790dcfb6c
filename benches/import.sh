#!/usr/bin/env bash
# From files to a searchable archive: 24,374 mails by 849 authors as JSON Lines, a large table of documents by one author, a mailbox
# that is parsed and stripped, and one of MAILBOX_GB (4) gigabytes that is never on the disk; the peers' indexing of the same mails'
# snippets.
. "$(dirname "$0")/common.sh"
need_idiolect
need_data mail_lists.jsonl
lines=$(wc -l <"$data")
# What is divided by seconds is text, not JSON.
text_mb() { python3 -c 'import json, sys; print(sum(len(json.loads(l)["text"].encode()) for l in sys.stdin) / 1e6)' <"$1"; }

# both METRIC ENCODER FILE: into a new archive; then once more, which must add nothing; once more without trust in the file's mark.
both() {
  rm -rf "$work/import"
  for again in "" ", again" ", read again"; do
    measure run --bench $bench --threads "$threads" --size "$lines mails" --metric "$1$again" --runs 1 --count "$megabytes" --unit MB/s -- \
      "$IDIOLECT" --archive "$work/import" --encoder "$2" --threads "$threads" import --format jsonl "$3" --json \
      ${again:+$([ "$again" = ", read again" ] && echo --again)}
  done
  if [ -d "$work/import" ]; then
    measure figure --bench $bench --size "$lines mails" --metric "$1, archive on disk" --value "$(du -sk "$work/import" | cut -f1)" --unit KiB
  fi
}
megabytes=$(text_mb "$data" | cut -d. -f1)
both "import without vectors" none "$data"
both "import with the built-in encoder" builtin "$data"
rm -rf "$work/import"

# A mailbox: 200 MB on the disk for the speed, MAILBOX_GB through a pipe for the memory.
mailbox=$work/mailbox.mbox
count=200
for every in 1 3; do
  measure mailbox --count $count --inputs $every <"$data" >"$mailbox"
  measure run --bench $bench --threads "$threads" --size "$count MB, one mail in $every is one's own" --metric "mbox, parsed and stripped (dry run)" --runs 3 \
    --count "$count" --unit MB/s -- "$IDIOLECT" --archive "$work/nowhere" --threads "$threads" import "$mailbox" --me me@example.org --dry-run --json
done
measure run --bench $bench --threads "$threads" --size "$count MB" --metric "mbox into an archive without vectors" --runs 1 --count "$count" --unit MB/s -- \
  "$IDIOLECT" --archive "$work/import" --encoder none --threads "$threads" import "$mailbox" --me me@example.org --json
rm -rf "$work/import" "$mailbox"
gigabytes=${MAILBOX_GB:-4}
if [ "$gigabytes" -gt 0 ]; then
  pipe=$work/mailbox.pipe
  rm -f "$pipe" && mkfifo "$pipe"
  measure mailbox --count $((gigabytes * 1000)) --inputs 3 <"$data" >"$pipe" &
  measure run --bench $bench --threads "$threads" --size "$gigabytes GB" --metric "mbox from a pipe, into an archive without vectors" --runs 1 -- \
    "$IDIOLECT" --archive "$work/import" --encoder none --threads "$threads" import "$pipe" --format mbox --me me@example.org --json
  wait
  rm -rf "$work/import" "$pipe"
fi
if have_peers bm25s tantivy rank_bm25 Stemmer zstandard numba; then
  for one in bm25s/numpy tantivy; do peer retrieval_bm25.py --only $one | grep '"bm25.index"'; done
fi
