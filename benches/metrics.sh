#!/usr/bin/env bash
# `score` over pairs of texts of about 1,000 characters, two documents of one author, on one thread: the command on 20,000 pairs less
# the command on 2,000, so that its start is out; then rouge-score and sacrebleu on the same pairs.
. "$(dirname "$0")/common.sh"
need_idiolect
have_peers rouge_score sacrebleu || exit 1
few=2000 many=20000
if [ -n "${QUICK:-}" ]; then few=200 many=2000; fi
for pairs in $few $many; do
  "$python" - "$shared" "$pairs" "$work/pairs-$pairs" <<'END' || exit 1
import json, sys, types
shared, count, to = sys.argv[1], int(sys.argv[2]), sys.argv[3]
sys.path.insert(0, shared + "/peers")
sys.argv = ["metrics.py"]
import metrics
made = metrics.pairs(types.SimpleNamespace(data=shared + "/data", seed=1), count)
for name, place in [("predictions", 0), ("references", 1)]:
    with open(f"{to}.{name}", "w") as file:
        file.writelines(json.dumps(pair[place]) + "\n" for pair in made)
END
done
for metrics in rouge1,rouge2 rougeL bleu chrf; do
  measure rate --bench $bench --threads 1 --size "pairs of 1000 characters" --metric "$metrics" --unit pairs/s --count $((many - few)) --runs 5 \
    --small "$work/pairs-$few" --large "$work/pairs-$many" -- \
    sh -c "exec '$IDIOLECT' score --threads 1 --json --metrics $metrics --reference \"\$0.references\" --prediction \"\$0.predictions\""
done
rm -f "$work"/pairs-*
peer metrics.py | grep -E '"(rouge1 rouge2|rougeL|corpus BLEU|corpus chrF)[ ",]'
