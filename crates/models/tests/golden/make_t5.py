"""Makes the tiny random T5 folders of this directory and, with transformers, the values that ours must equal.

Run from anywhere: `python crates/models/tests/golden/make_t5.py [NAME…]`. README.md says what each file holds.
"""

import json
import math
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoModelForSeq2SeqLM
from transformers.optimization import Adafactor

HERE = Path(__file__).parent
WIDTH, STEPS = 150, 24

# name -> (seed, sizes). Seeds are chosen so that the settings under test (end of text, repetition, early stopping) make a
# difference, and that no choice of a token hangs on rounding; `golden` refuses a seed where one does.
FOLDERS = {
    "t5-v1.1": (3, dict(feed_forward_proj="gated-gelu", tie_word_embeddings=False)),
    "t5-v1.0": (8, dict(feed_forward_proj="relu", tie_word_embeddings=True, d_ff=96)),
    "tied-gated": (7, dict(feed_forward_proj="gated-gelu", tie_word_embeddings=True)),
    "mt5": (4, dict(feed_forward_proj="gated-gelu", tie_word_embeddings=False, model_type="mt5", d_kv=12, num_heads=2)),
    "deep-encoder": (2, dict(feed_forward_proj="gated-gelu", tie_word_embeddings=False, num_layers=4, num_decoder_layers=1,
                             d_ff=48, vocab_size=96)),
    "umt5": (5, dict(feed_forward_proj="gated-gelu", tie_word_embeddings=False, model_type="umt5", d_kv=12, num_heads=2, d_ff=48)),
    "byt5": (6, dict(feed_forward_proj="gated-gelu", tie_word_embeddings=False, num_layers=12, num_decoder_layers=4, d_model=16, d_kv=6,
                     num_heads=2, d_ff=16, vocab_size=384)),
}


def config_of(sizes):
    """Every key that a published T5 folder carries and that changes the numbers."""
    base = dict(model_type="t5", d_model=32, d_kv=8, num_heads=4, d_ff=64, num_layers=2, num_decoder_layers=2, vocab_size=128)
    config = base | sizes
    kind = config["model_type"].upper()
    return dict(architectures=[f"{kind}ForConditionalGeneration"], **config, relative_attention_num_buckets=32,
                relative_attention_max_distance=128, layer_norm_epsilon=1e-6, dropout_rate=0.1, is_encoder_decoder=True,
                use_cache=True, pad_token_id=0, eos_token_id=1, decoder_start_token_id=0, torch_dtype="float32")


def weights_of(config, seed):
    """Random tensors under their checkpoint names; norms and position biases are random too, so that none can be left out."""
    make = torch.Generator().manual_seed(seed)
    width, inner = config["d_model"], config["num_heads"] * config["d_kv"]
    found = {}

    def normal(name, shape, deviation, mean=0.0):
        found[f"{name}.weight"] = mean + deviation * torch.randn(shape, generator=make)

    def attention(name):
        normal(f"{name}.q", (inner, width), (width * config["d_kv"]) ** -0.5)
        normal(f"{name}.k", (inner, width), width**-0.5)
        normal(f"{name}.v", (inner, width), width**-0.5)
        normal(f"{name}.o", (width, inner), inner**-0.5)

    tied = config["tie_word_embeddings"]
    normal("shared", (config["vocab_size"], width), 0.7 if tied else 1.0)
    if not tied:
        normal("lm_head", (config["vocab_size"], width), 2 * width**-0.5)
    head = found["shared.weight" if tied else "lm_head.weight"]
    head[config["eos_token_id"]] *= 2  # the end is likely in some places, impossible in others
    gated = config["feed_forward_proj"].startswith("gated")
    for stack, layers in (("encoder", config["num_layers"]), ("decoder", config["num_decoder_layers"])):
        parts = ["SelfAttention"] + ["EncDecAttention"] * (stack == "decoder")
        for block in range(layers):
            at = f"{stack}.block.{block}.layer"
            for i, part in enumerate(parts):
                attention(f"{at}.{i}.{part}")
                normal(f"{at}.{i}.layer_norm", width, 0.2, mean=1.0)
            if block == 0 or config["model_type"] == "umt5":
                normal(f"{at}.0.SelfAttention.relative_attention_bias", (config["relative_attention_num_buckets"], config["num_heads"]), 1.0)
            for part in ["wi_0", "wi_1"] if gated else ["wi"]:
                normal(f"{at}.{len(parts)}.DenseReluDense.{part}", (config["d_ff"], width), width**-0.5)
            normal(f"{at}.{len(parts)}.DenseReluDense.wo", (width, config["d_ff"]), config["d_ff"] ** -0.5)
            normal(f"{at}.{len(parts)}.layer_norm", width, 0.2, mean=1.0)
        if tied and stack == "decoder":  # signs at random, else a tied model only repeats its input
            normal(f"{stack}.final_layer_norm", width, 3.0)
        else:
            normal(f"{stack}.final_layer_norm", width, 0.2, mean=1.0)
    return found


def open_folder(folder, dtype=torch.float32):
    model = AutoModelForSeq2SeqLM.from_pretrained(str(folder), dtype=dtype).eval()
    config = json.loads((folder / "config.json").read_text())
    tied = model.lm_head.weight.data_ptr() == model.shared.weight.data_ptr()
    assert tied == config["tie_word_embeddings"], "transformers tied the head differently"
    if config["model_type"] == "umt5":  # transformers 5 would scale the outputs of an untied one too: see README.md
        model.config.tie_word_embeddings = tied
    return model


def rounded(values, digits=6):
    """Nested lists of floats at so many significant digits."""
    if torch.is_tensor(values):
        values = values.detach().tolist()
    return [rounded(v, digits) for v in values] if isinstance(values, list) else float(f"{values:.{digits}g}")


def rows(lists, width, fill):
    return torch.tensor([row + [fill] * (width - len(row)) for row in lists])


def trimmed(sequences, prompt):
    """Generated ids without the prompt; the end token, where it was reached, is the last."""
    out = []
    for row in sequences[:, prompt:].tolist():
        out.append(row[: row.index(1) + 1] if 1 in row else row)
    return out


def decode_all(model, ids):
    """Every decoding under test, over one padded batch."""
    mask = (ids != 0).long()
    use_cache = model.config.num_decoder_layers == model.config.num_layers  # transformers' cache fails on unequal depths

    def run(prefix=(), **settings):
        start = torch.tensor([[0, *prefix]] * len(ids))
        out = model.generate(input_ids=ids, attention_mask=mask, decoder_input_ids=start, do_sample=False, use_cache=use_cache,
                             max_new_tokens=STEPS, output_logits=True, output_scores=True, return_dict_in_generate=True, **settings)
        found = dict(ids=trimmed(out.sequences, start.shape[1]))
        if "num_beams" in settings:
            found["scores"] = rounded(out.sequences_scores)
        else:
            steps = [step.log_softmax(-1) for step in out.logits]
            found["log_probs"] = [rounded([float(steps[t][r, token]) for t, token in enumerate(row)]) for r, row in enumerate(found["ids"])]
        return found

    forced, prefix = dict(min_new_tokens=STEPS), [7, 19, 5, 33, 7, 19]
    found = {
        "greedy_forced": run(**forced), "greedy_free": run(),
        "greedy_no_repeat_ngram_3": run(no_repeat_ngram_size=3, **forced),
        "greedy_no_repeat_ngram_1": run(no_repeat_ngram_size=1, **forced),
        "greedy_repetition_penalty_1.3": run(repetition_penalty=1.3, **forced),
        "greedy_penalty_1.3_ngram_3_free": run(repetition_penalty=1.3, no_repeat_ngram_size=3),
        "greedy_after_prefix": dict(prefix=prefix, **run(prefix)),
        "greedy_after_prefix_ngram_2": dict(prefix=prefix, **run(prefix, no_repeat_ngram_size=2, **forced)),
        "beam4_forced": run(num_beams=4, **forced),
        "beam4_after_prefix": dict(prefix=prefix, **run(prefix, num_beams=4)),
        "beam4_no_repeat_ngram_3": run(num_beams=4, no_repeat_ngram_size=3, **forced),
        "beam4_repetition_penalty_1.3": run(num_beams=4, repetition_penalty=1.3, **forced),
    }
    for stop in (False, True, "never"):
        for penalty in (1.0, 0.6, 2.0):
            found[f"beam4_free_stop_{stop}_penalty_{penalty}".lower()] = dict(
                early_stopping=stop, length_penalty=penalty, **run(num_beams=4, early_stopping=stop, length_penalty=penalty))
    return found


ADAFACTOR = dict(scale_parameter=True, relative_step=False, warmup_init=False, clip_threshold=1.0, decay_rate=-0.8,
                 eps=(1e-30, 1e-3), beta1=None, weight_decay=0.0)
OPTIMIZERS = {
    "adafactor_0.001": lambda parameters: Adafactor(parameters, lr=1e-3, **ADAFACTOR),
    "adafactor_0.02": lambda parameters: Adafactor(parameters, lr=2e-2, **ADAFACTOR),
    "adafactor_0.001_unscaled": lambda parameters: Adafactor(parameters, lr=1e-3, **ADAFACTOR | dict(scale_parameter=False)),
    "adamw_0.001": lambda parameters: torch.optim.AdamW(parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0),
}


def train(folder, dtype, batch, steps=20):
    """Losses before each of `steps` updates and after the last, without dropout; the gradients before the first."""
    found = {}
    for name, make in OPTIMIZERS.items():
        model = open_folder(folder, dtype)
        before = {n: p.detach().clone() for n, p in model.named_parameters()}
        optimizer, losses = make(list(model.parameters())), []
        for step in range(steps + 1):
            loss = model(**batch).loss
            losses.append(float(loss.detach()))
            if step == steps:
                break
            optimizer.zero_grad()
            loss.backward()
            if step == 0:
                gradients = {n: rounded(p.grad.norm()) for n, p in model.named_parameters()}
            optimizer.step()
        found[name] = dict(losses=rounded(losses, 7), change_norms={n: rounded((p.detach() - before[n]).norm()) for n, p in model.named_parameters()})
    return dict(gradient_norms=gradients, gradient_norm=rounded(math.sqrt(sum(g * g for g in gradients.values()))), runs=found)


def inputs_of(vocabulary, seed):
    make = torch.Generator().manual_seed(seed + 1000)

    def ids(length, end=True):
        row = torch.randint(3, vocabulary, (length,), generator=make).tolist()
        return row[:-1] + [1] if end else row

    asked, labels = [ids(n) for n in (WIDTH, 37, 4)], [ids(n) for n in (40, 25, 7)]
    lesson = dict(input_ids=[ids(n) for n in (20, 12, 7, 16)], labels=[ids(n) for n in (10, 12, 5, 8)])
    return asked, labels, lesson


def golden(folder, seed):
    """What transformers makes of one folder, in float32, and whether float64 with weights shaken by 3e-6 and inputs alone give the same tokens."""
    model, wide, shaken = open_folder(folder), open_folder(folder, torch.float64), open_folder(folder, torch.float64)
    vocabulary = model.config.vocab_size
    asked, labels, lesson = inputs_of(vocabulary, seed)
    ids, target = rows(asked, WIDTH, 0), rows(labels, 40, -100)
    mask = (ids != 0).long()
    with torch.no_grad():
        for weight in shaken.parameters():
            weight *= 1 + 3e-6 * torch.randn_like(weight)
        run = model(input_ids=ids, attention_mask=mask, labels=target)
        exact = wide(input_ids=ids, attention_mask=mask, labels=target)
        encoded = model.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        decoded, check = decode_all(model, ids), decode_all(shaken, ids)
        alone = [decode_all(model, rows([row], len(row), 0)) for row in asked]
    same = all(decoded[way]["ids"] == check[way]["ids"] for way in decoded)
    same &= all([one[way]["ids"][0] for one in alone] == decoded[way]["ids"] for way in decoded)
    log_probs = run.logits.log_softmax(-1)
    batch = dict(input_ids=rows(lesson["input_ids"], 20, 0), labels=rows(lesson["labels"], 12, -100))
    batch["attention_mask"] = (batch["input_ids"] != 0).long()
    training, reference = train(folder, torch.float32, batch), train(folder, torch.float64, batch)
    drift = {n: max(abs(a - b) for a, b in zip(r["losses"], reference["runs"][n]["losses"])) for n, r in training["runs"].items()}
    places = [(0, 0), (0, 1), (0, 17), (0, 39), (1, 0), (1, 24), (2, 0), (2, 6)]
    return same, dict(
        made_with=dict(torch=torch.__version__.split("+")[0], transformers=transformers.__version__, seed=seed),
        input_ids=asked, pad_to=WIDTH, labels=labels, decoder_input_ids=[[0] + row[:-1] for row in labels],
        loss=rounded(run.loss, 8), label_log_probs=[rounded([float(log_probs[r, t, token]) for t, token in enumerate(row)]) for r, row in enumerate(labels)],
        encoder=[dict(row=r, position=p, values=rounded(encoded[r, p])) for r, p in ((0, 0), (0, 75), (0, 149), (1, 0), (1, 36), (2, 3))],
        logits=[dict(row=r, position=p, values=rounded(run.logits[r, p])) for r, p in places],
        float32_error_of_logits=rounded((run.logits - exact.logits).abs().max(), 2),
        max_new_tokens=STEPS, decoding=decoded,
        training=dict(**lesson, **training, float32_error_of_losses={n: float(f"{v:.2g}") for n, v in drift.items()}))


def buckets():
    """The position bucket of every distance (key place minus query place), from transformers."""
    from transformers.models.t5.modeling_t5 import T5Attention

    reach = list(range(-200, 201))
    return dict(first_distance=reach[0], **{
        name: T5Attention._relative_position_bucket(torch.tensor(reach), bidirectional=both, num_buckets=32, max_distance=128).tolist()
        for name, both in (("bidirectional", True), ("causal", False))})


def write(folder, sizes, seed):
    folder.mkdir(parents=True, exist_ok=True)
    config = config_of(sizes)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    save_file(weights_of(config, seed), folder / "model.safetensors", metadata={"format": "pt"})


def compact(value):
    """JSON with one line a top-level entry, and one a decoding, so that a change can be read."""
    def lines(mapping, indent):
        inner = " " * indent
        each = [f"{inner}{json.dumps(k)}: " + (lines(v, indent + 1) if k in ("decoding", "training", "runs") else json.dumps(v, separators=(",", ":")))
                for k, v in mapping.items()]
        return "{\n" + ",\n".join(each) + "\n" + " " * (indent - 1) + "}"

    return lines(value, 1) + "\n"


def main():
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    (HERE / "position_buckets.json").write_text(json.dumps(buckets(), separators=(",", ":")) + "\n")
    for name in sys.argv[1:] or FOLDERS:
        torch.manual_seed(0)
        seed, sizes = FOLDERS[name]
        write(HERE / name, sizes, seed)
        same, values = golden(HERE / name, seed)
        assert same, f"{name}: the tokens hang on rounding or on padding with seed {seed}; take another"
        (HERE / name / "golden.json").write_text(compact(values))
        open_folder(HERE / name).config.to_json_file(HERE / name / "config_saved_by_transformers.json")
        print(name, values["loss"], (HERE / name / "model.safetensors").stat().st_size, (HERE / name / "golden.json").stat().st_size)


if __name__ == "__main__":
    main()
