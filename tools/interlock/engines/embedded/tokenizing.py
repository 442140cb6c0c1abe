"""Text to token ids and back, with the base's own tokenizer and chat template. Used by completions.py and server.py."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from interlock.engines.embedded.protocol import ChatMessage
from interlock.engines.embedded.refusals import bad_request

MAX_CHARACTERS_PER_TOKEN: Final = 64
_CONTEXT_TOKENS: Final = 4
_UNFINISHED: Final = "\ufffd"


class Tokenization:
    """The tokenizer saved beside the base."""

    def __init__(self, base: Path, max_model_len: int) -> None:
        """Load it from `base`; nothing is fetched from a network. Raises OSError when there is none."""
        from transformers import AutoTokenizer

        self._tokenizer: Any = AutoTokenizer.from_pretrained(base, local_files_only=True, trust_remote_code=False)
        self._max_characters = max_model_len * MAX_CHARACTERS_PER_TOKEN

    def text(self, text: str, *, special_tokens: bool = True) -> list[int]:
        """Token ids of a text. Raises Refusal (400) when it is far too long to be worth counting."""
        if len(text) > self._max_characters:
            raise bad_request(f"the text has {len(text)} characters, which is far beyond this model's context")
        return list(self._tokenizer(text, add_special_tokens=special_tokens)["input_ids"])

    def conversation(
        self, messages: Sequence[ChatMessage], *, generation_prompt: bool = True, special_tokens: bool = False
    ) -> list[int]:
        """Token ids of a conversation put through the chat template. Raises Refusal (400) when the template refuses."""
        from jinja2 import TemplateError

        turns = [message.as_template_input() for message in messages]
        if not self._tokenizer.chat_template:
            raise bad_request("this model has no chat template; use /v1/completions")
        try:
            text = self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=generation_prompt)
        except TemplateError as error:
            raise bad_request(f"the chat template refuses these messages: {error}") from None
        return self.text(str(text), special_tokens=special_tokens)

    def strings(self, ids: Sequence[int]) -> list[str]:
        """The tokens' own texts."""
        return list(self._tokenizer.convert_ids_to_tokens(list(ids)))

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids, special tokens left out."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))


class AnswerText:
    """Turns the tokens of an answer into text, piece by piece, and watches for the texts that end it.

    A piece is held back while it ends in half a character or in what may become a stop text. `stopped_by` is the stop
    text that was found; the answer ends before it.
    """

    def __init__(self, tokenization: Tokenization, prompt: Sequence[int], stops: Sequence[str]) -> None:
        self._tokenization = tokenization
        self._ids = list(prompt[-_CONTEXT_TOKENS:])
        self._start = 0
        self._read = len(self._ids)
        self._stops = tuple(stops)
        self._held = ""
        self.stopped_by: str | None = None

    def add(self, token: int) -> str:
        """Take one token; return the text that is certain now (often "")."""
        self._ids.append(token)
        return self._release(self._new_text(whole_characters=True))

    def end(self) -> str:
        """Return the text that was held back when no more tokens come."""
        text = self._release(self._new_text(whole_characters=False))
        held, self._held = self._held, ""
        return text + ("" if self.stopped_by else held)

    def _new_text(self, *, whole_characters: bool) -> str:
        """What the unread tokens add to the text. The tokens before them are decoded too: spaces depend on them."""
        known = self._tokenization.decode(self._ids[self._start : self._read])
        text = self._tokenization.decode(self._ids[self._start :])
        if len(text) <= len(known) or (whole_characters and text.endswith(_UNFINISHED)):
            return ""
        self._start, self._read = self._read, len(self._ids)
        return text[len(known) :]

    def _release(self, new: str) -> str:
        if self.stopped_by:
            return ""
        text = self._held + new
        found = [(text.index(stop), stop) for stop in self._stops if stop in text]
        if found:
            end, self.stopped_by = min(found)
            self._held = ""
            return text[:end]
        keep = max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of `text` are the beginning of `stop`."""
    return next((size for size in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:size])), 0)
