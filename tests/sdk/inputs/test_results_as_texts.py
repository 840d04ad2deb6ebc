"""What one task gives goes into the next: results with a text are texts, and chains are ordinary Python."""

import pytest

from duomo.errors import DuomoError
from duomo.inputs import Prompt, Question, Text
from duomo.tasks.nlp import Answers
from duomo.tasks.nlp.writing import Translation
from duomo.tasks.speech import Segment, Transcript
from duomo.tasks.vision import Page


def test_a_transcript_a_page_and_a_translation_are_texts() -> None:
    said = Transcript(text="Good morning.", segments=[Segment(start=0.0, end=1.0, text="Good morning.")])
    page = Page(lines=[], width=8, height=8)
    assert Text.accept(said) == "Good morning."
    assert Text.accept(Translation(translation_text="Bonjour.", finish_reason="stop", num_new_tokens=3)) == "Bonjour."
    assert Question.accept(("What is said?", said)).context == "Good morning."
    assert Prompt.accept(said).text == "Good morning."
    with pytest.raises(DuomoError, match="empty"):
        Text.accept(page)


def test_a_result_without_a_text_is_none() -> None:
    with pytest.raises(DuomoError, match="a text is expected, not Answers"):
        Text.accept(Answers(answers=[]))
