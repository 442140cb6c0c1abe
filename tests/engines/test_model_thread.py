"""The embedded engine's model thread against PEFT itself: the same tokens, whatever shares the batch and joins it."""

from __future__ import annotations

import queue
import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from peft import PeftModel
from transformers import AutoModelForCausalLM

from interlock.engines.embedded.adapter_files import read_adapter
from interlock.engines.embedded.batching import ModelThread, Update
from interlock.engines.embedded.generation import LanguageModel, Row, Sampling
from interlock.engines.embedded.refusals import Refusal
from support.adapters import (
    ATTENTION,
    MLP,
    base_tensors,
    encode_safetensors,
    encode_values,
    write_adapter,
    write_base,
)

pytestmark = [
    pytest.mark.xdist_group("embedded-engine"),
    # PEFT asks transformers for a property that the next transformers drops.
    pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning"),
]

TOKENS = 24
PROMPTS = [[1, 40, 41, 42], [1, 99], [1, *range(60, 100)], [1, 7, 300, 12, 200, 33], [1], [1, *range(10, 25)]]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base with strong random weights, where a token depends on all before it, and two adapters."""
    root = tmp_path_factory.mktemp("random")
    config = write_base(root / "base")
    tensors = {name: ("F32", shape, strong(name, shape)) for name, shape in base_tensors(config).items()}
    (root / "base" / "model.safetensors").write_bytes(encode_safetensors(tensors))
    for seed, modules in ((1, ATTENTION), (2, (*ATTENTION, *MLP))):
        write_adapter(root / f"a{seed}", base_config=config, alpha=512, seed=seed, target_modules=modules)
    return root


def strong(name: str, shape: tuple[int, ...]) -> bytes:
    """Weights that make attention matter: ones for norms, large random values elsewhere."""
    values = np.random.default_rng(list(name.encode())).standard_normal(shape) * 0.3
    return encode_values((np.ones(shape) if "norm" in name else values).astype(np.float32), "F32")


@pytest.fixture
def model(directory: Path) -> LanguageModel:
    """The base with both adapters attached, as `a1` and `a2`."""
    model = LanguageModel(directory / "base", dtype="float32", max_model_len=None)
    for handle in ("a1", "a2"):
        content = read_adapter(handle, str(directory / handle), modules=model.modules, max_rank=16)
        model.attach(handle, content)
    return model


class Running:
    """A model thread whose updates are collected by row."""

    def __init__(self, model: LanguageModel, *, max_rows: int, max_adapters: int = 2) -> None:
        self.updates: queue.SimpleQueue[Update] = queue.SimpleQueue()
        self.tokens: defaultdict[Row, list[int]] = defaultdict(list)
        self.failed: set[Row] = set()
        self.thread = ModelThread(model, self._take, max_rows=max_rows, max_adapters=max_adapters)
        self.thread.start()

    def _take(self, updates: Sequence[Update]) -> None:
        for update in updates:
            self.updates.put(update)

    def wait_for(self, rows: Sequence[Row]) -> None:
        """Collect until every one of `rows` has ended."""
        waiting = set(rows)
        while waiting:
            update = self.updates.get(timeout=30)
            if update.token is not None:
                self.tokens[update.row].append(update.token)
            if update.failed:
                self.failed.add(update.row)
            if update.failed or update.finish:
                waiting.discard(update.row)


@pytest.fixture
def running(model: LanguageModel) -> Iterator[Running]:
    """A thread with room for three rows."""
    running = Running(model, max_rows=3)
    yield running
    running.thread.stop()


def row(prompt: Sequence[int], adapter: str | None = None, tokens: int = TOKENS) -> Row:
    """A greedy request that does not end before `tokens` tokens."""
    return Row(tuple(prompt), adapter, Sampling(tokens, ignore_eos=True))


def test_every_row_gets_the_tokens_that_peft_gives_it_alone(running: Running, directory: Path) -> None:
    rows = [row(prompt, adapter, TOKENS - 3 * index) for index, prompt in enumerate(PROMPTS) for adapter in HANDLES]
    for one in rows:
        running.thread.submit(one)
    running.wait_for(rows)
    expected = reference(directory)
    for one in rows:
        alone = expected[one.adapter, one.prompt]
        assert running.tokens[one] == alone[: len(running.tokens[one])], one
        assert len(running.tokens[one]) == one.sampling.max_tokens
    for prompt in PROMPTS:
        answers = [expected[handle, tuple(prompt)] for handle in HANDLES]
        assert all(len(set(answer)) > 4 for answer in answers)
        assert answers[0] != answers[1] != answers[2] != answers[0]


def test_a_row_that_is_cancelled_leaves_the_others_as_they_are(running: Running, directory: Path) -> None:
    stays, goes = row(PROMPTS[0], "a1"), row(PROMPTS[2], "a2", tokens=200)
    running.thread.submit(goes)
    running.thread.submit(stays)
    goes.cancelled = True
    running.thread.call(lambda: None).result(timeout=30)
    running.wait_for([stays])
    assert running.tokens[stays] == reference(directory)["a1", stays.prompt]
    assert len(running.tokens[goes]) < 200


def test_adapters_can_be_attached_and_detached_while_rows_run(
    running: Running, model: LanguageModel, directory: Path
) -> None:
    runs = row(PROMPTS[3], "a2", tokens=TOKENS)
    running.thread.submit(runs)
    content = read_adapter("again", str(directory / "a1"), modules=model.modules, max_rank=16)
    running.thread.call(lambda: model.attach("again", content)).result(timeout=30)
    late = row(PROMPTS[0], "again")
    running.thread.submit(late)
    running.wait_for([runs, late])
    running.thread.call(lambda: model.detach("again")).result(timeout=30)
    expected = reference(directory)
    assert running.tokens[late] == expected["a1", late.prompt]
    assert running.tokens[runs] == expected["a2", runs.prompt]


def test_a_row_that_torch_chokes_on_fails_and_the_next_ones_are_answered(running: Running, directory: Path) -> None:
    bad, good = row([1, 10**6]), row(PROMPTS[1])
    running.thread.submit(bad)
    running.wait_for([bad])
    running.thread.submit(good)
    running.wait_for([good])
    assert running.failed == {bad}
    assert running.thread.alive
    assert running.tokens[good] == reference(directory)[None, good.prompt]


def test_stopping_fails_what_is_unfinished_and_takes_nothing_more(model: LanguageModel) -> None:
    running = Running(model, max_rows=1)
    rows = [row(PROMPTS[0], tokens=200), row(PROMPTS[1], tokens=200)]
    for one in rows:
        running.thread.submit(one)
    running.thread.stop()
    running.wait_for(rows)
    assert running.failed == set(rows)
    assert not running.thread.alive
    with pytest.raises(Refusal, match="has stopped"):
        running.thread.submit(row(PROMPTS[0]))
    with pytest.raises(Refusal, match="has stopped"):
        running.thread.call(lambda: None)


def test_a_context_beyond_the_bases_own_is_refused(directory: Path) -> None:
    with pytest.raises(ValueError, match="the base reaches 256 tokens"):
        LanguageModel(directory / "base", dtype="float32", max_model_len=257)


def test_weights_that_are_no_safetensors_are_refused(directory: Path, tmp_path: Path) -> None:
    base = shutil.copytree(directory / "base", tmp_path / "base")
    (base / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ValueError, match="cannot be read"):
        LanguageModel(base, dtype="float32", max_model_len=None)


HANDLES = (None, "a1", "a2")
_references: dict[Path, dict[tuple[str | None, tuple[int, ...]], list[int]]] = {}


def reference(directory: Path) -> dict[tuple[str | None, tuple[int, ...]], list[int]]:
    """What transformers and PEFT generate for every prompt alone: (handle, prompt) → tokens. Computed once."""
    if directory not in _references:
        _references[directory] = {
            (handle, tuple(prompt)): generated(model, prompt)
            for handle, model in [(handle, loaded(directory, handle)) for handle in HANDLES]
            for prompt in PROMPTS
        }
    return _references[directory]


def loaded(directory: Path, handle: str | None) -> Any:
    """The base, or the base with one adapter, loaded by PEFT from the same files."""
    base = AutoModelForCausalLM.from_pretrained(directory / "base", dtype="float32").eval()
    return base if handle is None else PeftModel.from_pretrained(base, str(directory / handle)).eval()


def generated(model: Any, prompt: Sequence[int]) -> list[int]:
    """`TOKENS` greedy tokens."""
    import torch

    ids = torch.tensor([list(prompt)])
    settings = {"do_sample": False, "max_new_tokens": TOKENS, "min_new_tokens": TOKENS, "eos_token_id": None}
    output = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), pad_token_id=0, **settings)
    tokens: list[int] = output[0, len(prompt) :].tolist()
    return tokens
