"""Which modules a base has and what shapes they take: what an adapter's tensors are judged against.

Called by the checker (`modules_of`) and by register (`summarize_modules`). A shape is (out features, in features) as
LoRA sees it: A is [rank, in], B is [out, rank]. For an embedding, in features are the tokens of the vocabulary, so its
shape is the weight's own turned around.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from interlock.artifacts.tensor_table import TensorTable
from interlock.documents.kinds.base_revision import BaseConfig, BaseModule, BaseRevision

Shape = tuple[int, int]

MAX_MODULES = 300_000
EMBEDDINGS = frozenset({"embed_tokens", "wte", "word_embeddings", "embed_in", "tok_embeddings"})
_WHOLE_SHAPES = frozenset({"F64", "F32", "F16", "BF16", "I8", "F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ"})
"""Types whose tensors have the shape of the module; four-bit weights are packed into others."""

_LAYER = re.compile(r"(?<=\.)\d+(?=\.)")
_DEFAULT_HEAD_DIM = {"Qwen3ForCausalLM": 128, "GemmaForCausalLM": 256, "Gemma2ForCausalLM": 256}


def modules_of(base: BaseRevision) -> Mapping[str, Shape] | None:
    """Return every linear module and embedding of a base: exact name → (out, in); None when nothing is known.

    Taken from `modules` where the base lists them, else from its config for the architectures known here. A document
    that speaks of more than `MAX_MODULES` is not believed.
    """
    layers = base.config.num_hidden_layers
    if not base.modules:
        return modules_from_config(base.config)
    if sum(_count(module, layers) for module in base.modules) > MAX_MODULES:
        return None
    return {
        name: (module.shape[0], module.shape[1])
        for module in base.modules
        for name in _expanded(module, _count(module, layers))
    }


def modules_from_config(config: BaseConfig) -> Mapping[str, Shape] | None:
    """Return the modules of a known architecture, computed from its config; None for an unknown one."""
    layer_modules = _ARCHITECTURES.get(config.architecture)
    if layer_modules is None or config.num_hidden_layers > MAX_MODULES // 10:
        return None
    modules = {
        f"model.layers.{layer}.{name}": shape
        for layer in range(config.num_hidden_layers)
        for name, shape in layer_modules(config).items()
    }
    modules["model.embed_tokens"] = (config.hidden_size, config.vocab_size)
    modules["lm_head"] = (config.vocab_size, config.hidden_size)
    return modules


def summarize_modules(*tables: TensorTable) -> tuple[BaseModule, ...]:
    """Return the linear modules and embeddings that the weight files of a base hold, layers of one shape as one line.

    A number in a name becomes `*` where the same module is there, with the same shape, for each number from 0 on;
    otherwise every module has a line of its own.
    """
    shapes: dict[str, Shape] = {}
    for table in tables:
        for tensor in table.tensors.values():
            module, dot, leaf = tensor.name.rpartition(".")
            if dot and leaf == "weight" and len(tensor.shape) == 2 and tensor.dtype in _WHOLE_SHAPES:
                first, second = tensor.shape
                turned = module.rpartition(".")[2] in EMBEDDINGS
                shapes[module] = (second, first) if turned else (first, second)
    return _grouped(shapes)


def _grouped(shapes: Mapping[str, Shape]) -> tuple[BaseModule, ...]:
    groups: dict[tuple[str, Shape], dict[int, str]] = {}
    lines: list[BaseModule] = []
    for name, shape in shapes.items():
        number = _LAYER.search(name)
        if number:
            pattern = f"{name[: number.start()]}*{name[number.end() :]}"
            groups.setdefault((pattern, shape), {})[int(number[0])] = name
        else:
            lines.append(BaseModule(name=name, shape=shape))
    for (pattern, shape), names in groups.items():
        if sorted(names) == list(range(len(names))):
            lines.append(BaseModule(name=pattern, layers=len(names), shape=shape))
        else:
            lines += [BaseModule(name=name, shape=shape) for name in names.values()]
    return tuple(sorted(lines, key=lambda module: module.name))


def _count(module: BaseModule, layers: int) -> int:
    return (module.layers or layers) if "*" in module.name else 1


def _expanded(module: BaseModule, count: int) -> list[str]:
    return [module.name.replace("*", str(number), 1) for number in range(count)]


def _head_dim(config: BaseConfig) -> int:
    default = _DEFAULT_HEAD_DIM.get(config.architecture, config.hidden_size // config.num_attention_heads)
    return config.head_dim or default


def _separate(config: BaseConfig) -> dict[str, Shape]:
    """A decoder layer with q, k, v, o and a gated MLP of three matrices."""
    hidden, intermediate, head = config.hidden_size, config.intermediate_size, _head_dim(config)
    queries, keys = config.num_attention_heads * head, config.num_key_value_heads * head
    return {
        "self_attn.q_proj": (queries, hidden),
        "self_attn.k_proj": (keys, hidden),
        "self_attn.v_proj": (keys, hidden),
        "self_attn.o_proj": (hidden, queries),
        "mlp.gate_proj": (intermediate, hidden),
        "mlp.up_proj": (intermediate, hidden),
        "mlp.down_proj": (hidden, intermediate),
    }


def _fused(config: BaseConfig) -> dict[str, Shape]:
    """A decoder layer whose q, k, v are one matrix, and whose gate and up are one."""
    hidden, intermediate, head = config.hidden_size, config.intermediate_size, _head_dim(config)
    queries, keys = config.num_attention_heads * head, config.num_key_value_heads * head
    return {
        "self_attn.qkv_proj": (queries + 2 * keys, hidden),
        "self_attn.o_proj": (hidden, queries),
        "mlp.gate_up_proj": (2 * intermediate, hidden),
        "mlp.down_proj": (hidden, intermediate),
    }


_ARCHITECTURES: Mapping[str, Callable[[BaseConfig], dict[str, Shape]]] = {
    **dict.fromkeys(
        (
            "LlamaForCausalLM",
            "MistralForCausalLM",
            "Qwen2ForCausalLM",
            "Qwen3ForCausalLM",
            "GemmaForCausalLM",
            "Gemma2ForCausalLM",
        ),
        _separate,
    ),
    "Phi3ForCausalLM": _fused,
}
