#!/usr/bin/env bash
# Imports of one file into one archive, KILLS (200) of them ended by SIGKILL at a random moment; then one
# that may finish. Whatever was reported stored must be there after each kill, and at the end the
# archive must hold what one import in one go makes. Prints a JSON line for the kills and one for what
# was found; fails where a document is missing, doubled or changed. SEED repeats the moments.
. "$(dirname "$0")/common.sh"
need_idiolect
kills=${KILLS:-200}
RANDOM=${SEED:-4}
folder=$work/kill
rm -rf "$folder" && mkdir -p "$folder"

# Documents of seven authors, many enough that an import lasts several batches.
documents=${DOCUMENTS:-40000}
awk -v documents="$documents" 'BEGIN {
  for (n = 0; n < documents; n++)
    printf "{\"author\":\"author %d\",\"id\":\"d%d\",\"n\":%d,\"title\":\"Walk %d\",\"text\":\"On walk %d we saw %d birds, %d cows and no rain. The bridge at mile %d was closed, so we went round by the mill. Bread and cheese as always, and a long talk about the roof of the hall.\"}\n", n % 7, n, n, n, n, n % 13, n % 17, n % 19
}' >"$folder/many.jsonl"

# A plain command, so that $! is its process and not that of a shell around it.
import=("$IDIOLECT" --threads "$threads" import "$folder/many.jsonl" --verbose --archive)
export_of() { "$IDIOLECT" --archive "$folder/$1" export >"$folder/$1.jsonl"; }
fail() {
  measure figure --bench "$bench" --peer idiolect --failed "$1"
  exit 1
}

begun=$(date +%s%N)
"${import[@]}" "$folder/whole" >/dev/null 2>&1 || fail "an import that nobody killed failed"
milliseconds=$((($(date +%s%N) - begun) / 1000000))
export_of whole
[ "$(wc -l <"$folder/whole.jsonl")" -eq "$documents" ] || fail "not every document was stored"

most=0
struck=0
for ((kill = 1; struck < kills && kill <= 20 * kills; kill++)); do
  # Early kills hit the first batches, later ones what an import does when most is there already.
  moment=$((RANDOM * 32768 + RANDOM))
  moment=$((moment % (milliseconds + 50)))
  "${import[@]}" "$folder/killed" >/dev/null 2>"$folder/said" &
  sleep "$(printf '%d.%03d' $((moment / 1000)) $((moment % 1000)))"
  kill -KILL $! 2>/dev/null
  wait $! 2>/dev/null
  # One that had ended before does not count.
  [ $? -eq 137 ] && struck=$((struck + 1))
  reported=$(sed -n 's/^\([0-9]*\) documents stored$/\1/p' "$folder/said" | tail -1)
  [ "${reported:-0}" -gt "$most" ] && most=$reported
  # Nothing was begun where the first kill came too early.
  [ -s "$folder/killed/archive.sqlite" ] || continue
  export_of killed 2>/dev/null || [ "$most" -eq 0 ] || fail "the archive cannot be read after kill $kill"
  there=$(wc -l <"$folder/killed.jsonl")
  [ "$there" -ge "$most" ] || fail "$most were reported as stored, $there are there after kill $kill"
  cmp -s -n "$(stat -c %s "$folder/killed.jsonl")" "$folder/killed.jsonl" "$folder/whole.jsonl" ||
    fail "what is there after kill $kill is not the beginning of the whole"
  # From the beginning again: otherwise all later kills would hit an import that has nothing to do.
  if [ "$there" -eq "$documents" ]; then
    rm -rf "$folder/killed"
    most=0
  fi
done
"${import[@]}" "$folder/killed" >/dev/null 2>&1 || fail "the last import failed"
export_of killed
cmp -s "$folder/killed.jsonl" "$folder/whole.jsonl" || fail "the archive is not the one made in one go"
ask() { "$IDIOLECT" --archive "$folder/$1" search --author "author 3" --ranking "$2" -k 50 --json "the mill at mile 7 was closed"; }
for ranking in doc-bm25 snippet; do
  [ "$(ask killed $ranking)" = "$(ask whole $ranking)" ] || fail "$ranking finds something else"
done
"$IDIOLECT" --archive "$folder/killed" doctor >/dev/null 2>&1 || fail "doctor finds something wrong"
measure figure --bench "$bench" --peer idiolect --size "$documents documents" --metric "imports killed" --value "$struck" --unit kills
measure figure --bench "$bench" --peer idiolect --size "$documents documents" --metric "documents missing or doubled" --value 0 --unit documents
rm -rf "$folder"
