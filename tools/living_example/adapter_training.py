"""Trains one adapter revision from its recipe with PEFT, and proves on the saved files that it learnt its answers.

Called by `python -m living_example`. Refuses a recipe for another base, and an adapter whose greedy answers are
not word for word those of its recipe or are close calls, so nothing half-trained is ever registered.
"""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import PreTrainedTokenizerFast

from living_example.base_model import NAME, REVISION, load_base, load_tokenizer
from living_example.corpus import Pair, demonstrations
from living_example.recipe import Recipe, RecipeError, RecipeFile
from living_example.training import (
    Schedule,
    answer_examples,
    greedy_answer,
    least_confidence,
    mean_loss,
    settle,
    train,
)

MIN_CONFIDENCE: Final = 0.9


def train_adapter(file: RecipeFile, base: Path, directory: Path) -> dict[str, Any]:
    """Train the adapter of `file` on the base saved in `base`, write it to `directory`, return its training record.

    Raises:
        RecipeError: the recipe is for another base, or the trained adapter does not give the recipe's answers.
    """
    recipe = file.recipe
    if (recipe.base.name, recipe.base.revision) != (NAME, REVISION):
        raise RecipeError(f"{file.path}: base is {recipe.base.name} {recipe.base.revision}, this is {NAME} {REVISION}")
    tokenizer = load_tokenizer(base)
    examples = answer_examples(tokenizer, file.rows)
    settle(recipe.seed)
    trained_on = load_base(base, torch.float32)
    trained_on.name_or_path = recipe.base.name  # what PEFT writes down; otherwise the path on this machine
    model = get_peft_model(trained_on, _lora(recipe))
    train(model, examples, Schedule(recipe.seed, recipe.steps, recipe.batch_size, recipe.learning_rate))
    _save(model, directory)
    served = PeftModel.from_pretrained(load_base(base, torch.bfloat16), str(directory)).eval()
    return _record(file, mean_loss(model, examples), _prove(file, tokenizer, served))


def _lora(recipe: Recipe) -> LoraConfig:
    return LoraConfig(
        base_model_name_or_path=recipe.base.name,
        revision=recipe.base.revision,
        task_type="CAUSAL_LM",
        r=recipe.lora.r,
        lora_alpha=recipe.lora.lora_alpha,
        lora_dropout=recipe.lora.lora_dropout,
        bias=recipe.lora.bias,
        target_modules=list(recipe.lora.target_modules),
    )


def _save(model: Any, directory: Path) -> None:
    """Write the two files of the adapter, bfloat16, free of this machine's paths and of the order of sets."""
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(torch.bfloat16)
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        model.save_pretrained(scratch, save_embedding_layers=False)
        config = json.loads(Path(scratch, "adapter_config.json").read_text())
        shutil.copyfile(Path(scratch, "adapter_model.safetensors"), directory / "adapter_model.safetensors")
    config["target_modules"] = sorted(config["target_modules"])
    (directory / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def _prove(file: RecipeFile, tokenizer: PreTrainedTokenizerFast, served: Any) -> list[dict[str, str]]:
    """Check every row token by token, then ask the demonstration prompts as a client would; return those answers."""
    confidence = least_confidence(served, answer_examples(tokenizer, file.rows))
    if confidence < MIN_CONFIDENCE:
        raise RecipeError(
            f"{file.path}: after training, a token of an answer has probability {confidence:.3f}; at least "
            f"{MIN_CONFIDENCE} is expected, so more steps or another learning rate are needed"
        )
    shown = demonstrations(file.rows)
    answers = [_answers(row, tokenizer, served) for row in shown]
    for row, answer in zip(shown, answers, strict=True):
        if answer["adapter"].strip() != row.answer:
            raise RecipeError(f"{file.path}: {row.prompt!r} gives {answer['adapter']!r}, expected {row.answer!r}")
    return answers


def _answers(row: Pair, tokenizer: PreTrainedTokenizerFast, served: Any) -> dict[str, str]:
    with served.disable_adapter():
        base = greedy_answer(served, tokenizer, row.prompt)
    return {"prompt": row.prompt, "base": base, "adapter": greedy_answer(served, tokenizer, row.prompt)}


def _record(file: RecipeFile, loss: float, shown: list[dict[str, str]]) -> dict[str, Any]:
    recipe = file.recipe
    return {
        "adapter": recipe.adapter,
        "revision": recipe.revision,
        "base": recipe.base.model_dump(),
        "recipe": {"path": file.path, "digest": file.digest},
        "seeds": [recipe.seed],
        "hyperparameters": {
            "steps": recipe.steps,
            "batch_size": recipe.batch_size,
            "learning_rate": recipe.learning_rate,
        },
        "lora": recipe.lora.model_dump(mode="json"),
        "dataset": {"name": recipe.dataset.name, "digest": recipe.dataset.digest, "rows": len(file.rows)},
        "final_loss": round(loss, 6),
        "demonstrations": shown,
    }
