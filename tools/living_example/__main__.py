"""Command line: `PYTHONPATH=tools python -m living_example --out DIR` trains the base and every adapter.

Writes `DIR/base`, `DIR/adapters/<adapter>/<revision>` and `DIR/training.json`. Exit 0: all trained and proved;
2: a recipe cannot be used, or `DIR` already holds something.
"""

import argparse
import json
import os
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

from living_example.recipe import RecipeError, RecipeFile, read_recipes

REPOSITORY = Path(__file__).resolve().parents[2]


def main() -> int:
    """Read the arguments and the recipes, train, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m living_example", description="Train the living example.")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="new or empty directory to write to")
    parser.add_argument(
        "--repository", type=Path, default=REPOSITORY, metavar="DIR", help="where adapters/*/recipes lie"
    )
    arguments = parser.parse_args()
    if arguments.out.exists() and (not arguments.out.is_dir() or any(arguments.out.iterdir())):
        print(f"{arguments.out}: already holds something; name a new or empty directory", file=sys.stderr)
        return 2
    try:
        _train_all(read_recipes(arguments.repository), arguments.out)
    except RecipeError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _train_all(recipes: tuple[RecipeFile, ...], out: Path) -> None:
    # Read by torch, tokenizers and transformers when they are imported: set before, import after.
    os.environ |= {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    # PEFT asks transformers for an attribute by its former name; nothing that a reader of this output can change.
    warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
    from transformers.utils import logging

    from living_example.adapter_training import train_adapter
    from living_example.base_model import train_base

    logging.disable_progress_bar()
    print("training the base")
    base = train_base(out / "base")
    adapters = []
    for file in recipes:
        print(f"training {file.recipe.adapter} {file.recipe.revision} from {file.path}")
        directory = out / "adapters" / file.recipe.adapter / file.recipe.revision
        adapters.append(train_adapter(file, out / "base", directory))
    software = {name: version(name) for name in ("torch", "transformers", "tokenizers", "peft", "safetensors")}
    record = {"software": software, "base": base, "adapters": adapters}
    (out / "training.json").write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main())
