#!/usr/bin/env bash
# Every importer for so many seconds (60), one after the other; or those named behind that. A line for each: how often it ran, and
# whether it found anything.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2
seconds=${1:-60}
shift
samples=crates/ingest/tests/samples
# target: samples, dictionary
declare -A of=(
  [mbox]="mail.mbox mail" [eml]="letter.eml mail" [emlx]="1.emlx mail" [zip]="export.zip mail" [export]=". mail"
  [markdown]="note.md hugo.md json.md markdown" [html]="page.html markdown" [text]="*.txt mail"
  [substack]="1.rain.html markdown" [medium]="*-1.html markdown"
  [docx]="- xml" [odt]="- xml" [wordpress]="blog.xml xml"
  [jsonl]="lines.jsonl json" [csv]="table.csv json" [reddit]="RC_* comments.csv json" [amazon]="reviews.* json"
  [lamp]="questions.json json" [telegram]="result.json json" [whatsapp]="*hat*.txt json" [slack]="2004*.json json" [x]="tweets.js json"
  [hackernews]="items.jsonl json"
)
failed=0
for target in ${@:-$(printf '%s\n' "${!of[@]}" | sort)}; do
  read -ra words <<<"${of[$target]}"
  dictionary=${words[-1]}
  corpus=fuzz/corpus/$target
  mkdir -p "$corpus"
  for sample in "${words[@]:0:${#words[@]}-1}"; do
    case $sample in
    -) python3 -c 'import sys, zipfile
for name in ("word/document.xml", "content.xml"):
    try: sys.stdout.write(zipfile.ZipFile(sys.argv[1]).read(name).decode())
    except KeyError: pass' "$samples/rain.$target" >"$corpus/sample" ;;
    .) printf 'posts.csv\npost_id,is_published,title\n1.rain,true,Rain\n\n%%%%\nposts/1.rain.html\n<p>It rained.</p>' >"$corpus/substack"
      printf 'users.json\n[{"id": "U1", "name": "ana"}]\n%%%%\nchannels.json\n[]\n%%%%\ngeneral/2004-01-05.json\n%s' "$(<"$samples/2004-01-05.json")" >"$corpus/slack"
      printf 'data/account.js\nwindow.YTD.account.part0 = [{"account": {"username": "ana"}}]\n%%%%\ndata/tweets.js\n%s' "$(<"$samples/tweets.js")" >"$corpus/x"
      printf 'statistics.csv\nstatistic,value\naccount name,ana\n\n%%%%\ncomments.csv\n%s' "$(<"$samples/comments.csv")" >"$corpus/reddit"
      printf 'a/Mail.mbox\n%s\n%%%%\ncur/1.x:2,S\n%s' "$(<"$samples/mail.mbox")" "$(<"$samples/letter.eml")" >"$corpus/mail" ;;
    *) (cd "$samples" && for file in $sample; do cp "$file" "$OLDPWD/$corpus/"; done) ;;
    esac
  done
  log=fuzz/corpus/$target.log
  if RUSTC_BOOTSTRAP=1 cargo fuzz run "$target" --sanitizer none "$corpus" -- -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
    -max_len=20000 -dict="fuzz/$dictionary.dict" >"$log" 2>&1; then found=nothing; else found="something: $log" failed=1; fi
  echo "$target: $(grep -o 'Done [0-9]* runs in [0-9]* second' "$log" | tail -1), found $found"
done
exit $failed
