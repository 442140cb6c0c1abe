"""Which paths only read. Called by `edge`, because an engine may change its state for a GET too.

SGLang does: `/flush_cache`, `/freeze_gc`, `/set_trace_level?level=3`, and its next release may add more under names
that nobody knows here. So what is not named here is refused; INTERLOCK_OPEN_PATHS opens further paths.
"""

from __future__ import annotations

import re
from typing import Final

READING_PATHS: Final = frozenset(
    {
        # every engine, or most of them
        "/",
        "/docs",
        "/health",
        "/health_generate",
        "/info",
        "/metrics",
        "/openapi.json",
        "/ping",
        "/v1/models",
        "/version",
        # SGLang
        "/get_load",
        "/get_model_info",
        "/get_weight_version",
        "/model_info",
        "/v1/loads",
        # TGI
        "/api-doc/openapi.json",
        # NIM, vLLM
        "/load",
        "/v1/health/live",
        "/v1/health/ready",
        "/v1/license",
        "/v1/manifest",
        "/v1/metadata",
        "/v1/metrics",
        "/v1/version",
    }
)
# No part begins with a dot: `/v1/models/../x` is another path.
_ONE_OF_MANY = re.compile(r"/v1/(?:models|responses)(?:/[A-Za-z0-9][A-Za-z0-9@._:-]*)+")


def is_reading(path: str, opened: frozenset[str] = frozenset()) -> bool:
    """Whether a GET of exactly `path` changes nothing; `opened` are paths that the operator added."""
    return path in READING_PATHS or path in opened or _ONE_OF_MANY.fullmatch(path) is not None
