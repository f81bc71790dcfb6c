"""Golden values of the reference packages, for tests/golden.rs.

    python3 -m venv venv && venv/bin/pip install rouge-score==0.1.2 sacrebleu==2.6.0 nltk==3.10.4 scipy==1.17.1
    apt-get install wordnet-base wordnet-sense-index
    venv/bin/python crates/evaluation/tests/golden/make.py > crates/evaluation/tests/golden/pairs.json

The texts are invented here from a seed. METEOR is NLTK's over the tokens of its NLTKWordTokenizer applied to the whole
text, once with no WordNet at all and once with the WordNet 3.0 files of the Debian packages. Another number of pairs and another seed may be given: to look for differences.
"""

import json
import random
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import nltk.data
import sacrebleu
import scipy.stats
from nltk.stem.porter import PorterStemmer
from nltk.tokenize import NLTKWordTokenizer
from nltk.translate.meteor_score import meteor_score
from rouge_score import rouge_scorer

DEBIAN = Path("/usr/share/wordnet")
COMMON = """the a of and to in is was it that he she they we with for on as at by from this which had have not but are be been
car automobile dog hound cat walked walking walks quickly rapidly big large small little house home dwelling boys men women children
buy purchase bought begin start started beginning end finish finished happy glad sad unhappy studies studying flies flying dying lying
argue argued arguments relational conditional rationalize hopefulness goodness enjoy enjoyment skies sky news innings proceed geology
theological analogously radically fully usefully axes leaves knives boxes churches wishes better best worse worst geese mice teeth
abaci indices lives wolf wolves letter missive answer reply answered replying road street way path walk saw see seen red crimson""".split()
SUFFIXES = """s es ies ed ied eed ing ings y ly er est ness fulness ousness iveness ful fulli al alli alism aliti ational tional ation
ator izer ization ize iviti biliti bli entli eli ousli enci anci icate ative alize iciti ical ance ence ic able ible ant ement ment ent
ion sion tion ou ism ate iti ous ive logi logy ll tt zz ss e ee""".split()
MARKS = [". ", ", ", "! ", "? ", "; ", ": ", " - ", "-", "--", "... ", ".. ", ".", ",", " (", ") ", " [", "] ", ' "', '" ', " '", "' ", "''", "``", "`",
         " “", "” ", "‘", "’", "«", "»", " – ", "—", "&", "&amp;", "&quot;", "<b>", "@", "#", "$", "%", "*", "/", "~", "^", "\\", "{", "}", "|", "+", "=", "_",
         "\t", "  ", "\u00a0", "\u2003", "\u200b", "\n", "\n\n", "-\n", "\r\n", "\x1c", "\x85", "<skipped>"]
ODD = ["é", "café", "naïve", "Straße", "ΟΔΟΣ", "İstanbul", "\u212aelvin", "日本語", "中文", "😀", "e\u0301", "ﬁne", "ſo", "Łódź", "привет", "שלום", "²", "½"]
SWAPS = dict(pair.split("/") for pair in """car/auto cars/autos automobile/car walked/walking quickly/rapidly big/large small/little house/home buy/purchase begin/start
started/begun happy/glad sad/sorry street/road answer/reply answered/replying letter/missive men/man boys/lads argue/contend studies/study finish/end""".split())
CLITICS = ["don't", "can't", "I'll", "we've", "they're", "she's", "he'd", "I'm", "cannot", "gonna", "gimme", "'tis", "'twas", "d'ye", "more'n", "wanna",
           "o'clock", "rock'n'roll", "'em", "DON'T", "IT'S", "Cannot", "gotta", "lemme", "dogs'", "x''y", "N'T"]
NUMBERS = ["1", "10:30", "3.14", "1,234.50", "$5", "50%", "2024-05-01", "1.", ".5", "7,", "1-2", "3rd", "1,a", "٣"]


def invented(rng):
    word = "".join(rng.choice("bcdfghklmnprstvwyz") + rng.choice("aeiouy") for _ in range(rng.randint(1, 3)))
    return word + rng.choice(SUFFIXES) if rng.random() < 0.5 else word


def text(rng, words, lexicon, noise):
    made = []
    for _ in range(words):
        draw = rng.random()
        if draw < 1 - noise:
            word = rng.choice(lexicon)
        else:
            word = rng.choice(rng.choice([ODD, CLITICS, NUMBERS, lexicon]))
        if rng.random() < 0.15:
            word = word.capitalize() if rng.random() < 0.7 else word.upper()
        made.append(word)
        made.append(rng.choice(MARKS) if rng.random() < 0.12 + noise / 2 else " ")
    return "".join(made)


def changed(rng, original, lexicon):
    pieces = original.split(" ")
    made = []
    for piece in pieces:
        draw = rng.random()
        if draw < 0.12:
            continue
        if draw < 0.25:
            made.append(rng.choice(lexicon))
        if draw < 0.3:
            made.append(piece)
        made.append(SWAPS.get(piece, piece) if draw < 0.93 else piece.swapcase())
    if rng.random() < 0.3:
        cut = rng.randint(0, len(made))
        made = made[cut:] + made[:cut]
    return " ".join(made)


def pairs(count, seed):
    rng = random.Random(seed)
    made = [
        ("", ""), ("", "something"), ("something", ""), ("   ", "\n\n"), ("...", "!!!"), ("a", "a"), ("a b c", "a b c"), ("a b c d", "a b c d"),
        ("word " * 60, "word " * 45), ("a b " * 40, "b a " * 40), ("x\ny\nz x", "z\ny x\nx"), ("one\n\n\ntwo", "two\none"), ("日本語のテキスト", "日本語テキスト"),
        ("He said \"hello.\"", "He said ''hello''."), ("end.", "end. )"), ("a.b.c,d,e", "a.b,c.d,,e"), ("\"quoted\" start", "`quoted' start"),
        ("the the the cat", "the cat the"), ("x" * 70, "x" * 65 + "y"), ("K\u212a k İ i", "k K i İ"),
        ("it's '² ❤\ufe0f's '\u0301e", "'² ❤\ufe0f's it 's 'é"), ("at 5:٣ or 5:²", "5:٣ 5:² ,: :"),
    ]
    while len(made) < count:
        lexicon = [invented(rng) for _ in range(rng.choice([3, 8, 25]))] if rng.random() < 0.5 else COMMON
        noise = rng.choice([0.0, 0.1, 0.3, 0.7])
        words = rng.choice([1, 2, 3, 5, 8, 15, 15, 30, 30, 60])
        if len(made) in (100, 120):
            words = 250
        reference = text(rng, words, lexicon, noise)
        other = text(rng, rng.randint(1, words + 3), lexicon, noise)
        made.append((reference, changed(rng, reference, lexicon) if rng.random() < 0.75 else other))
    return made


class NoWordNet:
    def synsets(self, _):
        return []


def open_wordnet():
    """NLTK's reader over Debian's files; `lexnames`, which Debian leaves out, only has to exist with enough lines."""
    folder = Path(tempfile.mkdtemp()) / "corpora" / "wordnet"
    folder.mkdir(parents=True)
    for file in [p for p in DEBIAN.iterdir() if p.is_file()]:
        shutil.copy(file, folder / file.name)
    (folder / "lexnames").write_text("".join(f"{i:02d}\tname{i}\t1\n" for i in range(45)))
    nltk.data.path.insert(0, str(folder.parent.parent))
    from nltk.corpus import wordnet

    wordnet.ensure_loaded()
    return wordnet


def rouge_values(scorer, reference, prediction):
    return {kind: [s.precision, s.recall, s.fmeasure] for kind, s in scorer.score(reference, prediction).items()}


def bleu_values(s):
    return {"score": s.score, "precisions": s.precisions, "bp": s.bp, "sys_len": s.sys_len, "ref_len": s.ref_len}


def main(count=150, seed=20261123):
    kinds = ["rouge1", "rouge2", "rouge3", "rouge5", "rougeL", "rougeLsum"]
    plain, stemmed = rouge_scorer.RougeScorer(kinds), rouge_scorer.RougeScorer(kinds, use_stemmer=True)
    tokens, wordnet, porter = NLTKWordTokenizer().tokenize, open_wordnet(), PorterStemmer()
    every, rows = pairs(count, seed), []
    for index, (reference, prediction) in enumerate(every):
        row = {"reference": reference, "prediction": prediction}
        row["rouge"] = rouge_values(plain, reference, prediction)
        row["rouge_stemmer"] = rouge_values(stemmed, reference, prediction)
        row["bleu"] = bleu_values(sacrebleu.sentence_bleu(prediction, [reference]))
        row["chrf"] = sacrebleu.sentence_chrf(prediction, [reference]).score
        row["meteor"] = meteor_score([tokens(reference)], tokens(prediction), wordnet=NoWordNet())
        row["meteor_wordnet"] = meteor_score([tokens(reference)], tokens(prediction), wordnet=wordnet)
        if index % 2 == 0:
            row["tokens"] = tokens(prediction)
        rows.append(row)
    references, predictions = [r for r, _ in every], [p for _, p in every]
    rng = random.Random(7)
    words = sorted(set(COMMON) | {"yyyy", "syzygy", "toy", "enjoys", "flies", "spied", "agreed", "hopping", "falling", "é", "éées", "ßßed", "naïvely"}
                   | {invented(rng) for _ in range(400)})
    looked_up = sorted(set(COMMON))[::2] + ["new_york", "xyzzy", "Dogs", "s"]
    tests = []
    for n, shift, spread in [(2, 0.5, 1.0), (5, 0.1, 1.0), (12, 0.4, 0.5), (100, 0.05, 1.0), (2000, 0.02, 1.0), (300, 1.0, 1.0)]:
        a = [round(rng.gauss(0, spread), 3) for _ in range(min(n, 20))]
        b = [round(x + rng.gauss(shift, spread), 3) for x in a]
        repeats = -(-n // len(a))
        a, b = (a * repeats)[:n], (b * repeats)[:n]
        result = scipy.stats.ttest_rel(a, b)
        tests.append({"a": a[:20], "b": b[:20], "n": n, "t": result.statistic, "p": result.pvalue})
    made = {
        "versions": {name: version(name) for name in ["rouge-score", "sacrebleu", "nltk", "scipy"]},
        "corpus": {"bleu": bleu_values(sacrebleu.corpus_bleu(predictions, [references])), "chrf": sacrebleu.corpus_chrf(predictions, [references]).score},
        "stems": {word: porter.stem(word) for word in words},
        "synonyms": {word: sorted({name for s in wordnet.synsets(word) for name in s.lemma_names()}) for word in looked_up},
        "synsets": {word: [[s.pos(), s.offset()] for s in wordnet.synsets(word)] for word in looked_up},
        "t_tests": tests,
        "pairs": rows,
    }
    json.dump(made, sys.stdout, ensure_ascii=False, separators=(",", ":"))


main(*map(int, sys.argv[1:3]))
