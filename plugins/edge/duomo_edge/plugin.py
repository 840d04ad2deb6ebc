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


class Edge(Hooks):
    """Exported models, without torch."""

    @hookimpl
    def register_models(self) -> Iterable[ModelSpec]:
        return READERS


plugin = Edge()
