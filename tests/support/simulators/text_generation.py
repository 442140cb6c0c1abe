"""What the simulated TGI and LoRAX share: their error shapes and `/tokenize` are the same, one began as a copy."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from support.simulators.openai_api import Asked
from support.simulators.telling_model import MAX_MODEL_LEN, TellingModel


def failed(message: str, kind: str, status: int) -> Response:
    """An error in the shape of `ErrorResponse`."""
    return JSONResponse({"error": message, "error_type": kind}, status)


def too_long(request: Asked) -> Response:
    """The refusal of a prompt beyond the context."""
    given = f"Given: {len(request.prompt)} `inputs` tokens and {request.max_tokens} `max_new_tokens`"
    message = f"Input validation error: `inputs` tokens + `max_new_tokens` must be <= {MAX_MODEL_LEN}. {given}"
    return failed(message, "validation", 422)


async def tokenized(request: Request, model: TellingModel) -> Response:
    """The answer of `/tokenize`: one object for each token."""
    body = await request.json()
    encoding = model.tokenizer.encode(body["inputs"], add_special_tokens=body.get("add_special_tokens", True))
    return JSONResponse(simple_tokens(encoding.ids))


def simple_tokens(ids: list[int]) -> list[dict[str, object]]:
    """Tokens as both engines show them."""
    return [{"id": token, "text": "", "start": 0, "stop": 0} for token in ids]
