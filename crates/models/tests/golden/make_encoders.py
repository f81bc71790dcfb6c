"""Makes the folders of `encoders/`: sentence-transformers of every kind that is read here, tiny and with random weights, and the vectors
that ours must equal.

Run from anywhere: `python crates/models/tests/golden/make_encoders.py`, or with the names of some. README.md says what each file holds.
"""

import importlib.metadata
import json
import shutil
import sys
import tempfile
from pathlib import Path

import torch
from make_static import TEXTS, WORDS, rounded, unigram, word_piece
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig, BertForMaskedLM, BertModel, DistilBertConfig, DistilBertModel, MPNetConfig, MPNetModel, RobertaConfig, RobertaModel,
    T5Config, T5EncoderModel, XLMRobertaConfig, XLMRobertaModel,
)

HERE = Path(__file__).parent
FOLDER = HERE / "encoders"
# Of these the hidden states of every token are kept.
SHOWN = [4, 5, 17]
POOLING = ["cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken"]


def bert_pieces(cased=False):
    made = word_piece()
    if cased:
        made.normalizer = None
    return made


def byte_pieces():
    """As RoBERTa's: `<s>` 0, `<pad>` 1, `</s>` 2, `<unk>` 3; pieces of bytes."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    made.train_from_iterator([WORDS], trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    made.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return made


def unigram_between():
    """As XLM-R's: a beginning and an end around the pieces."""
    made = unigram()
    made.add_special_tokens([AddedToken("<s>", special=True)])
    ids = {token: made.token_to_id(token) for token in ("<s>", "</s>")}
    made.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=list(ids.items()))
    return made


def shaken(model, seed, spread):
    """Every weight random, norms and biases too, so that leaving one out shows."""
    make = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            noise = torch.randn(weight.shape, generator=make)
            is_scale = weight.dim() == 1 and name.endswith("weight")
            weight.copy_(1 + 0.3 * noise if is_scale else noise * (spread if weight.dim() == 2 else 0.3))
    return model.eval()


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n")


def pooling(width, *modes):
    return "Pooling", dict(word_embedding_dimension=width, **{f"pooling_mode_{mode}": mode in modes for mode in POOLING}), None


def dense(width, out, activation, bias, seed):
    make = torch.Generator().manual_seed(seed)
    weights = {"linear.weight": torch.randn(out, width, generator=make) / width**0.5}
    if bias:
        weights["linear.bias"] = torch.randn(out, generator=make)
    return "Dense", dict(in_features=width, out_features=out, bias=bias, activation_function=f"torch.nn.modules.{activation}"), weights


NORMALIZE = ("Normalize", None, None)


def encoder(name, model, tokenizer, modules, seed, spread=0.15, length=None, model_max_length=None, lower=False, prompts=None, inside="",
            saved_anew=False, dtype=torch.float32, rename=None, drop=()):
    """One folder; `modules` None makes one without modules.json."""
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    place = folder / inside
    place.mkdir(parents=True)
    shaken(model, seed, spread).to(dtype).save_pretrained(place)
    (place / "generation_config.json").unlink(missing_ok=True)
    weights = load_file(place / "model.safetensors")
    if rename or drop:
        weights = {(rename or {}).get(key, key): value for key, value in weights.items() if not key.startswith(tuple(drop) or ("\0",))}
        save_file(weights, place / "model.safetensors", metadata={"format": "pt"})
    tokenizer.save(str(place / "tokenizer.json"), pretty=False)
    pad = "[PAD]" if tokenizer.token_to_id("[PAD]") is not None else "<pad>"
    write_json(place / "tokenizer_config.json", dict(tokenizer_class="PreTrainedTokenizerFast", pad_token=pad, model_max_length=model_max_length or 10**30))
    if length or lower:
        write_json(place / "sentence_bert_config.json", dict(max_seq_length=length, do_lower_case=lower))
    if prompts:
        write_json(folder / "config_sentence_transformers.json", prompts)
    if modules is not None:
        lines = [dict(idx=0, name="0", path=inside, type="sentence_transformers.models.Transformer")]
        for i, (kind, config, tensors) in enumerate(modules, 1):
            lines.append(dict(idx=i, name=str(i), path=f"{i}_{kind}", type=f"sentence_transformers.models.{kind}"))
            if config:
                write_json(folder / f"{i}_{kind}" / "config.json", config)
            if tensors:
                save_file(tensors, folder / f"{i}_{kind}" / "model.safetensors")
        write_json(folder / "modules.json", lines)
    made = SentenceTransformer(str(folder), device="cpu", model_kwargs=dict(dtype=torch.float32))
    if saved_anew:
        with tempfile.TemporaryDirectory() as anew:
            made.save(anew, create_model_card=False)
            shutil.rmtree(folder)
            shutil.copytree(anew, folder)
        made = SentenceTransformer(str(folder), device="cpu", model_kwargs=dict(dtype=torch.float32))
    golden(folder, made, prompts)


def golden(folder, made, prompts):
    texts = []
    with torch.no_grad():
        for i, text in enumerate(TEXTS):
            features = made.preprocess([text], prompt=made.prompts.get(made.default_prompt_name) if made.default_prompt_name else None)
            found = made(dict(features))
            one = dict(text=text, ids=features["input_ids"][0].tolist(), vector=rounded(found["sentence_embedding"][0].tolist()))
            if i in SHOWN:
                one["hidden"] = [rounded(row) for row in found["token_embeddings"][0].tolist()]
            texts.append(one)
    alone = made.encode(TEXTS, batch_size=1, show_progress_bar=False)
    assert max(abs(x - y) for one, row in zip(texts, alone.tolist()) for x, y in zip(one["vector"], row)) < 1e-5
    head = dict(made_with={p: importlib.metadata.version(p) for p in ("sentence-transformers", "transformers", "tokenizers", "torch")},
                max_seq_length=made.max_seq_length if made.max_seq_length < 10**9 else None,
                prompted={name: [rounded(row) for row in made.encode(TEXTS[4:6], prompt_name=name).tolist()] for name in (prompts or {}).get("prompts", {})})
    body = ",\n".join("  " + json.dumps(one, ensure_ascii=True, separators=(",", ":")) for one in texts)
    (folder / "golden.json").write_text(json.dumps(head, indent=1)[:-2] + ',\n "texts": [\n' + body + "\n ]\n}\n")


def sizes(config, tokenizer, width, heads, **more):
    return config(vocab_size=tokenizer.get_vocab_size(), hidden_size=width, num_attention_heads=heads, num_hidden_layers=2, **more)


def minilm():
    pieces = bert_pieces()
    config = sizes(BertConfig, pieces, 32, 4, intermediate_size=64, max_position_embeddings=64)
    encoder("bert-mean", BertModel(config), pieces, [pooling(32, "mean_tokens"), NORMALIZE], seed=1, length=24)


def bge():
    pieces = bert_pieces(cased=True)
    config = sizes(BertConfig, pieces, 36, 3, intermediate_size=50, max_position_embeddings=80, hidden_act="gelu_new")
    prompts = dict(prompts={"query": "the letter: ", "document": ""}, default_prompt_name="query")
    encoder("bert-cls", BertModel(config, add_pooling_layer=False), pieces, [pooling(36, "cls_token"), NORMALIZE], seed=2, length=64, lower=True,
            prompts=prompts, dtype=torch.float16)


def plain():
    pieces = bert_pieces()
    config = sizes(BertConfig, pieces, 32, 2, intermediate_size=48, max_position_embeddings=64, hidden_act="relu")
    old = {f"bert.encoder.layer.{i}.{part}.LayerNorm.{new}": f"bert.encoder.layer.{i}.{part}.LayerNorm.{known}"
           for i in range(2) for part in ("attention.output", "output") for new, known in (("weight", "gamma"), ("bias", "beta"))}
    encoder("bert-plain", BertForMaskedLM(config), pieces, None, seed=3, model_max_length=20, rename=old)


def roberta():
    pieces = byte_pieces()
    config = sizes(RobertaConfig, pieces, 40, 4, intermediate_size=64, max_position_embeddings=66, hidden_act="silu", type_vocab_size=1, layer_norm_eps=1e-5)
    modules = [pooling(40, "mean_tokens", "max_tokens"), dense(80, 24, "activation.Tanh", True, seed=40)]
    encoder("roberta-dense", RobertaModel(config, add_pooling_layer=False), pieces, modules, seed=4, saved_anew=True, model_max_length=48)


def xlm_roberta():
    pieces = unigram_between()
    config = sizes(XLMRobertaConfig, pieces, 32, 4, intermediate_size=64, max_position_embeddings=130, pad_token_id=0, type_vocab_size=1, layer_norm_eps=1e-5)
    prompts = dict(prompts={"query": "query: ", "passage": "passage: "}, default_prompt_name=None)
    encoder("xlm-r", XLMRobertaModel(config), pieces, [pooling(32, "mean_sqrt_len_tokens", "weightedmean_tokens")], seed=5, length=120, prompts=prompts)


def mpnet():
    pieces = bert_pieces()
    config = sizes(MPNetConfig, pieces, 32, 4, intermediate_size=64, max_position_embeddings=202)
    encoder("mpnet", MPNetModel(config), pieces, [pooling(32, "mean_tokens"), NORMALIZE], seed=6, saved_anew=True, model_max_length=190)


def distilbert():
    pieces = bert_pieces()
    config = DistilBertConfig(vocab_size=pieces.get_vocab_size(), dim=32, n_heads=4, n_layers=2, hidden_dim=64, max_position_embeddings=64)
    modules = [pooling(32, "mean_tokens"), dense(32, 40, "linear.Identity", False, seed=70), NORMALIZE]
    encoder("distilbert", DistilBertModel(config), pieces, modules, seed=7, length=30, inside="0_Transformer")


def sentence_t5():
    pieces = unigram()
    config = T5Config(vocab_size=pieces.get_vocab_size() + 3, d_model=32, d_kv=6, num_heads=4, num_layers=2, d_ff=48, feed_forward_proj="gated-gelu")
    modules = [pooling(32, "mean_tokens"), dense(32, 24, "linear.Identity", False, seed=80), NORMALIZE]
    encoder("t5-gated", T5EncoderModel(config), pieces, modules, seed=8, spread=0.4, length=180)


def gtr():
    pieces = unigram()
    config = T5Config(vocab_size=pieces.get_vocab_size(), d_model=32, d_kv=8, num_heads=4, num_layers=2, d_ff=64, feed_forward_proj="relu")
    encoder("t5-relu", T5EncoderModel(config), pieces, [pooling(32, "max_tokens")], seed=9, spread=0.4, length=40,
            rename={"shared.weight": "encoder.embed_tokens.weight"})


MADE = [minilm, bge, plain, roberta, xlm_roberta, mpnet, distilbert, sentence_t5, gtr]

if __name__ == "__main__":
    torch.set_num_threads(1)
    for make in MADE:
        if not sys.argv[1:] or make.__name__ in sys.argv[1:]:
            make()
