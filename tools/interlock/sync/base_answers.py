"""The base's own greedy answers to the probe prompts: what an adapter's answers are compared with.

They are taken while the engine holds no adapter, and kept, because an engine under load may answer the base with an
adapter's weights: vLLM 0.32 on a CPU does so in batches that mix both (vllm-project/vllm#48421), which would make a
good adapter look like the base and a useless one look like an adapter.
"""

from __future__ import annotations

import json
from pathlib import Path

from interlock.artifacts.durable import read_bounded, write_atomically
from interlock.documents.kinds.base_revision import BaseRevision
from interlock.engines.driver import EngineDriver
from interlock.engines.probe_prompts import PROBE_PROMPTS, PROBE_TOKENS
from interlock.errors import DocumentError

MAX_RECORD_BYTES = 1 << 20


class BaseAnswers:
    """Answers of the base on this node, for one base revision and one version of the engine at a time."""

    def __init__(self, record: Path) -> None:
        """`record` is the file in which they outlive the agent; a damaged one is asked for again."""
        self._record = record
        self._key = ""
        self._answers: tuple[str, ...] = ()

    def settle(self, driver: EngineDriver, base: BaseRevision) -> None:
        """Have answers for this base and engine: asked now if it holds no adapter, else kept ones if there are any.

        Raises:
            EngineError: the engine did not answer.
        """
        identity = driver.identity()
        key = f"{base.digest} {identity.kind} {identity.version} {len(PROBE_PROMPTS)}x{PROBE_TOKENS}"
        if driver.adapters() and (self._key == key or self._recall(key)):
            return
        base_name = identity.base_names[0]
        self._key = key
        self._answers = tuple(driver.complete(base_name, prompt, max_tokens=PROBE_TOKENS) for prompt in PROBE_PROMPTS)
        write_atomically(self._record, json.dumps({"key": key, "answers": self._answers}).encode())

    def differ_from(self, driver: EngineDriver, served: str) -> bool:
        """Whether an adapter answers at least one probe differently from the base; asks no further than that.

        Raises:
            EngineError: the engine did not answer.
        """
        own = zip(PROBE_PROMPTS, self._answers, strict=True)
        return any(answer != driver.complete(served, prompt, max_tokens=PROBE_TOKENS) for prompt, answer in own)

    def _recall(self, key: str) -> bool:
        try:
            data = read_bounded(self._record, limit=MAX_RECORD_BYTES)
            kept = json.loads(data) if data else None
        except (DocumentError, ValueError, RecursionError):
            return False
        if not isinstance(kept, dict) or kept.get("key") != key or not isinstance(kept.get("answers"), list):
            return False
        self._key, self._answers = key, tuple(str(answer) for answer in kept["answers"])
        return len(self._answers) == len(PROBE_PROMPTS)
