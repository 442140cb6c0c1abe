"""Which extra brings a package that is not installed: called by main.py when an import fails.

The core of Interlock has no dependencies, so that the routing middleware fits into an engine's own environment. The
command line needs an extra, and a person who has only the core is told which one.
"""

from __future__ import annotations

_EXTRA_OF = {
    "click": "check",
    "numpy": "check",
    "pydantic": "check",
    "rich": "check",
    "ruamel": "check",
    "cryptography": "signatures",
    "httpx": "agent",
    "cel_expr_python": "rules",
    "google": "rules",
    "transformers": "tokenizer",
    "jinja2": "tokenizer",
    "accelerate": "embedded",
    "peft": "embedded",
    "safetensors": "embedded",
    "starlette": "embedded",
    "torch": "embedded",
    "uvicorn": "gateway",
    "zstandard": "archive",
}


def installation_advice(error: ModuleNotFoundError) -> str | None:
    """Text that says how to install what `error` misses, or None when no extra of ours brings it."""
    package = (error.name or "").partition(".")[0]
    extra = _EXTRA_OF.get(package)
    if extra is None:
        return None
    return (
        f"error: this command needs the Python package {package!r}, which is not installed\n"
        f"  Expected: Interlock installed with its {extra!r} extra\n"
        f'  Next: in a clone of Interlock, run: pip install ".[{extra}]"'
    )
