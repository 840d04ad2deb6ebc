"""What a page says to a question: its print is read, and a model for questions on texts answers, with the place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch

import duomo
from duomo import Model, Runner, WeightsRef
from duomo.errors import InputUnreadable
from duomo.inputs import PageQuestion
from duomo.tasks.multimodal.documents import PageAnswer, PageAnswers
from duomo.tasks.nlp.extraction import QuestionAnsweringOptions
from duomo.tasks.vision.reading import Page


class ReadAndAnswer(Model[PageQuestion, PageAnswers]):
    """Two models in a row: one reads, the checkpoint that the caller named answers."""

    batch_size = 8

    def __init__(self, reader: Runner[Any], answerer: Runner[Any]) -> None:
        self.reader = reader
        self.answerer = answerer

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        place: dict[str, Any] = {"device": str(device), "dtype": str(dtype).removeprefix("torch.")}
        [(task, reader)] = (use.split("=") for use in weights.spec.uses)
        answerer = duomo.load("question-answering", f"dir:{weights.folder}", **place)
        return cls(duomo.load(task, reader, **place), answerer)

    def preprocess(self, items: Sequence[PageQuestion], options: QuestionAnsweringOptions) -> list[dict[str, Any]]:
        return [{"item": item, "options": options.model_dump()} for item in items]

    def collate(self, features: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return features

    def forward(self, batch: list[dict[str, Any]]) -> list[tuple[Page, Any]]:
        pages = [outcome.unwrap() for outcome in self.reader.map([each["item"].image for each in batch])]
        for page, each in zip(pages, batch, strict=True):
            check_print(page, each["item"])
        asked = [(each["item"].question, page.text) for each, page in zip(batch, pages, strict=True)]
        answers = [outcome.unwrap() for outcome in self.answerer.map(asked, **batch[0]["options"])]
        return list(zip(pages, answers, strict=True))

    def postprocess(
        self, output: list[tuple[Page, Any]], features: list[dict[str, Any]], options: QuestionAnsweringOptions
    ) -> list[PageAnswers]:
        return [
            PageAnswers(
                answers=[
                    PageAnswer(**answer.model_dump(), corners=touched(page, answer.start, answer.end))
                    for answer in answers.answers
                ]
            )
            for page, answers in output
        ]


def check_print(page: Page, item: PageQuestion) -> None:
    """Raise `InputUnreadable` for a page on which nothing was read."""
    if not page.text.strip():
        raise InputUnreadable(
            f"no print was found on {item.name or 'this page'}",
            why="the reader saw no line that it was sure of",
            fix="see what is read: duomo run optical-character-recognition FILE",
        )


def touched(page: Page, start: int, end: int) -> list[list[tuple[float, float]]]:
    """Corners of the lines that ``page.text[start:end]`` lies on."""
    corners, at = [], 0
    for line in page.lines:
        if at < end and start < at + len(line.text):
            corners.append(line.corners)
        at += len(line.text) + 1  # lines are joined by a line break
    return corners
