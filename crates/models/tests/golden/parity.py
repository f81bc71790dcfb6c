"""Compares `idiolect models forward` and `models generate` with transformers on bigger random models, of any seed and shape.

    python crates/models/tests/golden/parity.py [--seed N] [--long N] [--shapes v1_0,v1_1,mt5,umt5,byt5,small] [--idiolect PATH] [--peers DIR]

The models are made by `t5_export.py` of the peers (../shared/peers; its README.md says how to install what it needs). Without it, or
without transformers or the binary, it says so and ends well: there is nothing to compare. One line of JSON a comparison; exit code 1 if
one of them differs.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

TOLERANCE = 1e-4


def skip(why):
    print(json.dumps(dict(bench="parity", skipped=str(why))))
    sys.exit(0)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--long", type=int, default=128, help="tokens of the greedy texts")
    parser.add_argument("--shapes", default="v1_0,v1_1,mt5,umt5,byt5")
    parser.add_argument("--idiolect", default="target/release/idiolect")
    parser.add_argument("--peers", default="../shared/peers")
    return parser.parse_args()


def shapes_of(peer):
    gated = dict(feed_forward_proj="gated-gelu", tie_word_embeddings=False)
    middle = dict(d_model=192, d_ff=320, d_kv=32, num_layers=4, num_decoder_layers=4, num_heads=6, vocab_size=2000)
    return {
        "v1_0": middle | dict(feed_forward_proj="relu", tie_word_embeddings=True),
        "v1_1": middle | gated,
        "mt5": middle | gated | dict(model_type="mt5", num_heads=4),
        "umt5": middle | gated | dict(model_type="umt5"),
        "byt5": middle | gated | dict(vocab_size=384, num_layers=12, num_decoder_layers=4),
        "small": peer.SMALL | gated,
    }


def weights(peer, config, seed):
    """Those of the peer; UMT5 has a position bias in each layer."""
    import torch

    found = peer.weights(config, seed)
    if config["model_type"] == "umt5":
        make = torch.Generator().manual_seed(seed + 1)
        for stack, layers in (("encoder", config["num_layers"]), ("decoder", config["num_decoder_layers"])):
            for i in range(1, layers):
                name = f"{stack}.block.{i}.layer.0.SelfAttention.relative_attention_bias.weight"
                found[name] = torch.randn((config["relative_attention_num_buckets"], config["num_heads"]), generator=make)
    return found


def write(peer, folder, sizes, seed):
    from safetensors.torch import save_file

    config = peer.full_config(sizes)
    config["architectures"] = [f"{config['model_type'].upper()}ForConditionalGeneration"]
    (folder / "config.json").write_text(json.dumps(config))
    save_file(weights(peer, config, seed), folder / "model.safetensors", metadata={"format": "pt"})
    return config


def model_of(folder, config):
    from transformers import AutoModelForSeq2SeqLM

    model = AutoModelForSeq2SeqLM.from_pretrained(str(folder)).eval()
    if config["model_type"] == "umt5":  # see README.md beside this file
        model.config.tie_word_embeddings = config["tie_word_embeddings"]
    return model


def run(binary, command, folder, lines, *options):
    text = "".join(json.dumps(line) + "\n" for line in lines)
    done = subprocess.run([binary, "models", command, "--model", str(folder), *options, "-"], input=text, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{command}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def inputs_of(vocabulary, seed):
    import torch

    make = torch.Generator().manual_seed(seed)
    return [torch.randint(3, vocabulary, (n - 1,), generator=make).tolist() + [1] for n in (300, 140, 37, 4)]


def compare(name, binary, folder, config, seed, long):
    import torch

    model, rows = model_of(folder, config), inputs_of(config["vocab_size"], seed)
    width = max(map(len, rows))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    mask = (ids != 0).long()
    # Teacher forcing: all logits, and the probability of what was said.
    make = torch.Generator().manual_seed(seed + 7)
    said = torch.randint(3, config["vocab_size"], (len(rows), 48), generator=make)
    said[:, 0] = 0
    with torch.no_grad():
        expected = model(input_ids=ids, attention_mask=mask, decoder_input_ids=said).logits
    line = dict(input_ids=ids.tolist(), attention_mask=mask.tolist(), decoder_input_ids=said.tolist())
    found = torch.tensor(run(binary, "forward", folder, [line])[0]["logits"])
    error = float((found - expected).abs().max() / expected.abs().max())
    logs = float((found.log_softmax(-1) - expected.log_softmax(-1)).abs().max())
    yield dict(what="forward", same=error <= TOLERANCE, relative_error=error, error_of_log_probabilities=logs)
    use_cache = config["num_layers"] == config["num_decoder_layers"]
    for what, options, settings, steps in (
        ("greedy", (), {}, long),
        ("beam", ("--beam", "4", "--length-penalty", "0.6", "--no-repeat-ngram", "3"),
         dict(num_beams=4, length_penalty=0.6, no_repeat_ngram_size=3), long // 2),
    ):
        with torch.no_grad():
            out = model.generate(input_ids=ids, attention_mask=mask, do_sample=False, max_new_tokens=steps, min_new_tokens=steps,
                                 use_cache=use_cache, **settings)
        answers = run(binary, "generate", folder, [dict(input_ids=row) for row in rows], *options, "--max-tokens", str(steps), "--min-tokens", str(steps))
        pairs = list(zip((a["output_ids"] for a in answers), out[:, 1:].tolist()))
        yield dict(what=what, same=all(a == b for a, b in pairs), tokens=steps, texts_that_differ=sum(a != b for a, b in pairs))


def main():
    args = arguments()
    sys.path.insert(0, args.peers)
    try:
        import t5_export as peer
        import torch
        import transformers
    except ImportError as error:
        skip(error)
    if not Path(args.idiolect).exists():
        skip(f"{args.idiolect} is not there: cargo build --release")
    torch.set_num_threads(2)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    known, good = shapes_of(peer), True
    for name in args.shapes.split(","):
        with tempfile.TemporaryDirectory() as work:
            config = write(peer, Path(work), known[name], args.seed)
            for line in compare(name, args.idiolect, work, config, args.seed, args.long):
                good &= line["same"]
                print(json.dumps(dict(bench="parity", shape=name, seed=args.seed, version=transformers.__version__) | line), flush=True)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
