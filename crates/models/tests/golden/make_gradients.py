"""Makes `gradients.json` of each T5 folder: what one step of torch's backward pass gives for every parameter.

Run from anywhere, after make_t5.py: `python crates/models/tests/golden/make_gradients.py`. README.md says what the file holds.
"""

import json
from pathlib import Path

import torch

from make_t5 import FOLDERS, open_folder, rounded, rows

HERE = Path(__file__).parent


def gradients(folder):
    """Loss and gradients, in float64 and without dropout, of the four pairs in the folder's golden.json."""
    model = open_folder(folder, torch.float64)
    lesson = json.loads((folder / "golden.json").read_text())["training"]
    ids, labels = rows(lesson["input_ids"], 20, 0), rows(lesson["labels"], 12, -100)
    loss = model(input_ids=ids, attention_mask=(ids != 0).long(), labels=labels).loss
    loss.backward()
    found = {}
    for name, parameter in model.named_parameters():
        flat = parameter.grad.flatten()
        waves = torch.sin(torch.arange(1, len(flat) + 1, dtype=torch.float64))
        found[name] = dict(norm=rounded(flat.norm(), 7), projection=rounded(flat @ waves, 7), first=rounded(flat[:4], 7))
    return dict(loss=rounded(loss, 8), gradients=found)


def main():
    torch.set_num_threads(1)
    for name in FOLDERS:
        found = gradients(HERE / name)
        lines = ",\n".join(f'  "{n}": {json.dumps(g, separators=(",", ":"))}' for n, g in found["gradients"].items())
        (HERE / name / "gradients.json").write_text(f'{{\n "loss": {found["loss"]},\n "gradients": {{\n{lines}\n }}\n}}\n')
        print(name, found["loss"], len(found["gradients"]))


if __name__ == "__main__":
    main()
