"""A loop that loads adapters by a local file, as the Kubernetes LoRA sidecar did: what `measure` compares with.

Written from that tool's documentation: the file is looked at once a second, then the engine's health is asked for, then
its models, and every adapter of the file whose *name* is not among them is loaded. Nothing is verified, and a changed
source under a name that is loaded is left as it is.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path

import httpx

LOOK_EVERY = 1.0


class FileWatcher:
    """Follows `file`, a JSON object of adapter name → directory, for the engine at `url`."""

    def __init__(self, file: Path, url: str, admin_token: str) -> None:
        self._file = file
        self._client = httpx.Client(
            base_url=url, headers={"X-Interlock-Token": admin_token}, timeout=60.0, trust_env=False
        )
        self._seen: tuple[int, int] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.says_loaded: dict[str, str] = {}
        """What its own gauge would say: name → directory of everything that it takes for loaded."""

    def __enter__(self) -> FileWatcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._client.close()

    def _run(self) -> None:
        while not self._stop.wait(LOOK_EVERY):
            found = self._file.stat()
            if (found.st_ino, found.st_mtime_ns) != self._seen:
                self._seen = (found.st_ino, found.st_mtime_ns)
                self._reconcile(json.loads(self._file.read_text(encoding="utf-8")))

    def _reconcile(self, wanted: dict[str, str]) -> None:
        self._client.get("/health").raise_for_status()
        names = {model["id"] for model in self._client.get("/v1/models").json()["data"]}
        for name, directory in wanted.items():
            if name not in names:
                payload = {"lora_name": name, "lora_path": directory}
                self._client.post("/v1/load_lora_adapter", json=payload).raise_for_status()
            self.says_loaded[name] = directory
