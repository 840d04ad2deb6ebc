"""The steps of the demo, in order; they know tasks by name, and neither plugins nor HTML."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from duomo.errors import counted
from duomo_multimodal.demo.stage import Stage, Step

if TYPE_CHECKING:
    from duomo.tasks.results import Hit, SearchResult

Shown = tuple[str, dict[str, Any]]


class Photo(NamedTuple):
    """An image in scikit-image's package."""

    file: str
    alt: str
    credit: str


PHOTOS = {
    "cat": Photo("chelsea.png", "The face of a tabby cat", "Chelsea: Stéfan van der Walt, CC0"),
    "coffee": Photo("coffee.png", "A cup of espresso beside a spoon", "Coffee: Rachel Michetti, CC0"),
    "motorcycle": Photo("motorcycle_left.png", "A motorcycle in a garage", "Motorcycle: Middlebury Stereo 2014"),
    "rocket": Photo("rocket.jpg", "A rocket on its launch pad at night", "Rocket: SpaceX, public domain"),
    "camera": Photo("camera.png", "A man behind a camera on a tripod", "Cameraman: Lav Varshney, CC0"),
    "astronaut": Photo("astronaut.png", "A smiling astronaut before a flag", "Eileen Collins: NASA, public domain"),
    "coins": Photo("coins.png", "Rows of ancient coins", "Coins: Brooklyn Museum, no known restrictions"),
    "page": Photo("page.png", "A scanned page of a book", "Page: scikit-image"),
}
CLASSIFIED = ("cat", "coffee", "motorcycle", "rocket")
CHOSEN = (*CLASSIFIED, "camera")
# None of these words is the name of a class the classifier was trained on.
LABELS = ("a pet", "a hot drink", "a motorbike", "a spacecraft", "a photographer")
QUERIES = ("something to drink", "a furry animal", "a vehicle with two wheels")
CORPUS = (
    "Open Settings and choose Security to set a new password.",
    "Parcels are handed over within three working days.",
    "Send any item back within thirty days and get your money returned.",
    "Our shop opens at nine in the morning and closes at six.",
    "Invoices are sent by e-mail on the first of each month.",
)
QUESTIONS = ("I can't log in any more", "When will my order get here?")
SENTENCES = (
    "Where is the nearest station?",
    "Wo ist der nächste Bahnhof?",
    "¿Dónde está la estación más cercana?",
    "Où se trouve la gare la plus proche ?",
    "Где находится ближайший вокзал?",
    "أين تقع أقرب محطة قطار؟",
    "最寄りの駅はどこですか。",
    "离这里最近的车站在哪里？",
)
REVIEWS = (
    "The screen is gorgeous and the battery lasts for days.",
    "It does what it says, nothing more.",
    "Broke after a week and nobody answers my mails. Terrible!",
)
SPOKEN_QUERY = "Can you show me the launch of a spacecraft?"
CALL = (
    "Good morning, this is the clinic in Boston.",
    "Your appointment is on Monday at three o'clock.",
    "Please bring your insurance card.",
)
PAUSE_S = 0.9
PROMPTS = ("What is the capital of France?", "Write a few lines about the sea.")


def classify(stage: Stage) -> Shown:
    """What is in each of some photos."""
    with stage.load("image-classification") as runner:
        found = [outcome.unwrap() for outcome in runner.map(_photos(stage, CLASSIFIED), top_k=3)]
    summary = " · ".join(f"{each.top.name} {each.top.score:.0%}" for each in found)
    return summary, {"photos": list(zip(CLASSIFIED, (each.labels for each in found), strict=True))}


def choose(stage: Stage) -> Shown:
    """Labels that no one trained a classifier for."""
    with stage.load("zero-shot-image-classification") as runner:
        found = [outcome.unwrap() for outcome in runner.map(_photos(stage, CHOSEN), labels=list(LABELS))]
    scores = [{label.name: label.score for label in each.labels} for each in found]
    summary = " · ".join(f"{each.top.name} {each.top.score:.0%}" for each in found)
    return summary, {"names": CHOSEN, "labels": LABELS, "scores": scores}


def find_faces(stage: Stage) -> Shown:
    """Where the face is."""
    with stage.load("face-detection") as runner:
        found = runner(_photos(stage, ["astronaut"])[0])
    count = len(found.boxes)
    return f"{counted(count, 'face')} in astronaut", {"found": found}


def read_page(stage: Stage) -> Shown:
    """The lines of a scanned page."""
    with stage.load("optical-character-recognition") as runner:
        page = runner(_photos(stage, ["page"])[0])
    return f"{len(page.lines)} line{'' if len(page.lines) == 1 else 's'}: “{page.lines[0].text} …", {"page": page}


def search_photos(stage: Stage) -> Shown:
    """Photos by what they show, asked in writing."""
    with stage.load("image-search") as runner:
        found = [outcome.unwrap() for outcome in runner.map(QUERIES, images=_gallery(stage), top_k=3)]
    summary = " · ".join(f"{each.query} → {_name(each.top)}" for each in found)
    return summary, {"found": [(each.query, _named(each)) for each in found]}


def speak(stage: Stage) -> Shown:
    """A question and a short message, said aloud."""
    import numpy as np

    from duomo.tasks.speech.synthesis import Speech

    with stage.load("text-to-speech") as runner:
        stage.sounds["question"] = runner(SPOKEN_QUERY)
        said = [runner(sentence) for sentence in CALL]
    rate = said[0].sampling_rate
    pause = np.zeros(int(rate * PAUSE_S), dtype=np.float32)
    samples = np.concatenate([pause, *(part for each in said for part in (each.samples, pause))])
    stage.sounds["call"] = call = Speech.from_samples(samples, rate)
    return f"{call.duration:.1f} s of speech", {"sentences": CALL, "sound": call}


def detect_speech(stage: Stage) -> Shown:
    """When someone speaks in the message."""
    call = stage.sound("call")
    with stage.load("voice-activity-detection") as runner:
        found = runner(call.wav)
    seconds = f"{found.speech_seconds:.1f} of {found.duration:.1f} s"
    return f"{len(found.segments)} stretches of speech, {seconds}", {"segments": found.segments, "sound": call}


def transcribe(stage: Stage) -> Shown:
    """What is said in the message."""
    call = stage.sound("call")
    with stage.load("automatic-speech-recognition") as runner:
        found = runner(call.wav)
    return f"“{found.text.strip()}”", {"transcript": found}


def search_by_voice(stage: Stage) -> Shown:
    """Photos by what they show, asked aloud."""
    question = stage.sound("question")
    with stage.load("spoken-image-search") as runner:
        found = runner(question.wav, images=_gallery(stage), top_k=3)
    return f"heard “{found.query}” → {_name(found.top)}", {
        "sound": question,
        "heard": found.query,
        "hits": _named(found),
    }


def search_texts(stage: Stage) -> Shown:
    """Texts by meaning: question and answer share no word."""
    with stage.load("semantic-search") as runner:
        found = [outcome.unwrap() for outcome in runner.map(QUESTIONS, corpus=CORPUS, top_k=2)]
    summary = " · ".join(f"{each.query} → {each.top.item}" for each in found)
    return summary, {"found": found}


def identify_languages(stage: Stage) -> Shown:
    """One question in eight languages."""
    with stage.load("language-identification") as runner:
        found = [outcome.unwrap().top for outcome in runner.map(SENTENCES)]
    return " ".join(each.name for each in found), {"found": list(zip(SENTENCES, found, strict=True))}


def weigh_reviews(stage: Stage) -> Shown:
    """Praise and complaint."""
    with stage.load("text-classification") as runner:
        found = [outcome.unwrap() for outcome in runner.map(REVIEWS)]
    summary = " · ".join(f"{each.top.name} {each.top.score:.0%}" for each in found)
    return summary, {"found": list(zip(REVIEWS, found, strict=True))}


def chat(stage: Stage) -> Shown:
    """Two questions to a small language model; its words are shown as they come."""
    stage.tell("waking up; the very first time takes half a minute")
    turns = []
    with stage.load("text-generation") as runner:
        for prompt in PROMPTS:
            answer = ""
            for part in runner.stream(prompt, max_new_tokens=48):
                answer += part.text
                stage.tell(answer)
            turns.append((prompt, answer.strip()))
    return " · ".join(f"“{answer}”" for _, answer in turns), {"turns": turns}


STEPS = (
    Step("classify", "Name what is in a photo", "image-classification", classify),
    Step("choose", "Choose among your words", "zero-shot-image-classification", choose),
    Step("faces", "Find faces", "face-detection", find_faces),
    Step("read", "Read a page", "optical-character-recognition", read_page, slow=True),
    Step("search", "Find photos by text", "image-search", search_photos),
    Step("speak", "Speak", "text-to-speech", speak),
    Step("voices", "Hear when someone speaks", "voice-activity-detection", detect_speech),
    Step("transcribe", "Write down what is said", "automatic-speech-recognition", transcribe),
    Step("ask", "Find photos by voice", "spoken-image-search", search_by_voice),
    Step("texts", "Find texts by meaning", "semantic-search", search_texts),
    Step("languages", "Tell languages apart", "language-identification", identify_languages),
    Step("reviews", "Weigh reviews", "text-classification", weigh_reviews),
    Step("chat", "Chat", "text-generation", chat, slow=True),
)


def _photos(stage: Stage, names: Iterable[str]) -> list[Path]:
    return [stage.photo(PHOTOS[name].file) for name in names]


def _gallery(stage: Stage) -> list[Path]:
    return _photos(stage, PHOTOS)


def _name(hit: Hit) -> str:
    return list(PHOTOS)[hit.index]


def _named(found: SearchResult) -> list[tuple[str, float]]:
    return [(_name(hit), hit.score) for hit in found.hits]
