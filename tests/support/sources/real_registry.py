"""Reads an artifact from the registry of the distribution project: `python -m support.sources.real_registry PROGRAM`.

Not part of the tests, because that program cannot be assumed on every machine. Pushes with the real `oras`, reads whole
and from the middle, looks for what is not there, and places the artifact in a store. Exit: 0, or a traceback.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import oras.client

from interlock.artifacts.sources import SourceAccess, open_beyond
from interlock.artifacts.store import ArtifactStore
from interlock.errors import ArtifactMissing
from support.sources.places import artifact_at

FILES = {"adapter_config.json": b'{"r": 8}', "adapter_model.safetensors": os.urandom(3_000_000)}


def main(program: str) -> None:
    """Run the checks."""
    with tempfile.TemporaryDirectory() as scratch, _registry(program, Path(scratch)) as host:
        digest = _push(host, Path(scratch))
        access = SourceAccess(plain_http=(host,))
        artifact = artifact_at(f"oci://{host}/ml/bot@{digest}", FILES)
        files = open_beyond(artifact, access)
        assert files.sizes() == {name: len(data) for name, data in FILES.items()}
        for name, data in FILES.items():
            for start in (0, len(data) // 2):
                with files.open(name, start=start) as stream:
                    assert stream.read() == data[start:], (name, start)
        ArtifactStore(Path(scratch) / "store").place(artifact, files)
        with suppress(ArtifactMissing):
            open_beyond(artifact_at(f"oci://{host}/ml/bot@sha256:{'0' * 64}", FILES), access).sizes()
            raise AssertionError("a manifest that is not there was found")
    print("read whole, read from the middle, missed what is not there, placed: as it should be")


@contextmanager
def _registry(program: str, scratch: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        host = f"localhost:{free.getsockname()[1]}"
    storage = {"filesystem": {"rootdirectory": str(scratch / "blobs")}}
    settings = {"version": "0.1", "storage": storage, "http": {"addr": host}, "log": {"level": "error"}}
    (scratch / "registry.yml").write_text(json.dumps(settings))
    process = subprocess.Popen([program, "serve", str(scratch / "registry.yml")])
    try:
        for _ in range(100):
            with suppress(OSError):
                urllib.request.urlopen(f"http://{host}/v2/", timeout=1).close()
                break
            time.sleep(0.1)
        yield host
    finally:
        process.terminate()
        process.wait(10)


def _push(host: str, scratch: Path) -> str:
    os.chdir(scratch)
    for name, data in FILES.items():
        (scratch / name).write_bytes(data)
    client = oras.client.OrasClient(hostname=host, insecure=True)
    client.push(f"{host}/ml/bot:7", files=list(FILES), disable_path_validation=True).close()
    form = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    asked = urllib.request.Request(f"http://{host}/v2/ml/bot/manifests/7", headers=form)
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return f"sha256:{hashlib.sha256(answer.read()).hexdigest()}"


if __name__ == "__main__":
    main(sys.argv[1])
