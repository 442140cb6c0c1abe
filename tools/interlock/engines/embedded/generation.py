"""The model itself: transformers for the base, PEFT for the adapters, torch for a batch of rows.

Used from one thread only, batching.py's; nothing here locks. Each row of a batch goes through its own adapter
(PEFT's `adapter_names`), so requests for different adapters share a step. torch, transformers and peft are imported
inside functions, so that importing this module costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from interlock.engines.embedded.adapter_files import AdapterContent
from interlock.engines.embedded.refusals import unloadable

NO_ADAPTER: Final = "__base__"
"""PEFT's name for a row that goes through the base alone."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to choose tokens: at most `max_tokens`; temperature 0 is greedy; `seed` None draws anew every time."""

    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None
    ignore_eos: bool = False


@dataclass(eq=False, slots=True)
class Row:
    """One request in the engine: its prompt's token ids, its adapter's handle (None: the base), and its progress.

    `cancelled` may be set from any thread; the row then leaves the batch before the next step.
    """

    prompt: tuple[int, ...]
    adapter: str | None
    sampling: Sampling
    produced: int = 0
    cancelled: bool = False
    random: Any = field(default=None, repr=False)

    @property
    def peft_name(self) -> str:
        """The adapter as PEFT names it."""
        return self.adapter or NO_ADAPTER


class LanguageModel:
    """A base model with its tokenizer's end tokens, and the adapters attached to it under handles."""

    def __init__(self, base: Path, *, dtype: str, max_model_len: int | None) -> None:
        """Load the base from `base` to compute in `dtype`, "float32" or "bfloat16"; nothing comes from a network.

        Raises:
            ValueError: the model keeps a state other than keys and values, is shorter than `max_model_len`, or its
                weights are no safetensors.
            OSError: the directory holds no model.
        """
        import torch

        model = _pretrained(base, dtype)
        if getattr(model, "_is_stateful", False):
            raise ValueError(f"{base}: a model with recurrent layers cannot be served by the embedded engine")
        self.max_model_len = _context(model.config, max_model_len)
        self.end_tokens = _end_tokens(model)
        self.vocabulary = int(model.get_input_embeddings().num_embeddings)
        self.modules: Mapping[str, tuple[int, int]] = {
            name: (module.out_features, module.in_features)
            for name, module in model.named_modules()
            if isinstance(module, torch.nn.Linear)
        }
        self._adapted = _ready_for_adapters(model, next(iter(self.modules)))

    def attach(self, handle: str, content: AdapterContent) -> None:
        """Make the adapter answer under `handle`, which holds no dot and is never used twice.

        Raises:
            Refusal: PEFT cannot serve the adapter; it is then attached nowhere.
        """
        try:
            self._inject(handle, content)
            self._fill(handle, content)
        except (RuntimeError, ValueError, TypeError, KeyError, AttributeError) as error:
            self.detach(handle)
            raise unloadable(f"PEFT cannot load the adapter: {error}") from error

    def detach(self, handle: str) -> None:
        """Drop the adapter's weights; a handle that is not attached is left alone."""
        if handle in self._adapted.peft_config:
            self._adapted.delete_adapter(handle)

    def forward(self, ids: Any, mask: Any, positions: Any, cache: Any, rows: Sequence[Row]) -> Any:
        """Run one step: `ids` and `positions` are [rows, new], `mask` is [rows, past + new].

        `cache` is a DynamicCache that grows by `new` columns. Returns the logits after each row's last token,
        [rows, vocabulary].
        """
        import torch

        with torch.inference_mode():
            answer = self._adapted(
                input_ids=ids,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
                adapter_names=[row.peft_name for row in rows],
            )
        return answer.logits[:, -1, :]

    def _inject(self, handle: str, content: AdapterContent) -> None:
        from peft import LoraConfig

        config = LoraConfig(**content.settings, inference_mode=True)
        self._adapted.add_adapter(handle, config, autocast_adapter_dtype=False)
        self._adapted.eval()

    def _fill(self, handle: str, content: AdapterContent) -> None:
        from peft import set_peft_model_state_dict

        outcome = set_peft_model_state_dict(self._adapted, dict(content.tensors), adapter_name=handle)
        unused = list(outcome.unexpected_keys)
        empty = [name for name in outcome.missing_keys if handle in name.split(".")]
        if unused or empty:
            raise ValueError(
                f"its tensors and its settings do not agree: {len(unused)} tensors fit no target module"
                f" (first: {unused[:1]}), {len(empty)} target modules have no tensor (first: {empty[:1]})"
            )


def _pretrained(base: Path, dtype: str) -> Any:
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    try:
        model = AutoModelForCausalLM.from_pretrained(
            base, dtype=dtype, local_files_only=True, use_safetensors=True, trust_remote_code=False
        )
    except SafetensorError as error:
        raise ValueError(f"{base}: its weights cannot be read: {error}") from error
    return model.eval()


def _ready_for_adapters(model: Any, module: str) -> Any:
    """Wrap the base for PEFT, which needs an adapter to start with: one of rank 1 that no row ever names.

    From here on every step names the adapter of every row, so a half-attached adapter never touches an answer.
    """
    from peft import LoraConfig, PeftModel

    placeholder = LoraConfig(r=1, target_modules=[module], inference_mode=True)
    return PeftModel(model, placeholder, adapter_name="placeholder", autocast_adapter_dtype=False).eval()


class Batch:
    """The rows that are being answered, with their keys and values side by side.

    Rows end at the same column, so shorter ones are padded on the left and masked there. `mask` is [rows, columns].
    """

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self.rows: list[Row] = []
        self._cache: Any = None
        self._mask: Any = None
        self._last: Any = None

    def admit(self, rows: Sequence[Row]) -> list[int]:
        """Run the prompts of `rows`, add the rows, and return the first token of each."""
        import torch

        width = max(len(row.prompt) for row in rows)
        ids = torch.tensor([[0] * (width - len(row.prompt)) + list(row.prompt) for row in rows])
        mask = torch.tensor([[0] * (width - len(row.prompt)) + [1] * len(row.prompt) for row in rows])
        cache = _new_cache()
        logits = self._model.forward(ids, mask, (mask.cumsum(-1) - 1).clamp(min=0), cache, rows)
        tokens = _choose(logits, rows)
        self._join(rows, cache, mask, torch.tensor(tokens))
        return tokens

    def step(self) -> list[int]:
        """Produce the next token of every row."""
        import torch

        positions = self._mask.sum(-1, keepdim=True)
        self._mask = torch.nn.functional.pad(self._mask, (0, 1), value=1)
        logits = self._model.forward(self._last[:, None], self._mask, positions, self._cache, self.rows)
        tokens = _choose(logits, self.rows)
        self._last = torch.tensor(tokens)
        return tokens

    def keep(self, rows: Sequence[Row]) -> None:
        """Drop every row that is not in `rows`, and the columns that only dropped rows needed."""
        import torch

        wanted = {id(row) for row in rows}
        indices = [index for index, row in enumerate(self.rows) if id(row) in wanted]
        if len(indices) == len(self.rows):
            return
        self.rows = [self.rows[index] for index in indices]
        if not self.rows:
            self._cache = self._mask = self._last = None
            return
        chosen = torch.tensor(indices)
        self._mask, self._last = self._mask[chosen], self._last[chosen]
        first = int(self._mask.any(0).long().argmax())
        self._mask = self._mask[:, first:]
        for layer in self._cache.layers:
            layer.keys, layer.values = layer.keys[chosen, :, first:], layer.values[chosen, :, first:]

    def _join(self, rows: Sequence[Row], cache: Any, mask: Any, last: Any) -> None:
        import torch

        if self.rows:
            width = max(self._mask.shape[1], mask.shape[1])
            for mine, new in zip(self._cache.layers, cache.layers, strict=True):
                new.keys = torch.cat([_widen(mine.keys, width), _widen(new.keys, width)])
                new.values = torch.cat([_widen(mine.values, width), _widen(new.values, width)])
            mask = torch.cat([_left_pad(self._mask, width), _left_pad(mask, width)])
            last = torch.cat([self._last, last])
        self.rows = [*self.rows, *rows]
        self._cache, self._mask, self._last = cache, mask, last


def _new_cache() -> Any:
    from transformers import DynamicCache

    return DynamicCache()


def _widen(states: Any, width: int) -> Any:
    """Pad keys or values [rows, heads, columns, size] on the left to `width` columns."""
    import torch

    return torch.nn.functional.pad(states, (0, 0, width - states.shape[2], 0))


def _left_pad(mask: Any, width: int) -> Any:
    import torch

    return torch.nn.functional.pad(mask, (width - mask.shape[1], 0))


def _choose(logits: Any, rows: Sequence[Row]) -> list[int]:
    """The next token of every row from logits [rows, vocabulary]."""
    tokens: list[int] = logits.argmax(-1).tolist()
    for index, row in enumerate(rows):
        if row.sampling.temperature > 0:
            tokens[index] = _sample(logits[index], row)
        row.produced += 1
    return tokens


def _sample(logits: Any, row: Row) -> int:
    """Draw from the nucleus: the most likely tokens whose probabilities reach `top_p`, at least one."""
    import torch

    if row.random is None:
        row.random = torch.Generator()
        row.random.manual_seed(row.sampling.seed) if row.sampling.seed is not None else row.random.seed()
    probabilities = torch.softmax(logits.float() / max(row.sampling.temperature, 1e-4), -1)
    ordered, ids = probabilities.sort(descending=True)
    ordered[ordered.cumsum(-1) - ordered >= row.sampling.top_p] = 0
    return int(ids[torch.multinomial(ordered, 1, generator=row.random)])


def _context(config: Any, wanted: int | None) -> int:
    longest = int(getattr(config, "max_position_embeddings", 0)) or 2048
    if wanted is not None and wanted > longest:
        raise ValueError(f"--max-model-len is {wanted}, but the base reaches {longest} tokens")
    return wanted or min(longest, 4096)


def _end_tokens(model: Any) -> frozenset[int]:
    found = model.generation_config.eos_token_id
    if found is None:
        found = model.config.eos_token_id
    return frozenset([found] if isinstance(found, int) else found or ())
