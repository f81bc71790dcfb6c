"""Writes bm25s_scores.txt: bm25s 0.3.16, method "lucene", which takes lengths as they are.

    pip install bm25s==0.3.16 && python crates/retrieval/tests/data/bm25s_golden.py

Documents and queries are made of words.txt by a rule that tests/all/bm25s.rs repeats. A line a query: documents that share a
word with it and their scores, by number.
"""

from pathlib import Path

import bm25s

here = Path(__file__).parent
words = [w for w in (here / "words.txt").read_text().split() if w.isascii() and w.isalpha() and w.islower()][:60]
documents = [[words[(i * i + j * j * 3) % 60] for j in range(5 + i * 13 % 50)] for i in range(40)]
queries = [[words[(q * 7 + j * j) % 60] for j in range(1 + q * 3)] for q in range(8)]
index = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
index.index(documents, show_progress=False)
with open(here / "bm25s_scores.txt", "w") as file:
    for query in queries:
        scores = index.get_scores(query)
        print(*(f"{i}:{score:.7g}" for i, score in enumerate(scores.tolist()) if score > 0), file=file)
