"""What importing the modules that every check needs may bring along."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "numpy",
    "torch",
    "transformers",
    "peft",
    "safetensors",
    "tokenizers",
    "jinja2",
    "httpx",
    "botocore",
    "http.client",
    "ssl",
)


@pytest.mark.parametrize(
    "module",
    [
        "adapter_config",
        "base_directory",
        "base_modules",
        "digests",
        "fingerprints",
        "lora_tensors",
        "sources",
        "store",
        "tensor_table",
        "tensor_values",
    ],
)
def test_no_heavy_package_comes_with(module: str) -> None:
    program = f"import sys, interlock.artifacts.{module}\nprint(*[n for n in {HEAVY!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == []
