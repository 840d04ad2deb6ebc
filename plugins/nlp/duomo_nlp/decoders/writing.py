"""Tokens of one answer to its text, which only grows: whole characters, and nothing of a stop text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tokenizers import Tokenizer

BROKEN = "\ufffd"
"""What a tokenizer gives for the first bytes of a character whose last ones are still to come."""


FIRST_MARK = 0xF0000
"""Private characters of Unicode, which stand for special tokens while a stop text is looked for."""


def marks_of(tokenizer: Tokenizer, stop: Sequence[str]) -> dict[int, tuple[str, str]]:
    """The special tokens that `stop` names, by id: their text, and a character that stands for it.

    Special tokens decode to nothing, so a stop text with one of them would never be seen.
    """
    if not stop:
        return {}
    special = {id: each.content for id, each in tokenizer.get_added_tokens_decoder().items() if each.special}
    named = [(id, text) for id, text in special.items() if any(text in each for each in stop)]
    return {id: (text, chr(FIRST_MARK + at)) for at, (id, text) in enumerate(named)}


class Writer:
    """The text of one row, as its tokens come."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        ends: frozenset[int],
        budget: int,
        stop: Sequence[str],
        marks: Mapping[int, tuple[str, str]] | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.ends = ends
        self.budget = budget
        self.text = ""
        self.num_tokens = 0
        self.finish_reason: str | None = None
        self._marks = {id: mark for id, (_, mark) in (marks or {}).items()}
        self._unmark = dict.fromkeys(map(ord, self._marks.values()))
        marked = [*stop]
        for text, mark in sorted((marks or {}).values(), key=lambda each: -len(each[0])):
            marked = [each.replace(text, mark) for each in marked]
        self.stop = [each for each in dict.fromkeys([*stop, *marked]) if each]
        self._window: list[int] = []
        self._shown = ""
        self._held = ""

    def push(self, token: int) -> None:
        """Take one token; `finish_reason` is set when it is the last."""
        self.num_tokens += 1
        if token in self.ends:
            self.finish("stop")
            return
        self._decode(token)
        found = [self._held.find(each) for each in self.stop if each in self._held]
        if found:
            self._release(self._held[: min(found)])
            self.finish_reason = "stop"
        elif self.num_tokens == self.budget:
            self.finish("length")
        else:
            keep = self._may_become_stop()
            self._release(self._held[: len(self._held) - keep])
            self._held = self._held[len(self._held) - keep :]

    def _decode(self, token: int) -> None:
        # Only a few tokens are decoded again: those of the last piece, since some decoders treat a first token apart.
        if token in self._marks:
            self._held += self._undecoded() + self._marks[token]
            if self._undecoded():
                self._window, self._shown = [], ""
            return
        self._window.append(token)
        text = self.tokenizer.decode(self._window)
        if text.endswith(BROKEN):
            return
        if text == self._shown and self._is_left_out(token):
            self._window.pop()  # else the next word would be the first one of a text, which has no space before it
            return
        self._held += text[len(self._shown) :]
        self._window = self._window[-1:]
        self._shown = self.tokenizer.decode(self._window)

    def _is_left_out(self, token: int) -> bool:
        """Whether an answer has nothing of it: a special token, or a row of the network that has no token."""
        decode = self.tokenizer.decode
        is_named = self.tokenizer.id_to_token(token) is not None
        return not decode([token]) and (not is_named or bool(decode([token], skip_special_tokens=False)))

    def finish(self, reason: str) -> None:
        """End the answer with all that is held."""
        self._release(self._held + self._undecoded())
        self.finish_reason = reason

    def _release(self, text: str) -> None:
        self.text += text.translate(self._unmark) if self._unmark else text

    def _undecoded(self) -> str:
        """The text of tokens whose last character has not come whole."""
        return self.tokenizer.decode(self._window)[len(self._shown) :]

    def _may_become_stop(self) -> int:
        """How many last characters are the beginning of a stop text."""
        longest = max(map(len, self.stop), default=1) - 1
        for size in range(min(longest, len(self._held)), 0, -1):
            if any(each.startswith(self._held[-size:]) for each in self.stop):
                return size
        return 0
