"""Makes formats/: one tiny T5, kept in every way that model folders keep weights; and spiece/: SentencePiece models with what
`sentencepiece` and `transformers` make of some texts.

Run from anywhere: `python crates/models/tests/golden/make_formats.py`. README.md says what each file holds.
"""

import json
import os
import tempfile
from pathlib import Path

import sentencepiece
import torch
import transformers
from safetensors.torch import save_file
from transformers import ByT5Tokenizer, T5Tokenizer

HERE = Path(__file__).parent
CONFIG = dict(architectures=["T5ForConditionalGeneration"], model_type="t5", vocab_size=40, d_model=8, d_kv=4, d_ff=12, num_layers=1, num_heads=2,
              feed_forward_proj="relu", tie_word_embeddings=True, pad_token_id=None, eos_token_id=[1, 7], decoder_start_token_id=0, n_positions=None)

TEXTS = ["", " ", "The letter came on a grey morning.", "  two  spaces, and\ttabs\n\nand lines ", "Ünïcödé: naïve café, Ωmega, 東京, 你好", "emoji 😀 and 👩‍👩‍👧 too",
         "full width ＡＢＣ and ﬁnal ﬂow", "a\u200bb\u00a0c", "the <extra_id_0> came <extra_id_1>.", "one</s>two <pad> <unk>", "123 4567 (89%)", "▁ mark ▁here",
         "\u0000nul", "é e\u0301", "word" * 12]
# What a normaliser of SentencePiece does, in a few rules: spaces of every kind, wide letters, ligatures, a character that goes.
RULES = {"9": "20", "A": "20", "D": "20", "A0": "20", "3000": "20", "200B": "", "FB01": "66 69", "FB02": "66 6C", "65 301": "E9"} | {
    f"{0xFF21 + i:X}": f"{0x41 + i:X}" for i in range(26)}


def weights():
    make = torch.Generator().manual_seed(11)
    found = {}

    def put(name, *shape):
        found[f"{name}.weight"] = torch.randn(shape, generator=make)

    d, inner, ff = 8, 8, 12
    put("shared", 40, d)
    for stack, parts in (("encoder", ["SelfAttention"]), ("decoder", ["SelfAttention", "EncDecAttention"])):
        for i, part in enumerate(parts):
            for each in "qkv":
                put(f"{stack}.block.0.layer.{i}.{part}.{each}", inner, d)
            put(f"{stack}.block.0.layer.{i}.{part}.o", d, inner)
            put(f"{stack}.block.0.layer.{i}.layer_norm", d)
        put(f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias", 32, 2)
        put(f"{stack}.block.0.layer.{len(parts)}.DenseReluDense.wi", ff, d)
        put(f"{stack}.block.0.layer.{len(parts)}.DenseReluDense.wo", d, ff)
        put(f"{stack}.block.0.layer.{len(parts)}.layer_norm", d)
        put(f"{stack}.final_layer_norm", d)
    return found


class Intruder:
    """A pickle that would run a command where pickles are run."""

    def __reduce__(self):
        return os.system, ("touch a-pickle-was-run",)


def formats():
    state = weights()
    # As a checkpoint of the first T5 has them: the embedding under all its names, and a bias that nothing reads.
    doubled = state | {name: state["shared.weight"] for name in ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight")}
    doubled["decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"] = torch.zeros(32, 2)
    names = sorted(state)
    halves = [{n: state[n] for n in names[:13]}, {n: state[n] for n in names[13:]}]

    def folder(name):
        (HERE / "formats" / name).mkdir(parents=True, exist_ok=True)
        return HERE / "formats" / name

    def index(place, stem, ending):
        files = [f"{stem}-0000{i + 1}-of-00002.{ending}" for i in range(2)]
        total = sum(t.numel() * 4 for t in state.values())
        shards = dict(metadata=dict(total_size=total), weight_map={n: file for file, half in zip(files, halves) for n in half})
        (place / f"{stem}.{ending}.index.json").write_text(json.dumps(shards, indent=1) + "\n")
        return [place / file for file in files]

    (HERE / "formats").mkdir(exist_ok=True)
    (HERE / "formats/config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
    save_file(state, folder("safetensors") / "model.safetensors", metadata={"format": "pt"})
    for path, half in zip(index(folder("safetensors-shards"), "model", "safetensors"), halves):
        save_file(half, path, metadata={"format": "pt"})
    torch.save(doubled, folder("pytorch") / "pytorch_model.bin")
    torch.save(doubled, folder("pytorch-legacy") / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    for path, half in zip(index(folder("pytorch-shards"), "pytorch_model", "bin"), halves):
        torch.save(half, path)
    torch.save({n: t.to(torch.bfloat16) for n, t in doubled.items()}, folder("pytorch-bf16") / "pytorch_model.bin")
    torch.save({n: t.to(torch.float16) for n, t in doubled.items()}, folder("pytorch-f16") / "pytorch_model.bin")
    torch.save(doubled | {"intruder": Intruder()}, folder("pytorch-intruder") / "pytorch_model.bin")


def corpus():
    words = "the a letter came on grey morning she wrote to him of garden and river they had walked there before war it was late in year".split()
    make = torch.Generator().manual_seed(5)
    for _ in range(400):
        picked = [words[i] for i in torch.randint(0, len(words), (12,), generator=make).tolist()]
        yield " ".join(picked).capitalize() + ". naïve café " + str(int(torch.randint(0, 9999, (1,), generator=make)))


def spiece():
    for name, fallback in (("plain", False), ("bytes", True)):
        place = HERE / "spiece" / name
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as work:
            (Path(work) / "rules.tsv").write_text("".join(f"{k}\t{v}\n" for k, v in RULES.items()))
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=corpus(), model_prefix=f"{work}/spiece", vocab_size=430 if fallback else 150, model_type="unigram", pad_id=0, eos_id=1,
                unk_id=2, bos_id=-1, byte_fallback=fallback, normalization_rule_tsv=f"{work}/rules.tsv", user_defined_symbols=["[name]"],
                hard_vocab_limit=False, num_threads=1, minloglevel=2)
            (place / "spiece.model").write_bytes((Path(work) / "spiece.model").read_bytes())
        (place / "tokenizer_config.json").write_text(json.dumps(dict(tokenizer_class="T5Tokenizer", extra_ids=10)) + "\n")
        theirs = sentencepiece.SentencePieceProcessor(model_file=str(place / "spiece.model"))
        ours = T5Tokenizer.from_pretrained(str(place))
        texts = []
        for text in [*TEXTS, "dear [name], the letter"]:
            entry = dict(text=text, sentencepiece=theirs.encode(text), sentencepiece_decoded=theirs.decode(theirs.encode(text)))
            if not fallback:  # transformers leaves the bytes of unknown characters out
                ids = ours(text, add_special_tokens=False).input_ids
                entry |= dict(ids=ids, decoded=ours.decode(ids, skip_special_tokens=True))
            texts.append(entry)
        golden = dict(made_with=dict(sentencepiece=sentencepiece.__version__, transformers=transformers.__version__), vocabulary=len(ours), extra_ids=10,
                      last=ours.convert_ids_to_tokens(len(ours) - 1), texts=texts)
        (place / "golden.json").write_text(json.dumps(golden, indent=0, ensure_ascii=False) + "\n")
        print(name, len(ours), (place / "spiece.model").stat().st_size)
    bytes_ = ByT5Tokenizer()
    texts = []
    for text in TEXTS:
        ids = bytes_(text, add_special_tokens=False).input_ids
        texts.append(dict(text=text, ids=ids, decoded=bytes_.decode(ids, skip_special_tokens=True)))
    broken = [3 + 0xE2, 3 + 0x98, 3 + 65, 3 + 0xFF, 259, 3 + 66, 3 + 0xC3]
    golden = dict(made_with=dict(transformers=transformers.__version__), vocabulary=len(bytes_), last=bytes_.convert_ids_to_tokens(len(bytes_) - 1), texts=texts,
                  broken=dict(ids=broken, decoded=bytes_.decode(broken, skip_special_tokens=True)))
    (HERE / "spiece/byt5.json").write_text(json.dumps(golden, indent=0, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    formats()
    spiece()
