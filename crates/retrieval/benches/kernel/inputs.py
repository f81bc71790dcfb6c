"""What retrieval_bm25.py of the peers makes of mail_lists, for the kernel: snippets, queries, authors' texts; a JSON value a line.

    inputs.py PEERS MAIL_LISTS_JSONL FOLDER [quick]
"""

import json
import random
import sys
from pathlib import Path

peers, mails, folder, quick = sys.argv[1], sys.argv[2], Path(sys.argv[3]), len(sys.argv) > 4
sys.path.insert(0, peers)
from common import full_text, snippets  # noqa: E402

by_author = {}
with open(mails, encoding="utf-8", newline="\n") as file:
    for document in map(json.loads, file):
        by_author.setdefault(document["user"], []).append(document)
authors = [sorted(written, key=lambda document: document["n"]) for written in by_author.values()]


def write(name, values):
    with open(folder / f"{name}.jsonl", "w", encoding="utf-8") as file:
        file.writelines(json.dumps(value, ensure_ascii=False) + "\n" for value in values)


write("kernel-snippets", [s for a in authors for d in a for s in snippets(full_text(d))][: 20_000 if quick else None])
random.seed(1)  # and in this order: as the peers do
write("kernel-queries", [full_text(d)[:150] for d in random.sample([d for a in authors for d in a], 200)])
random.shuffle(authors)
write("kernel-authors", [[full_text(d) for d in a] for a in authors[: 30 if quick else 500]])
