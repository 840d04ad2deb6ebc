"""Tokens of one answer to its text, which only grows: whole characters, and nothing of a stop text."""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import Tokenizer

BROKEN = "\ufffd"
"""What a tokenizer gives for the first bytes of a character whose last ones are still to come."""


class Writer:
    """The text of one row, as its tokens come."""

    def __init__(self, tokenizer: Tokenizer, ends: frozenset[int], budget: int, stop: Sequence[str]) -> None:
        self.tokenizer = tokenizer
        self.ends = ends
        self.budget = budget
        self.stop = [each for each in stop if each]
        self.text = ""
        self.num_tokens = 0
        self.finish_reason: str | None = None
        self._window: list[int] = []
        self._shown = ""
        self._held = ""

    def push(self, token: int) -> None:
        """Take one token; `finish_reason` is set when it is the last."""
        self.num_tokens += 1
        if token in self.ends:
            self._finish("stop")
            return
        self._decode(token)
        found = [self._held.find(each) for each in self.stop if each in self._held]
        if found:
            self.text += self._held[: min(found)]
            self.finish_reason = "stop"
        elif self.num_tokens == self.budget:
            self._finish("length")
        else:
            keep = self._may_become_stop()
            self.text += self._held[: len(self._held) - keep]
            self._held = self._held[len(self._held) - keep :]

    def _decode(self, token: int) -> None:
        # Only a few tokens are decoded again: those of the last piece, since some decoders treat a first token apart.
        self._window.append(token)
        text = self.tokenizer.decode(self._window)
        if text.endswith(BROKEN):
            return
        self._held += text[len(self._shown) :]
        self._window = self._window[-1:]
        self._shown = self.tokenizer.decode(self._window)

    def _finish(self, reason: str) -> None:
        self.text += self._held + self.tokenizer.decode(self._window)[len(self._shown) :]
        self.finish_reason = reason

    def _may_become_stop(self) -> int:
        """How many last characters are the beginning of a stop text."""
        longest = max(map(len, self.stop), default=1) - 1
        for size in range(min(longest, len(self._held)), 0, -1):
            if any(each.startswith(self._held[-size:]) for each in self.stop):
                return size
        return 0
