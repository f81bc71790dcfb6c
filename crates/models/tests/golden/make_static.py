"""Makes the folders of `static/` (token vectors in Model2Vec's layout) and `unigram/`, and the values that ours must equal.

Run from anywhere: `python crates/models/tests/golden/make_static.py`. README.md says what each file holds.
"""

import collections
import importlib.metadata
import json
import math
import re
from pathlib import Path

import numpy as np
from model2vec import StaticModel
from safetensors.numpy import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

HERE = Path(__file__).parent
WORDS = """The letter came on a grey morning, and the postman who brought it would not go away. He stood in the garden with
his hat in his hands and said that the river had risen in the night; the mill was under water, the bridge was gone, and nobody
in the village could say where the miller was. We read the letter twice. It was written in a small, careful hand, and it said
only this: that the house would be sold in spring, that the books were ours, and that we should not write again. The water
rose until noon. In the afternoon the rain stopped, and we walked down to the river to see what was left of the mill."""
TEXTS = [
    "", " ", "\n\t ", "the", "The river had risen in the night.", "THE RIVER, THE MILL; the bridge!", "  two   spaces  and\na line\r\nbreak ",
    "Café naïve résumé, Ångström", "ﬁnally ½ of ① and ＦＵＬＬ width", "日本語 ☃ 🙂", "the 日本語 river ☃ mill", "zqx 12345 67.89 x²", "don't; won't: can't—",
    "[CLS] the letter [SEP] [UNK] [PAD]", "<pad> the letter </s> <unk> <extra_id_0>", "river" * 30, "\u00a0non\u200bbreaking\u00adspaces\ufeff", "é", "e\u0301",
    WORDS, " ".join([WORDS] * 8), "☃ " * 600 + "the river", "☃ the " * 300, "m" * 5000, "the\u0000 mill",
]


def characters_and_words():
    words = collections.Counter(re.findall(r"[a-z]+", WORDS.lower()))
    return [chr(c) for c in range(ord("a"), ord("z") + 1)] + list("0123456789.,;:!?'-"), words


def word_piece():
    """As in BERT: lower case, no accents, `##` continues a word."""
    letters, words = characters_and_words()
    letters.remove("z")  # so that a Latin word can be unknown
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"] + letters + [f"##{c}" for c in letters if c.isalnum()]
    tokens += ["##er", "##ing", "##ed"] + sorted(w for w in words if len(w) > 2)
    vocabulary = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    made.normalizer, made.pre_tokenizer, made.decoder = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer(), decoders.WordPiece()
    made.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[(t, vocabulary[t]) for t in ("[CLS]", "[SEP]")])
    made.enable_truncation(128)
    made.enable_padding(length=128, pad_id=0, pad_token="[PAD]")  # as MiniLM's file says; must not reach the vectors
    return made


def unigram():
    """As in T5: `<pad>` 0, `</s>` 1, `<unk>` 2, `▁` for a space, sentinels last; scores are log frequencies."""
    letters, words = characters_and_words()
    letters = [c for c in letters if not c.isdigit() or c == "1"]  # the other digits are unknown
    counts = collections.Counter({f"▁{w}": 8 * n for w, n in words.items()})
    for word, n in words.items():
        for end in range(2, min(5, len(word)) + 1):
            counts[word[-end:]] += n
            counts[f"▁{word[:end]}"] += n
    capitals = [chr(c) for c in range(ord("A"), ord("Z") + 1)]
    rare = {c: 0.5 for c in ["▁"] + letters + capitals + list("éï\n")}
    total = sum(counts.values())
    pieces = [(p, math.log(n / total)) for p, n in sorted((counts | rare).items(), key=lambda item: (-item[1], item[0]))]
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    made = Tokenizer(models.Unigram(special + [(p, round(s, 4)) for p, s in pieces], unk_id=2, byte_fallback=False))
    made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    made.pre_tokenizer, made.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    made.add_special_tokens([AddedToken(t, special=True) for t in ["<pad>", "</s>", "<unk>"] + [f"<extra_id_{i}>" for i in range(4)]])
    made.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    return made


def rounded(values):
    return [float(f"{v:.7g}") for v in values]


def static(name, tokenizer, config, seed, rows=None, dtype=np.float32, weights=None, mapping=np.int64, width=16):
    """One folder; with `rows` fewer vectors than tokens, and a mapping from the one to the other."""
    folder, make = HERE / "static" / name, np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    tokens = tokenizer.get_vocab_size()
    vectors = make.normal(size=(rows or tokens, width))
    tensors = {"embeddings": (vectors * 40).round().clip(-127, 127).astype(dtype) if dtype == np.int8 else vectors.astype(dtype)}
    if weights:
        tensors["weights"] = make.uniform(0.05, 1.5, size=tokens).astype(weights)
    if rows:
        tensors["mapping"] = make.integers(0, rows, size=tokens).astype(mapping)
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    model = StaticModel.from_pretrained(folder)
    texts = [dict(text=text, tokens=len(ids), first_ids=ids[:12], vector=rounded(vector.tolist()))
             for text, ids, vector in zip(TEXTS, cut_and_tokenize(model), model.encode(TEXTS))]
    write(folder / "golden.json", dict(
        made_with={p: importlib.metadata.version(p) for p in ("model2vec", "tokenizers", "numpy")}, seed=seed, normalize=model.normalize,
        max_length=model.max_length, median_token_length=model.median_token_length, unknown_id=model.unk_token_id), texts)


def cut_and_tokenize(model):
    """The ids that `encode` averages."""
    most = None if model.max_length is None else model.max_length * model.median_token_length
    return model.tokenize([text[:most] for text in TEXTS])


def write(path, head, items):
    body = ",\n".join("  " + json.dumps(item, ensure_ascii=True, separators=(",", ":")) for item in items)
    path.write_text(json.dumps(head, indent=1)[:-2] + ',\n "texts": [\n' + body + "\n ]\n}\n")


def main():
    static("wordpiece", word_piece(), dict(model_type="model2vec", architectures=["StaticModel"], hidden_dim=16, seq_length=1000000, normalize=True), seed=1)
    static("unigram", unigram(), dict(model_type="model2vec", normalize=False, max_length=24), seed=2, rows=50, weights=np.float32)
    static("weights-unlimited", unigram(), dict(model_type="model2vec", normalize=True, max_length=None), seed=3, weights=np.float64)
    static("half", word_piece(), dict(model_type="model2vec", apply_zipf=True), seed=4, dtype=np.float16, rows=30, weights=np.float32, mapping=np.int32)
    static("int8", word_piece(), dict(model_type="model2vec", normalize=True), seed=5, dtype=np.int8)
    folder, made = HERE / "unigram", unigram()
    folder.mkdir(exist_ok=True)
    made.save(str(folder / "tokenizer.json"), pretty=False)
    texts = []
    for text in TEXTS:
        if len(text) > 1000:
            continue
        ids = made.encode(text, add_special_tokens=False).ids
        texts.append(dict(text=text, ids=ids, with_end=made.encode(text).ids, decoded=made.decode(ids), decoded_with_special=made.decode(ids, skip_special_tokens=False)))
    ids = made.encode(TEXTS[4], add_special_tokens=False).ids
    write(folder / "golden.json", dict(
        made_with={"tokenizers": importlib.metadata.version("tokenizers")}, vocabulary=made.get_vocab_size(), pad=0, end=1, unknown=2,
        prefixes=dict(ids=ids, decoded=[made.decode(ids[:n]) for n in range(len(ids) + 1)])), texts)


if __name__ == "__main__":
    main()
