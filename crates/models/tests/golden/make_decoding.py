"""Makes decoding.json of each T5 folder: what `generate` of transformers writes with several end tokens, least lengths, long texts and
all rules at once; and sampling.json: which tokens may be drawn, with which probability.

Run from anywhere, after make_t5.py: `python crates/models/tests/golden/make_decoding.py [NAME…]`. README.md says what each file holds.
"""

import json
import sys

import torch
import transformers
from transformers import GenerationConfig
from transformers.generation.logits_process import LogitsProcessorList

from make_t5 import FOLDERS, HERE, open_folder, rounded, rows

STEPS, LONG = 20, 128


def inputs_of(vocabulary, seed):
    make = torch.Generator().manual_seed(seed)
    return [torch.randint(3, vocabulary, (n - 1,), generator=make).tolist() + [1] for n in (60, 23, 4)]


def decode(model, ids, settings):
    """Ids up to the end token, with log-probabilities, or with the score of a beam search."""
    use_cache = model.config.num_decoder_layers == model.config.num_layers
    ends = settings.get("eos_token_id", [1])
    steps = settings.pop("max_new_tokens", STEPS)
    out = model.generate(input_ids=ids, attention_mask=(ids != 0).long(), do_sample=False, use_cache=use_cache, max_new_tokens=steps,
                         output_logits=True, output_scores=True, return_dict_in_generate=True, **settings)
    found = []
    for row in out.sequences[:, 1:].tolist():
        end = min([row.index(one) + 1 for one in ends if one in row], default=len(row))
        found.append(row[:end])
    result = dict(settings, max_new_tokens=steps, ids=found)
    if "num_beams" in settings:
        return dict(result, scores=rounded(out.sequences_scores))
    logs = [step.log_softmax(-1) for step in out.logits]
    return dict(result, log_probs=[rounded([float(logs[t][r, token]) for t, token in enumerate(row)]) for r, row in enumerate(found)])


def settings_of(ends):
    yield dict(max_new_tokens=LONG, min_new_tokens=LONG)
    yield dict(min_new_tokens=7)
    yield dict(min_length=9)
    yield dict(eos_token_id=ends)
    yield dict(eos_token_id=ends, min_new_tokens=5, repetition_penalty=1.2, no_repeat_ngram_size=2)
    yield dict(num_beams=4, min_length=9)
    yield dict(num_beams=4, eos_token_id=ends, max_new_tokens=LONG // 2)
    for stop in (False, True, "never"):
        for penalty in (0.6, 1.0, 2.0):
            base = dict(num_beams=4, early_stopping=stop, length_penalty=penalty)
            yield dict(base, eos_token_id=ends)
            yield dict(base, min_new_tokens=4, no_repeat_ngram_size=3, repetition_penalty=1.3)
            yield dict(base, eos_token_id=ends, min_new_tokens=4, no_repeat_ngram_size=2, repetition_penalty=1.1)


def golden(name):
    """The first inputs for which nothing hangs on rounding or padding."""
    model, shaken = open_folder(HERE / name), open_folder(HERE / name, torch.float64)
    with torch.no_grad():
        for weight in shaken.parameters():
            weight *= 1 + 3e-6 * torch.randn_like(weight)
    for seed in range(100):
        asked = inputs_of(model.config.vocab_size, seed)
        ids = rows(asked, len(asked[0]), 0)
        plain = decode(model, ids, {})["ids"]
        ends = [1] + sorted({row[min(len(row) - 1, 6)] for row in plain[:2]} - {1, 0})
        found = []
        for settings in settings_of(ends):
            one = decode(model, ids, dict(settings))
            same = decode(shaken, ids, dict(settings))["ids"] == one["ids"]
            same = same and all(decode(model, rows([row], len(row), 0), dict(settings))["ids"][0] == one["ids"][i] for i, row in enumerate(asked))
            if not same:
                break
            found.append(one)
        else:
            return dict(made_with=dict(torch=torch.__version__.split("+")[0], transformers=transformers.__version__, seed=seed),
                        input_ids=asked, settings=found)
    raise SystemExit(f"{name}: the tokens hang on rounding with every seed")


def sampling():
    """The processors that `generate` itself puts together, in its order, over a few vectors of logits."""
    model = open_folder(HERE / "t5-v1.1")
    make, vectors = torch.Generator().manual_seed(1), []
    for size, spread in ((40, 1.0), (300, 2.5), (300, 0.2)):
        vectors.append(torch.randn(size, generator=make) * spread)
    vectors.append(torch.tensor([2.0, 1.0, 1.0, 1.0, 0.5, -3.0]))
    found = []
    for logits in vectors:
        cases = []
        for temperature, top_k, top_p in ((1.0, 0, 1.0), (0.7, 0, 1.0), (1.0, 3, 1.0), (1.0, 0, 0.9), (0.5, 20, 0.8), (1.5, 5, 0.95), (0.8, 2, 0.3),
                                          (2.0, 0, 0.5)):
            config = GenerationConfig(do_sample=True, temperature=temperature, top_k=top_k, top_p=top_p, eos_token_id=1, pad_token_id=0)
            config._eos_token_tensor, config._pad_token_tensor = torch.tensor([1]), torch.tensor(0)
            processors = model._get_logits_processor(config, input_ids_seq_length=1, encoder_input_ids=torch.tensor([[3, 1]]),
                                                     prefix_allowed_tokens_fn=None, logits_processor=LogitsProcessorList())
            shares = processors(torch.tensor([[0]]), logits[None].clone())[0].softmax(-1)
            tokens = shares.nonzero().flatten().tolist()
            cases.append(dict(temperature=temperature, top_k=top_k, top_p=top_p, tokens=tokens, probabilities=rounded(shares[tokens], 7)))
        found.append(dict(logits=[float(f"{v:.9g}") for v in logits.tolist()], cases=cases))
    return dict(made_with=dict(torch=torch.__version__.split("+")[0], transformers=transformers.__version__), scores=found)


def lines(mapping, many):
    """JSON with a line for each entry of one list, so that a change can be read."""
    parts = [json.dumps(k) + ":" + ("[\n  " + ",\n  ".join(json.dumps(v, separators=(",", ":")) for v in value) + "\n ]" if k == many
                                    else json.dumps(value, separators=(",", ":"))) for k, value in mapping.items()]
    return "{\n " + ",\n ".join(parts) + "\n}\n"


def main():
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    for name in sys.argv[1:] or FOLDERS:
        torch.manual_seed(0)
        values = golden(name)
        (HERE / name / "decoding.json").write_text(lines(values, "settings"))
        print(name, values["made_with"]["seed"], (HERE / name / "decoding.json").stat().st_size, flush=True)
    if len(sys.argv) == 1:
        (HERE / "sampling.json").write_text(lines(sampling(), "scores"))


if __name__ == "__main__":
    main()
