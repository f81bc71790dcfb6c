"""Makes the adapters in `lora/` with PEFT and the logits of the model they are merged into; or checks an adapter of ours.

`python crates/models/tests/golden/make_lora.py` makes them; `… make_lora.py BASE ADAPTER FORWARD.jsonl` loads ADAPTER onto BASE
with PEFT and compares its logits with those of `idiolect models forward --model BASE --adapter ADAPTER`, run on the `input_ids` and
`decoder_input_ids` below. README.md says what the files hold.
"""

import json
import shutil
import sys
from pathlib import Path

import peft
import torch
from peft import LoraConfig, PeftModel, get_peft_model

from make_t5 import open_folder, rounded

HERE = Path(__file__).parent / "lora"
BASE = "t5-v1.1"
IDS, DECODER = [[5, 9, 33, 71, 12, 1]], [[0, 17, 4, 90]]

ADAPTERS = {
    "plain": dict(r=4, lora_alpha=8, target_modules=["q", "v"]),
    "patterns": dict(r=2, lora_alpha=3, use_rslora=True, target_modules=["k", "wo", "lm_head"],
                     rank_pattern={"DenseReluDense.wo": 3}, alpha_pattern={"DenseReluDense.wo": 5}),
}


def logits(model):
    with torch.no_grad():
        return model(input_ids=torch.tensor(IDS), decoder_input_ids=torch.tensor(DECODER)).logits


def make(name, settings):
    torch.manual_seed(len(name))
    model = get_peft_model(open_folder(HERE.parent / BASE), LoraConfig(task_type="SEQ_2_SEQ_LM", **settings)).eval()
    for parameter_name, parameter in model.named_parameters():
        if "lora_B" in parameter_name:
            torch.nn.init.normal_(parameter, std=0.2)
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    model.peft_config["default"].base_model_name_or_path = BASE
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    apart = logits(model)
    merged = logits(model.merge_and_unload())
    assert torch.allclose(apart, merged, atol=1e-4)
    golden = dict(made_with=dict(peft=peft.__version__), input_ids=IDS, decoder_input_ids=DECODER,
                  logits=rounded(merged[0, -1]), change=rounded((merged - logits(open_folder(HERE.parent / BASE))).abs().max(), 3))
    (folder / "golden.json").write_text(json.dumps(golden) + "\n")
    print(name, golden["change"], sorted(p.name for p in folder.iterdir()))


def check(base, adapter, forward):
    model = PeftModel.from_pretrained(open_folder(Path(base)), adapter).eval()
    ours = torch.tensor(json.loads(Path(forward).read_text())["logits"])
    difference = (logits(model) - ours).abs().max()
    changed = (logits(model) - logits(open_folder(Path(base)))).abs().max()
    assert difference < 1e-4 < changed, (difference, changed)
    print(f"the same: largest difference {difference:.1e}, where the adapter changes up to {changed:.3f}")


if __name__ == "__main__":
    if sys.argv[1:]:
        check(*sys.argv[1:])
    else:
        for name, settings in ADAPTERS.items():
            make(name, settings)
