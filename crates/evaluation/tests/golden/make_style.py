"""Golden values of author verification and Burrows's Delta, for tests/golden_style.rs.

    python3 -m venv venv && venv/bin/pip install scikit-learn==1.9.1 scipy==1.17.1 numpy==2.4.6
    venv/bin/python crates/evaluation/tests/golden/make_style.py > crates/evaluation/tests/golden/style.json

AUC, F1 and the Brier score are scikit-learn's; c@1 and F0.5u follow Penas and Rodrigo (2011) and Bevendorff and others (2019).
Delta is the mean absolute difference of z-scores by scipy.stats.zscore with ddof=1, over the function words of src/style.rs.
"""

import json
import random
import re
from importlib.metadata import version
from pathlib import Path

import numpy as np
from scipy.stats import zscore
from sklearn.metrics import brier_score_loss, f1_score, roc_auc_score

SOURCE = (Path(__file__).parent.parent.parent / "src" / "style.rs").read_text()
WORDS = re.findall(r'"([a-z]+)"', SOURCE[SOURCE.index("FUNCTION_WORDS: ["):SOURCE.index("];")])


def verdicts(rng, count, spread, unanswered):
    made = []
    for _ in range(count):
        truth = rng.random() < 0.5
        score = min(1.0, max(0.0, round(0.5 + (0.15 if truth else -0.15) + rng.gauss(0, spread), 2)))
        made.append((truth, 0.5 if rng.random() < unanswered else score))
    return made


def measures(pairs):
    truth, score = np.array([t for t, _ in pairs]), np.array([s for _, s in pairs])
    answered = score != 0.5
    right = ((score > 0.5) == truth) & answered
    n, unanswered = len(pairs), int((~answered).sum())
    tp, fp = int((truth & (score > 0.5)).sum()), int((~truth & (score > 0.5)).sum())
    fn = int((truth & (score < 0.5)).sum())
    return {
        "auc": roc_auc_score(truth, score),
        "accuracy": right.sum() / n,
        "c_at_1": (right.sum() + unanswered * right.sum() / n) / n,
        "f05_u": 1.25 * tp / (1.25 * tp + 0.25 * (fn + unanswered) + fp),
        "f1": f1_score(truth[answered], score[answered] > 0.5),
        "brier": 1 - brier_score_loss(truth, score),
    }


def rates(text):
    words = text.split()
    return [words.count(word) / len(words) for word in WORDS]


def main():
    rng = random.Random(20261123)
    sets = [verdicts(rng, count, spread, unanswered) for count, spread, unanswered in [(20, 0.2, 0.1), (200, 0.3, 0.0), (300, 0.1, 0.4), (50, 0.5, 0.2)]]
    lexicon = WORDS[::3] + ["heron", "weir", "garden", "letter", "report"]
    texts = [" ".join(rng.choice(lexicon[: rng.randint(5, len(lexicon))]) for _ in range(rng.randint(5, 60))) for _ in range(12)]
    z = zscore(np.array([rates(text) for text in texts]), axis=0, ddof=1)
    used = ~np.isnan(z).any(axis=0)
    delta = [[float(np.abs(z[i, used] - z[j, used]).mean()) for j in range(len(texts))] for i in range(len(texts))]
    print(json.dumps({
        "versions": {name: version(name) for name in ["scikit-learn", "scipy", "numpy"]},
        "verdicts": [{"pairs": pairs, **{k: float(v) for k, v in measures(pairs).items()}} for pairs in sets],
        "texts": texts,
        "delta": delta,
    }))


main()
