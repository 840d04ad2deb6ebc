"""The shared vocabulary: what each task takes, which options it has and what it gives back.

This page is a table of names, so that listing tasks imports nothing heavy; the classes live in
`duomo.tasks.vision`, `nlp`, `speech` and `multimodal`, and are reachable from here by name.
"""

import importlib
from typing import Any

from duomo.specs import TaskSpec

IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif")
SOUNDS = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif", ".opus", ".m4a")
TEXTS = (".txt", ".md")


def _spec(name: str, cls: str, summary: str, suffixes: tuple[str, ...], example: str) -> TaskSpec:
    modality = cls.partition(":")[0]
    return TaskSpec(name, f"duomo.tasks.{cls}", summary, modality, suffixes, f"duomo run {name} {example}")


CORE_TASKS: tuple[TaskSpec, ...] = (
    _spec("image-classification", "vision:ImageClassification", "what is in a picture", IMAGES, "cat.jpg"),
    _spec("image-feature-extraction", "vision:ImageFeatureExtraction", "a picture as a vector", IMAGES, "cat.jpg"),
    _spec("face-detection", "vision:FaceDetection", "where the faces are", IMAGES, "people.jpg"),
    _spec("optical-character-recognition", "vision:CharacterRecognition", "read a page", IMAGES, "page.png"),
    _spec("text-classification", "nlp:TextClassification", "a label for a text", TEXTS, '-t "I love it"'),
    _spec(
        "token-classification",
        "nlp:TokenClassification",
        "names and terms in a text",
        TEXTS,
        '-m dir:PATH -t "Ada met Bob"',
    ),
    _spec(
        "question-answering",
        "nlp:QuestionAnswering",
        "the stretch of a text that answers a question",
        (),
        """-m dir:PATH --input-format jsonl - <<< '{"question": "Who came?", "context": "Ada came at noon."}'""",
    ),
    _spec(
        "zero-shot-classification",
        "nlp:ZeroShotClassification",
        "choose among labels given on the spot",
        TEXTS,
        '-t "The match ended 2:1" -p labels=sport,politics',
    ),
    _spec(
        "language-identification", "nlp:LanguageIdentification", "which language a text is in", TEXTS, '-t "Guten Tag"'
    ),
    _spec("feature-extraction", "nlp:FeatureExtraction", "a text as a vector", TEXTS, '-t "a red car"'),
    _spec(
        "sentence-similarity",
        "nlp:SentenceSimilarity",
        "how alike texts are in meaning",
        (),
        """--input-format jsonl - <<< '{"source": "a cat", "sentences": ["a kitten", "a lorry"]}'""",
    ),
    _spec(
        "semantic-search",
        "nlp:SemanticSearch",
        "find texts by meaning",
        TEXTS,
        """-t "small cat" -p 'corpus=["a kitten", "a lorry"]'""",
    ),
    _spec("text-generation", "nlp:TextGeneration", "go on from a prompt or a chat", TEXTS, '-t "Write a haiku"'),
    _spec("automatic-speech-recognition", "speech:SpeechRecognition", "write down what is said", SOUNDS, "call.wav"),
    _spec("voice-activity-detection", "speech:VoiceActivityDetection", "when somebody speaks", SOUNDS, "call.wav"),
    _spec("text-to-speech", "speech:TextToSpeech", "say a text aloud", TEXTS, '-t "Hello" -O hello.wav'),
    _spec("speaker-embedding", "speech:SpeakerEmbedding", "a voice as a vector", SOUNDS, "call.wav"),
    _spec(
        "speaker-verification",
        "speech:SpeakerVerification",
        "whether two voices are one person's",
        (),
        """--input-format jsonl - <<< '{"audio": "a.wav", "audio_pair": "b.wav"}'""",
    ),
    _spec(
        "zero-shot-image-classification",
        "multimodal:ZeroShotImageClassification",
        "choose among labels for a picture",
        IMAGES,
        'cat.jpg -p labels="a cat,a dog"',
    ),
    _spec(
        "document-question-answering",
        "multimodal:DocumentQuestionAnswering",
        "what a page says to a question, and where",
        (),
        """-m dir:PATH --input-format jsonl - <<< '{"question": "Which total?", "image": "invoice.png"}'""",
    ),
    _spec(
        "multimodal-embedding", "multimodal:MultimodalEmbedding", "text and pictures in one space", IMAGES, "cat.jpg"
    ),
    _spec(
        "image-search",
        "multimodal:ImageSearch",
        "find pictures by a text or a picture",
        IMAGES,
        '-t "a cup of coffee" -p images=photos/',
    ),
    _spec(
        "spoken-image-search",
        "multimodal:SpokenImageSearch",
        "find pictures by asking aloud",
        SOUNDS,
        "question.wav -p images=photos/",
    ),
)

_CLASSES = {spec.target.rpartition(":")[2]: spec.target.partition(":")[0] for spec in CORE_TASKS}


def __getattr__(name: str) -> Any:
    if name in _CLASSES:
        return getattr(importlib.import_module(_CLASSES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_CLASSES})
