"""Other names of tasks: those of the hub, and those that people type. A task's own name always comes first."""

from __future__ import annotations

_OTHERS = {
    "image-classification": "classify-image image-recognition",
    "image-feature-extraction": "image-embedding image-embeddings image-to-vector",
    "face-detection": "detect-faces faces",
    "face-landmarks": "face-alignment face-mesh facial-landmarks",
    "person-segmentation": "people-segmentation portrait-segmentation selfie-segmentation",
    "optical-flow": "dense-optical-flow flow-estimation",
    "optical-character-recognition": "ocr text-recognition",
    "text-classification": "classify-text sentiment sentiment-analysis",
    "token-classification": "entity-recognition named-entity-recognition ner pos-tagging",
    "question-answering": "extractive-question-answering extractive-qa qa",
    "zero-shot-classification": "zero-shot-text-classification",
    "language-identification": "langid language-detection lid",
    "feature-extraction": "embed embedding embeddings sentence-embedding sentence-embeddings text-embedding "
    "text-embeddings text-feature-extraction",
    "sentence-similarity": "semantic-textual-similarity similarity sts text-similarity",
    "semantic-search": "retrieval text-retrieval text-search",
    "text-pair-classification": "natural-language-inference nli paraphrase-detection",
    "table-question-answering": "table-qa tapas",
    "time-series-forecasting": "forecast forecasting",
    "time-series-anomaly-detection": "anomaly-detection",
    "text-pair-regression": "sentence-pair-regression",
    "next-sentence-prediction": "nsp next-sentence",
    "sentence-splitting": "sentence-segmentation split-sentences",
    "keyword-extraction": "keyphrase-extraction keywords",
    "spelling-correction": "spell-check spelling",
    "text-generation": "causal-lm chat completion generate llm",
    "automatic-speech-recognition": "asr speech-recognition speech-to-text stt transcribe transcription",
    "voice-activity-detection": "speech-activity-detection vad",
    "text-to-speech": "speech-synthesis text-to-audio tts",
    "speaker-embedding": "speaker-embeddings voice-embedding",
    "speaker-verification": "speaker-recognition verify-speaker",
    "speaker-diarization": "diarization diarize who-speaks-when",
    "speech-enhancement": "denoise denoising noise-suppression",
    "pitch-estimation": "f0 pitch pitch-detection",
    "note-transcription": "audio-to-midi music-transcription notes",
    "spoken-language-identification": "audio-language-identification spoken-language-recognition",
    "forced-alignment": "align aligner word-alignment",
    "source-separation": "audio-separation music-separation speech-separation",
    "audio-tokenization": "audio-codec audio-coding codec",
    "wake-word-detection": "hotword wake-word wakeword",
    "zero-shot-audio-classification": "clap",
    "zero-shot-image-classification": "clip image-text-classification",
    "document-classification": "classify-document document-image-classification visual-document-classification",
    "document-parsing": "form-understanding receipt-parsing key-information-extraction",
    "document-question-answering": "docvqa document-qa",
    "multimodal-embedding": "image-text-embedding multimodal-embeddings",
    "image-search": "image-retrieval text-to-image-retrieval text-to-image-search",
    "spoken-image-search": "voice-image-search",
}
ALIASES = {alias: task for task, others in _OTHERS.items() for alias in others.split()}
"""Alias → the task that is meant."""
SEVERAL = {"image-segmentation": ("semantic-segmentation", "instance-segmentation", "panoptic-segmentation")}
"""Names of the hub that stand for several tasks here."""


def aliases_of(task: str) -> list[str]:
    """The other names of a task."""
    return _OTHERS.get(task, "").split()
