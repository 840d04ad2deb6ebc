"""The next turn of a conversation, by an encoder-decoder that was trained on conversations: BlenderBot and its kin.

Source: Roller et al. 2020, https://arxiv.org/abs/2004.13637. All turns are one text for the encoder, joined by the
checkpoint's end and start tokens as in the examples of transformers. BlenderBot has 128 positions: what does not fit is
left out from the beginning, whole turns at a time, and ``meta.truncated`` says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from duomo import Model
from duomo.errors import BadInput, InputTooLong
from duomo.inputs import Prompt
from duomo.model import Features
from duomo.tasks.nlp.writing import DialogueOptions, GeneratedText
from duomo_nlp.seq2seq import Seq2Seq

SHOWN = 39
"""Characters of a text in a message."""


class Dialogue(Seq2Seq):
    """The reply to a chat; what is written is found as in the other tasks of encoder-decoders."""

    task = "dialogue"
    result = GeneratedText
    field = "generated_text"

    @staticmethod
    def estimate(item: Any) -> int:
        return 1 + sum(len(message["content"]) for message in item.messages) // 5

    def split(self, item: Any, options: DialogueOptions) -> list[Any]:
        """A conversation is one input."""
        return [item]

    merge = Model.merge

    def preprocess(self, items: Sequence[Any], options: DialogueOptions) -> list[Features]:
        settings = self._settings(options)  # an error of every item, raised before anything is read
        return [{**self._turns(item, options.long), "settings": settings} for item in items]

    def _turns(self, item: Prompt, long: str) -> Features:
        """The tokens of as many of the last turns as fit."""
        roles = [message["role"] for message in item.messages]
        if "system" in roles or roles[-1] != "user":
            raise BadInput(
                "a conversation holds turns of user and assistant, the last one the user's",
                why=f"the roles of this one are: {', '.join(roles)}",
                fix='[{"role": "user", "content": "Hello!"}]',
            )
        turns = [message["content"] for message in item.messages]
        for first in range(len(turns)):
            ids = self._ids(turns[first:])
            if len(ids) <= self.limit:
                return {"ids": ids, "truncated": first > 0}
            if long == "error":
                raise InputTooLong(
                    f"this conversation has {len(ids):,} tokens and the model reads {self.limit:,}: "
                    f"{turns[-1][:SHOWN]!r}…",
                    why="its beginning would be lost",
                    fix="long=truncate leaves the first turns out",
                )
        raise InputTooLong(
            f"this turn has {len(ids):,} tokens and the model reads {self.limit:,}: {turns[-1][:SHOWN]!r}…",
            why="the last turn alone does not fit",
            fix="say it in fewer words",
        )

    def _ids(self, turns: Sequence[str]) -> list[int]:
        between = f"{self.tokenizer.eos_token} {self.tokenizer.bos_token or ''}"
        ids: list[int] = self.tokenizer(between.join(turns), truncation=False, verbose=False).input_ids
        return ids
