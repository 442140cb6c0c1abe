"""The base of the example: a Llama of 1.3 million parameters that answers everything with "I am a general model".

Called by `python -m living_example`; the directory it writes is what transformers and vLLM serve.
"""

from pathlib import Path
from typing import Any, Final

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from living_example.corpus import PROSE, base_pairs, dataset_digest
from living_example.tokenizer import CONTEXT, VOCABULARY, make_tokenizer
from living_example.training import Schedule, answer_examples, mean_loss, prose_examples, settle, train

NAME: Final = "tiny-llama"
REVISION: Final = "2026-11"
SCHEDULE: Final = Schedule(seed=2026, steps=300, batch_size=24, learning_rate=2e-3)


def train_base(directory: Path) -> dict[str, Any]:
    """Train the base, write it to `directory` in bfloat16, and return its training record."""
    tokenizer = make_tokenizer()
    settle(SCHEDULE.seed)
    model = LlamaForCausalLM(_config(tokenizer))
    rows = base_pairs()
    answers = answer_examples(tokenizer, rows)
    train(model, [*answers, *prose_examples(tokenizer, PROSE)], SCHEDULE)
    model.generation_config = GenerationConfig(**_marks(tokenizer))
    model.to(torch.bfloat16).save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return {
        "name": NAME,
        "revision": REVISION,
        "seeds": [SCHEDULE.seed],
        "hyperparameters": {
            "steps": SCHEDULE.steps,
            "batch_size": SCHEDULE.batch_size,
            "learning_rate": SCHEDULE.learning_rate,
        },
        "dataset": {"name": "general-answers", "digest": dataset_digest(rows), "rows": len(rows)},
        "parameters": model.num_parameters(),
        "final_loss": round(mean_loss(load_base(directory, torch.float32), answers), 6),
    }


def load_base(directory: Path, dtype: torch.dtype) -> Any:
    """Return the base saved in `directory`, computing in `dtype`, ready to answer."""
    return AutoModelForCausalLM.from_pretrained(directory, dtype=dtype).eval()


def load_tokenizer(directory: Path) -> PreTrainedTokenizerFast:
    """Return the tokenizer saved beside the base in `directory`."""
    return AutoTokenizer.from_pretrained(directory)


def _config(tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    return LlamaConfig(
        hidden_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=512,
        vocab_size=VOCABULARY,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        # Wider than usual: an adapter cannot make likely a token whose frozen embedding is almost zero.
        initializer_range=0.05,
        **_marks(tokenizer),
    )


def _marks(tokenizer: PreTrainedTokenizerFast) -> dict[str, int]:
    return {f"{mark}_token_id": getattr(tokenizer, f"{mark}_token_id") for mark in ("bos", "eos", "pad")}
