"""Finding pictures by asking aloud, with questions that our own voice asks."""

import numpy as np
import pytest

import duomo
from duomo.errors import InputUnreadable

pytestmark = pytest.mark.embedded

QUESTIONS = {
    "Show me a cup of coffee.": "a cup of coffee",
    "Where is the cat?": "a cat",
    "Can you show me a motorbike?": "a motorcycle",
    "Find the rocket, please.": "a rocket",
    "I am looking for a flower.": "a flower",
}


@pytest.fixture(scope="module")
def ask():
    with duomo.load("spoken-image-search", "multimodal/spoken-search") as runner:
        yield runner


def test_spoken_questions_find_their_photo_and_say_what_was_heard(ask, photos):
    with duomo.load("text-to-speech", "speech/hibari") as speak:
        spoken = [outcome.unwrap() for outcome in speak.map(list(QUESTIONS))]
    found = [outcome.unwrap() for outcome in ask.map([each.wav for each in spoken], images=list(photos.values()))]
    names = list(photos)
    right = [names[each.top.index] == name for each, name in zip(found, QUESTIONS.values(), strict=True)]
    assert sum(right) >= 4, [(each.query, names[each.top.index]) for each in found]
    heard = " ".join(each.query.lower() for each in found)
    assert sum(word in heard for word in ("coffee", "cat", "motorbike", "rocket", "flower")) >= 4


def test_silence_is_no_question_and_the_others_are_answered(ask, photos):
    with duomo.load("text-to-speech", "speech/hibari") as speak:
        question = speak("Show me a cup of coffee.").wav
    silence = (np.zeros(32_000, dtype=np.float32), 16_000)
    quiet, asked = ask.map([silence, question], images=[photos["a cat"], photos["a cup of coffee"]], batch_size=2)
    assert asked.unwrap().top.index == 1
    with pytest.raises(InputUnreadable, match="no question was heard"):
        quiet.unwrap()


@pytest.mark.equals("every cosine of what the recogniser heard, to 1e-5", "spoken-image-search")
def test_photos_come_in_the_order_of_all_cosines_with_what_was_heard(ask, embed, photos):
    with duomo.load("text-to-speech", "speech/hibari") as speak:
        question = speak("Where is the cat?").wav
    with duomo.load("automatic-speech-recognition", "speech/whisper-tiny.en") as recognise:
        heard = recognise(question).text.strip()
    images = list(photos.values())
    query, *vectors = (np.array(embed({kind: each}).vector) for kind, each in
                       [("text", heard), *(("image", each) for each in images)])  # fmt: skip
    cosines = [float(query @ each / np.linalg.norm(query) / np.linalg.norm(each)) for each in vectors]
    found = ask(question, images=images, top_k=len(images))
    assert found.query == heard
    assert [hit.index for hit in found.hits] == sorted(range(len(images)), key=lambda at: -cosines[at])
    assert [hit.score for hit in found.hits] == pytest.approx(sorted(cosines, reverse=True), abs=1e-5)
