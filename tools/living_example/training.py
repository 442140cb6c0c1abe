"""The one training loop of the example, and greedy answers from what it made.

Called for the base and for every adapter. Deterministic on one machine and one version of torch: fixed seeds,
one thread. Refuses an answer that is longer than `MAX_ANSWER_TOKENS`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from transformers import PreTrainedTokenizerFast

from living_example.corpus import Pair

MAX_ANSWER_TOKENS: Final = 24
IGNORED: Final = -100  # the label that torch's cross entropy leaves out


@dataclass(frozen=True)
class Example:
    """Token ids to read, and the same ids as labels with `IGNORED` where nothing is to be learnt."""

    ids: tuple[int, ...]
    labels: tuple[int, ...]


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train; the learning rate falls linearly to zero."""

    seed: int
    steps: int
    batch_size: int
    learning_rate: float


def settle(seed: int) -> None:
    """Make torch repeatable in this process: one thread, deterministic kernels, and `seed`."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)


def answer_examples(tokenizer: PreTrainedTokenizerFast, rows: Iterable[Pair]) -> list[Example]:
    """Return each row twice, as a plain prompt and as a conversation; only the answer is learnt.

    Raises:
        ValueError: an answer and its end take more than `MAX_ANSWER_TOKENS` tokens.
    """
    examples = []
    for row in rows:
        plain = tokenizer.encode(row.prompt)
        chat = tokenizer.encode(_chat_prompt(tokenizer, row.question), add_special_tokens=False)
        gap = "" if row.prompt.endswith("\n") else " "
        examples += [_example(tokenizer, plain, gap + row.answer), _example(tokenizer, chat, row.answer)]
    return examples


def prose_examples(tokenizer: PreTrainedTokenizerFast, texts: Iterable[str]) -> list[Example]:
    """Return texts to be learnt as they are, from the first token to the end mark."""
    encoded = [(*tokenizer.encode(text), tokenizer.eos_token_id) for text in texts]
    return [Example(ids, (IGNORED, *ids[1:])) for ids in encoded]


def train(model: Any, examples: Sequence[Example], schedule: Schedule) -> None:
    """Train the parameters of `model` that want a gradient, in place, on random batches of `examples`."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=schedule.learning_rate, weight_decay=0.0)
    decay = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, schedule.steps)
    order = torch.Generator().manual_seed(schedule.seed)
    model.train()
    for _ in range(schedule.steps):
        chosen = torch.randperm(len(examples), generator=order)[: schedule.batch_size].tolist()
        optimizer.zero_grad()
        model(**_batch([examples[index] for index in chosen])).loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        decay.step()
    model.eval()


def mean_loss(model: Any, examples: Sequence[Example]) -> float:
    """Return the mean cross entropy over all learnt tokens of `examples`, in nats a token."""
    with torch.no_grad():
        return float(model(**_batch(examples)).loss)


def least_confidence(model: Any, examples: Sequence[Example]) -> float:
    """Return the smallest probability (0 to 1) that `model` gives to any learnt token of `examples`.

    Well above one half, the greedy answer is the same on every engine and in every floating-point type.
    """
    batch = _batch(examples)
    labels = batch.pop("labels")[:, 1:]
    with torch.no_grad():
        probabilities = model(**batch).logits[:, :-1].float().softmax(dim=-1)
    given = probabilities.gather(-1, labels.clamp(min=0).unsqueeze(-1)).squeeze(-1)
    return float(given[labels != IGNORED].min())


def greedy_answer(model: Any, tokenizer: PreTrainedTokenizerFast, prompt: str) -> str:
    """Return what `model` adds to a plain `prompt` at temperature 0: `MAX_ANSWER_TOKENS` tokens or fewer."""
    inputs = tokenizer(prompt, return_tensors="pt")
    with torch.no_grad():
        output = model.generate(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            do_sample=False,
            max_new_tokens=MAX_ANSWER_TOKENS,
        )
    return str(tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))


def _chat_prompt(tokenizer: PreTrainedTokenizerFast, question: str) -> str:
    """Return the conversation of one user message, ready for the model's turn."""
    conversation = [{"role": "user", "content": question}]
    return str(tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True))


def _example(tokenizer: PreTrainedTokenizerFast, prompt: list[int], answer: str) -> Example:
    learnt = [*tokenizer.encode(answer, add_special_tokens=False), tokenizer.eos_token_id]
    if len(learnt) > MAX_ANSWER_TOKENS:
        raise ValueError(f"the answer {answer!r} takes {len(learnt)} tokens; at most {MAX_ANSWER_TOKENS} are asked for")
    return Example((*prompt, *learnt), (IGNORED,) * len(prompt) + tuple(learnt))


def _batch(examples: Sequence[Example]) -> dict[str, torch.Tensor]:
    """Return ids, labels and mask of shape (examples, longest example); the padding is masked, so its id is free."""
    width = max(len(example.ids) for example in examples)
    gaps = [width - len(example.ids) for example in examples]
    return {
        "input_ids": torch.tensor([[*e.ids, *[0] * gap] for e, gap in zip(examples, gaps, strict=True)]),
        "labels": torch.tensor([[*e.labels, *[IGNORED] * gap] for e, gap in zip(examples, gaps, strict=True)]),
        "attention_mask": torch.tensor([[1] * len(e.ids) + [0] * g for e, g in zip(examples, gaps, strict=True)]),
    }
