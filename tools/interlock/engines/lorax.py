"""The driver of LoRAX: `open_engine("lorax", …)`. Built from its source; never run here (docs/engines.md).

LoRAX has no call that loads, lists or unloads: a request names the directory of an adapter, and the first one reads it.
So a load publishes the directory under its served name (its digest is in the path: LoRAX remembers what it read by
path) and warms it with one request; the list is what this driver has warmed. It must be started with
`--adapter-source local`, because requests in OpenAI's form do not say where an adapter is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import ClassVar, Final

from pydantic import StrictStr

from interlock.engines.answers import Body, read, require_success, shown
from interlock.engines.connection import EngineConnection
from interlock.engines.driver import Capabilities
from interlock.engines.http_calls import Answer
from interlock.engines.naming import Naming, is_served_name
from interlock.engines.openai_server import other_directory, refuse_relative
from interlock.engines.published import adapters_directory
from interlock.engines.text_generation import TextGenerationDriver
from interlock.errors import EngineMisbehaved

_REQUESTS: Final = re.compile(rb"^lorax_request_count(?:\{[^}\n]*\})? ([0-9.e+]+)$", re.MULTILINE)
_ADAPTER_HEADER: Final = "x-adapter-id"


class _Generated(Body):
    generated_text: StrictStr


class LoraxDriver(TextGenerationDriver):
    """LoRAX over HTTP and a directory."""

    kind: ClassVar[str] = "lorax"
    capabilities: ClassVar[Capabilities] = Capabilities(lists_adapters=False, lazy=True, templates=False, unloads=False)
    router: ClassVar[str] = ""

    def __init__(self, connection: EngineConnection) -> None:
        """Raises UsageError when the settings name no adapters directory."""
        super().__init__(connection)
        self._published = adapters_directory(connection.address.adapters_directory, self.kind)
        self.naming = Naming.below(self._published.root)
        self._warmed: dict[str, str] = {}
        self._requests = 0.0

    def adapters(self) -> Mapping[str, str]:
        """What this driver has warmed since the engine started: name → directory.

        LoRAX counts its requests since its start; a count that went back is another process, which knows nothing.
        """
        self._info()
        requests = self._counted()
        if requests < self._requests:
            self._warmed.clear()
        self._requests = requests
        return dict(self._warmed)

    def load(self, name: str, directory: str, *, lazy: bool = False) -> None:
        """Publish the directory and, unless `lazy`, have the engine read it by a request for one token."""
        refuse_relative(name, directory)
        known = self._warmed.get(name, directory)
        if known != directory:
            raise other_directory(name, known, directory)
        self._published.publish(name, Path(directory))
        if not lazy:
            self._warm(name, directory)
            self._requests = self._counted()
        self._warmed[name] = directory

    def unload(self, name: str) -> None:
        """Forget `name` and withdraw its directory; what LoRAX holds of it in memory it drops by itself."""
        self._warmed.pop(name, None)
        if is_served_name(name):
            self._published.withdraw(name)

    def _warm(self, name: str, directory: str) -> None:
        what = f"loading {name} from {directory}"
        path = self.naming.of(name)
        parameters = {"adapter_id": path, "adapter_source": "local", "max_new_tokens": 1, "do_sample": False}
        answer = self._engine.post("/generate", {"inputs": "1", "parameters": parameters}, admin=True, loading=True)
        read(answer, _Generated, what, self.kind)
        self._check_answer(name, answer)

    def _check_answer(self, model: str, answer: Answer) -> None:
        if not is_served_name(model):
            return
        expected, found = self.naming.of(model), answer.headers.get(_ADAPTER_HEADER)
        if found != expected:
            raise EngineMisbehaved(
                f"an answer of {model} is marked {_ADAPTER_HEADER}: {shown(found) if found else 'nothing'}",
                expected=expected,
                remedy="start LoRAX with `--adapter-source local`, and the gateway with --kind lorax and the same"
                " --adapters",
            )

    def _counted(self) -> float:
        answer = self._engine.get("/metrics")
        if answer.status == HTTPStatus.NOT_FOUND:
            return 0.0
        require_success(answer, "GET /metrics")
        return sum(float(match[1]) for match in _REQUESTS.finditer(answer.body))
