"""What this plugin adds; nothing heavy is imported here."""

from collections.abc import Iterable

from duomo import Hooks, ModelSpec, hookimpl

READER = ModelSpec(
    "edge/image-classifier",
    "image-classification",
    "duomo_edge.images.classifying:ImageClassifier",
    "any image classifier as an ONNX or OpenVINO graph with a duomo.json",
    "Apache-2.0",
    weights="given",
    limits="runs on the CPU; what stands around the graph is what its duomo.json says",
)

READERS = (
    READER,
    READER._replace(
        name="edge/image-embedder",
        task="image-feature-extraction",
        loader="duomo_edge.images.embedding:ImageEmbedder",
        summary="any image encoder as a graph with a duomo.json",
    ),
    READER._replace(
        name="edge/detector",
        task="object-detection",
        loader="duomo_edge.images.detecting:Detector",
        summary="DETR and its kin as a graph with a duomo.json",
    ),
    READER._replace(
        name="edge/text-classifier",
        task="text-classification",
        loader="duomo_edge.texts.classifying:TextClassifier",
        summary="any text classifier as a graph with a tokenizer.json and a duomo.json",
    ),
    *(
        READER._replace(
            name="edge/text-encoder",
            task=task,
            loader=f"duomo_edge.texts.embedding:{loader}",
            summary="any text encoder as a graph with a tokenizer.json and a duomo.json",
        )
        for task, loader in (
            ("feature-extraction", "FeatureExtraction"),
            ("sentence-similarity", "SentenceSimilarity"),
            ("semantic-search", "SemanticSearch"),
            ("zero-shot-classification", "ZeroShotClassification"),
        )
    ),
    READER._replace(
        name="edge/voice-activity",
        task="voice-activity-detection",
        loader="duomo_edge.sound.activity:VoiceActivityDetector",
        summary="Silero VAD as a graph with a duomo.json",
    ),
    READER._replace(
        name="edge/whisper",
        task="automatic-speech-recognition",
        loader="duomo_edge.sound.recognition:Whisper",
        summary="Whisper as graphs with a duomo.json",
        limits="runs on the CPU, one window of up to 30 s after another",
        tags=("any-length", "timestamps"),
    ),
)

HIBARI = ModelSpec(
    "edge/hibari",
    "text-to-speech",
    "duomo_edge.sound.speaking:PackagedVoice",
    "English text to speech at 24 kHz, without torch",
    "Apache-2.0",
    weights="package:hibari/assets/hibari.onnx",
    sha256="5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8",
    size=7_936_868,
    packages=("hibari-tts==0.2.1 --hash=sha256:49f2abbbe451c988e7448b5afa08c8a56410535ebb855c0e7d174275df5ca1f3",),
    languages=("en",),
    limits="English only, one voice (heart). CPU only.",
)


class Edge(Hooks):
    """Exported models, without torch."""

    @hookimpl
    def register_models(self) -> Iterable[ModelSpec]:
        return (*READERS, HIBARI)


plugin = Edge()
