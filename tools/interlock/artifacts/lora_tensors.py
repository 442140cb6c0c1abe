"""The tensors of an adapter put together: which module each belongs to, and which A goes with which B. Pure.

Called by the checker and by register. The names are PEFT's own (`base_model.model.<module>.lora_A.weight`); what PEFT
or vLLM would not recognise becomes a problem instead of being passed over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from interlock.artifacts.tensor_table import Tensor, TensorTable

PREFIX = "base_model.model."
A, B, MAGNITUDE, BIAS, SAVED, UNKNOWN = "A", "B", "magnitude", "bias", "saved", "unknown"

_ENDINGS: tuple[tuple[str, str, bool], ...] = (
    (".lora_A.weight", A, False),
    (".lora_B.weight", B, False),
    (".lora_embedding_A", A, True),
    (".lora_embedding_B", B, True),
    (".lora_magnitude_vector", MAGNITUDE, False),
    (".lora_magnitude_vector.weight", MAGNITUDE, False),
    (".lora_B.bias", BIAS, False),
)
"""Ending of a tensor's name, what it is, and whether it belongs to an embedding."""


@dataclass(frozen=True, slots=True)
class LoraPair:
    """A and B of one module. Shapes as stored: `a` is (rank, in features), `b` is (out features, rank).

    For an embedding, in features are the tokens of the vocabulary. `rank`, `inputs` and `outputs` are 0 where a shape
    is not two-dimensional, which is among the problems.
    """

    module: str
    a: Tensor
    b: Tensor
    embedding: bool

    @property
    def flat(self) -> bool:
        """Whether both shapes are two-dimensional, as they are for linear modules and embeddings."""
        return len(self.a.shape) == len(self.b.shape) == 2

    @property
    def rank(self) -> int:
        """Rows of A."""
        return self.a.shape[0] if self.flat else 0

    @property
    def inputs(self) -> int:
        """Columns of A: the in features that the module must have."""
        return self.a.shape[1] if self.flat else 0

    @property
    def outputs(self) -> int:
        """Rows of B: the out features that the module must have."""
        return self.b.shape[0] if self.flat else 0


@dataclass(frozen=True, slots=True)
class TensorProblem:
    """A tensor that does not fit with the others, and why."""

    tensor: str
    why: str


@dataclass(frozen=True, slots=True)
class LoraPairs:
    """The tensors of one adapter by module (without `base_model.model.`).

    `saved` are whole modules beside the LoRA (`modules_to_save`, resized embeddings): module → its tensors.
    `dtypes` counts the tensors of each dtype.
    """

    pairs: Mapping[str, LoraPair]
    magnitudes: Mapping[str, Tensor]
    biases: Mapping[str, Tensor]
    saved: Mapping[str, tuple[Tensor, ...]]
    problems: tuple[TensorProblem, ...]
    dtypes: Mapping[str, int]

    @property
    def max_rank(self) -> int:
        """The largest rank of any pair; 0 when there is none."""
        return max((pair.rank for pair in self.pairs.values()), default=0)


@dataclass(frozen=True, slots=True)
class _Named:
    """A tensor with what its name says."""

    tensor: Tensor
    module: str
    part: str
    embedding: bool


def pair_up(table: TensorTable) -> LoraPairs:
    """Sort the tensors of an adapter by module; never raises: what does not fit is in `problems`."""
    named = [_read_name(tensor) for tensor in table.tensors.values()]
    parts = {part: {n.module: n for n in named if n.part == part} for part in (A, B, MAGNITUDE, BIAS)}
    pairs = {module: _pair(parts[A][module], parts[B][module]) for module in sorted(parts[A].keys() & parts[B].keys())}
    problems = [*_unreadable(named), *_orphans(parts), *(p for pair in pairs.values() for p in _misfits(pair))]
    return LoraPairs(
        pairs=pairs,
        magnitudes={module: n.tensor for module, n in parts[MAGNITUDE].items()},
        biases={module: n.tensor for module, n in parts[BIAS].items()},
        saved=_saved(named),
        problems=tuple(sorted(problems, key=lambda problem: problem.tensor)),
        dtypes=dict(Counter(tensor.dtype for tensor in table.tensors.values())),
    )


def _read_name(tensor: Tensor) -> _Named:
    if not tensor.name.startswith(PREFIX):
        return _Named(tensor, tensor.name, UNKNOWN, False)
    path = tensor.name.removeprefix(PREFIX)
    for ending, part, embedding in _ENDINGS:
        if path.endswith(ending) and path != ending:
            return _Named(tensor, path.removesuffix(ending), part, embedding)
    module, dot, leaf = path.rpartition(".")
    if dot and leaf in ("weight", "bias") and ".lora_" not in path:
        return _Named(tensor, module, SAVED, False)
    return _Named(tensor, path, UNKNOWN, False)


def _pair(a: _Named, b: _Named) -> LoraPair:
    return LoraPair(a.module, a.tensor, b.tensor, a.embedding)


def _saved(named: list[_Named]) -> dict[str, tuple[Tensor, ...]]:
    found: dict[str, tuple[Tensor, ...]] = {}
    for n in named:
        if n.part == SAVED:
            found[n.module] = (*found.get(n.module, ()), n.tensor)
    return found


def _unreadable(named: list[_Named]) -> Iterator[TensorProblem]:
    seen: dict[tuple[str, str], str] = {}
    for n in named:
        if n.part == UNKNOWN and not n.tensor.name.startswith(PREFIX):
            yield TensorProblem(n.tensor.name, f"its name does not begin with {PREFIX}, so PEFT ignores it")
        elif n.part == UNKNOWN:
            yield TensorProblem(n.tensor.name, "its name is none that PEFT gives to a LoRA")
        elif n.part != SAVED:
            other = seen.setdefault((n.module, n.part), n.tensor.name)
            if other != n.tensor.name:
                yield TensorProblem(n.tensor.name, f"{other} is the {n.part} of the same module")


def _orphans(parts: Mapping[str, Mapping[str, _Named]]) -> Iterator[TensorProblem]:
    for here, there in ((A, B), (B, A)):
        for module in parts[here].keys() - parts[there].keys():
            yield TensorProblem(parts[here][module].tensor.name, f"the {there} of {module} is missing")
    for extra in (MAGNITUDE, BIAS):
        for module in parts[extra].keys() - parts[A].keys():
            yield TensorProblem(parts[extra][module].tensor.name, f"{module} has no LoRA that it could belong to")


def _misfits(pair: LoraPair) -> Iterator[TensorProblem]:
    if not pair.flat:
        shapes = f"A has the shape {list(pair.a.shape)} and B {list(pair.b.shape)}"
        yield TensorProblem(pair.a.name, f"{shapes}; both should have two dimensions")
    elif pair.a.shape[0] != pair.b.shape[1]:
        yield TensorProblem(pair.b.name, f"it has rank {pair.b.shape[1]} and its A has rank {pair.a.shape[0]}")
    elif 0 in (*pair.a.shape, *pair.b.shape):
        yield TensorProblem(pair.a.name, "it is empty: a sharded training run was saved without gathering the shards")
