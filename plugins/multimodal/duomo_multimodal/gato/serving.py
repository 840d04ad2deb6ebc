"""What the generalist does: texts that go on, words for images, actions. One network, one cache, three tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import torch
from torchvision.transforms.v2 import functional as F

from duomo import Image, Model, Prompt, WeightsRef, folders
from duomo.errors import BadInput, BadOption, InputTooLong
from duomo.generating import check_top_p
from duomo.inputs import Episode
from duomo.model import Features, In, R
from duomo.tasks.multimodal.captioning import Caption, ImageCaptioningOptions
from duomo.tasks.multimodal.control import Action, ReinforcementLearningOptions
from duomo.tasks.nlp.generation import Generation, TextGenerationOptions
from duomo_multimodal.gato.network import Description, Gato
from duomo_multimodal.gato.sampling import Draw, Wanted, sample
from duomo_multimodal.gato.tokens import (
    ACTING,
    END,
    NOWHERE,
    TEXT,
    Environment,
    Tokens,
    decode_action,
    join,
    of_image,
    of_step,
    of_text,
)

Numbers = tuple[float, ...]
NEW_TOKENS = 64
"""Bytes of a text, where nobody says."""


class Generalist(Model[In, R]):
    """What the three tasks share."""

    batch_size = 16

    def __init__(self, network: Gato) -> None:
        self.network = network
        self.about = network.about

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Read a folder that `save` wrote. Raises `WeightsMismatch` when its parts do not fit each other."""
        network = Gato(folders.describe(Description, weights))
        folders.fill(network, weights)
        return cls(network.to(device, dtype).eval())

    def collate(self, features: list[Features]) -> list[Features]:
        return features

    def forward(self, batch: list[Features]) -> list[list[int]]:
        """Tokens that follow."""
        return sample(
            self.network, [each["tokens"] for each in batch], [each["wanted"] for each in batch], batch[0]["draw"]
        )


class TextWriter(Generalist[Prompt, Generation]):
    """A text goes on."""

    def check_options(self, options: TextGenerationOptions) -> None:
        """Refuse a chat, and a choice among bytes where the likeliest is taken."""
        if options.chat:
            raise BadOption("this model knows no chats", why="it continues texts", fix="leave chat out")
        check_top_p(options.top_p, bool(options.temperature))

    def preprocess(self, items: Sequence[Prompt], options: TextGenerationOptions) -> list[Features]:
        draw = Draw(options.temperature or 0.0, options.top_p or 1.0, options.seed)
        return [{**self._prepare(item, options), "draw": draw} for item in items]

    def postprocess(
        self, output: list[list[int]], features: list[Features], options: TextGenerationOptions
    ) -> list[Generation]:
        results = []
        for ids, each in zip(output, features, strict=True):
            text, reason, count = bytes(ids), "length" if len(ids) == each["wanted"].most else "stop", len(ids)
            found = [at for at in (text.find(stop.encode()) for stop in options.stop) if at >= 0]
            if found:
                text, reason, count = text[: min(found)], "stop", min(found)
            results.append(
                Generation.model_construct(
                    text=text.decode("utf-8", "replace"), finish_reason=reason,
                    num_prompt_tokens=len(each["tokens"]), num_new_tokens=count,
                )
            )  # fmt: skip
        return results

    def _prepare(self, item: Prompt, options: TextGenerationOptions) -> Features:
        text = (item.text or "\n".join(message["content"] for message in item.messages)).encode()
        room = self.about.context - 1
        if len(text) > room and options.long == "error":
            raise InputTooLong(
                f"this prompt has {len(text)} bytes", why=f"the model reads {room} and one more",
                fix="a shorter one, or long=truncate for its end",
            )  # fmt: skip
        text, cut = text[-room:], len(text) > room
        bounds = [options.max_new_tokens or NEW_TOKENS, item.max_new_tokens or self.about.context]
        wanted = Wanted(min(*bounds, self.about.context - len(text)), (0, TEXT // 4), NOWHERE, END)
        return {"tokens": of_text(text), "wanted": wanted, "truncated": cut}


class ImageDescriber(Generalist[Image, Caption]):
    """Words for an image."""

    def preprocess(self, items: Sequence[Image], options: ImageCaptioningOptions) -> list[Features]:
        if options.num_beams not in (None, 1):
            raise BadOption("this model has no beam search", why="it writes greedily", fix="leave num_beams out")
        side = self.about.side
        features: list[Features] = []
        for item in items:
            resized = F.resize(item.pil(2 * side), [side, side], antialias=True)
            tokens = of_image(F.to_dtype(F.pil_to_tensor(resized), torch.float32, scale=True))
            count = min(options.max_new_tokens or NEW_TOKENS, self.about.context - len(tokens))
            features.append({"tokens": tokens, "wanted": Wanted(count, (0, TEXT // 4), NOWHERE, END), "draw": Draw()})
        return features

    def postprocess(
        self, output: list[list[int]], features: list[Features], options: ImageCaptioningOptions
    ) -> list[Caption]:
        return [
            Caption.model_construct(
                generated_text=bytes(ids).decode("utf-8", "replace"),
                finish_reason="length" if len(ids) == each["wanted"].most else "stop",
                num_new_tokens=len(ids),
            )
            for ids, each in zip(output, features, strict=True)
        ]


class Actor(Generalist[Episode, Action]):
    """The next action; earlier steps, or those of a demonstration, are its prompt."""

    def preprocess(self, items: Sequence[Episode], options: ReinforcementLearningOptions) -> list[Features]:
        draw = Draw(options.temperature, 1.0, options.seed)
        return [{**self._prepare(item, options), "draw": draw} for item in items]

    def postprocess(
        self, output: list[list[int]], features: list[Features], options: ReinforcementLearningOptions
    ) -> list[Action]:
        return [
            Action.model_construct(
                values=decode_action(self.about.environments[each["environment"]].action, ids),
                environment=each["environment"],
            )
            for ids, each in zip(output, features, strict=True)
        ]

    def _prepare(self, item: Episode, options: ReinforcementLearningOptions) -> Features:
        name, environment = self._environment(item.observations[-1])
        steps = self._steps(item, [*item.actions, None])
        wanted = Wanted(environment.action.count, environment.action.ids, ACTING)
        room, cut = self.about.context - wanted.most, False
        while sum(map(len, steps)) > room:
            if options.long == "error" or len(steps) == 1:
                raise InputTooLong(
                    f"this episode has {sum(map(len, steps))} tokens", why=f"the model reads {room}",
                    fix="fewer steps, or long=truncate for the last ones",
                )  # fmt: skip
            steps, cut = steps[1:], True
        return {"tokens": join(steps), "wanted": wanted, "environment": name, "truncated": cut}

    def _steps(self, item: Episode, actions: Sequence[Numbers | None]) -> list[Tokens]:
        """Return the tokens of each step that has an action, or None for one that is to come."""
        name, environment = self._environment(item.observations[-1])
        try:
            return [
                of_step(environment, seen, _checked(environment, seen, done))
                for seen, done in zip(item.observations, actions, strict=False)
            ]
        except (ValueError, KeyError) as error:
            raise BadInput(
                f"this is not an episode of '{name}'", why=str(error), fix="duomo tasks show reinforcement-learning"
            ) from None

    def _environment(self, seen: Mapping[str, Numbers]) -> tuple[str, Environment]:
        for name, environment in self.about.environments.items():
            if environment.observations.keys() == seen.keys():
                return name, environment
        known = "; ".join(f"{name}: {', '.join(each.observations)}" for name, each in self.about.environments.items())
        raise BadInput(
            f"no environment shows {', '.join(map(repr, seen))}",
            why=f"the model has learned {known or 'none'}",
            fix="observations by these names, or a model that was trained in yours",
        )


def _checked(environment: Environment, seen: Mapping[str, Numbers], done: Numbers | None) -> Numbers | None:
    """The action, where observation and action have as many numbers as they should."""
    if seen.keys() != environment.observations.keys():
        raise ValueError(f"a step shows {', '.join(seen)} instead of {', '.join(environment.observations)}")
    counts = [(name, len(seen[name]), kind.count) for name, kind in environment.observations.items()]
    counts += [] if done is None else [("an action", len(done), environment.action.count)]
    for name, found, count in counts:
        if found != count:
            raise ValueError(f"{name} has {found} numbers and not {count}")
    return done


def save(network: Gato, folder: str | Path) -> Path:
    """Write a folder that ``-m dir:FOLDER`` loads."""
    return folders.write(network, network.about, folder)
