"""Tasks on speech."""

from typing import TYPE_CHECKING

from duomo.lazy import face
from duomo.tasks.table import SOUNDS, TEXTS, row

if TYPE_CHECKING:
    from duomo.tasks.results import (
        Classification as Classification,
        Embedding as Embedding,
    )
    from duomo.tasks.speech.activity import *
    from duomo.tasks.speech.alignment import *
    from duomo.tasks.speech.classification import *
    from duomo.tasks.speech.coding import *
    from duomo.tasks.speech.continuation import *
    from duomo.tasks.speech.enhancement import *
    from duomo.tasks.speech.languages import *
    from duomo.tasks.speech.music import *
    from duomo.tasks.speech.recognition import *
    from duomo.tasks.speech.separation import *
    from duomo.tasks.speech.sound import *
    from duomo.tasks.speech.speakers import *
    from duomo.tasks.speech.synthesis import *
    from duomo.tasks.speech.waking import *

TASKS = (
    row(
        "automatic-speech-recognition",
        "speech.recognition:SpeechRecognition",
        "write down what is said",
        SOUNDS,
        "call.wav",
    ),
    row("voice-activity-detection", "speech.activity", "when someone speaks", SOUNDS, "call.wav"),
    row("audio-classification", "speech.classification", "a label for audio", SOUNDS, "call.wav -m dir:PATH"),
    row(
        "zero-shot-audio-classification",
        "speech.classification",
        "choose for an audio clip among labels given on the spot",
        SOUNDS,
        'call.wav -m dir:PATH -p "labels=a dog,rain"',
    ),
    row("text-to-speech", "speech.synthesis", "say a text aloud", TEXTS, '-t "Hello" -O hello.wav'),
    row("speaker-embedding", "speech.speakers", "a voice as a vector", SOUNDS, "call.wav"),
    row(
        "speaker-verification",
        "speech.speakers",
        "whether two voices are one person's",
        arguments="",
        item='{"audio": "a.wav", "audio_pair": "b.wav"}',
    ),
    row("speaker-diarization", "speech.speakers", "who speaks when", SOUNDS, "call.wav"),
    row(
        "speech-enhancement",
        "speech.enhancement",
        "speech without the noise around it",
        SOUNDS,
        "call.wav -O clean.wav",
    ),
    row(
        "audio-continuation",
        "speech.continuation",
        "sound that goes on from an audio clip",
        SOUNDS,
        "song.wav -m dir:PATH -O more.wav",
    ),
    row("pitch-estimation", "speech.music", "how high a voice or an instrument is", SOUNDS, "song.wav"),
    row("note-transcription", "speech.music", "the notes that are played or sung", SOUNDS, "song.wav"),
    row(
        "spoken-language-identification", "speech.languages", "which language is spoken", SOUNDS, "call.wav -m dir:PATH"
    ),
    row(
        "forced-alignment",
        "speech.alignment",
        "when each word of a known text is said",
        item='{"audio": "a.wav", "text": "hello there"}',
    ),
    row(
        "source-separation",
        "speech.separation",
        "the voices or instruments of an audio clip, each alone",
        SOUNDS,
        "song.wav -m dir:PATH -O parts.html",
    ),
    row(
        "audio-tokenization",
        "speech.coding",
        "sound as the codes of a neural codec, and as they sound again",
        SOUNDS,
        "call.wav -m dir:PATH -O coded.wav",
    ),
    row("wake-word-detection", "speech.waking", "when a wake word is said, such as hey jarvis", SOUNDS, "call.wav"),
)

face(
    __name__,
    {
        "duomo.tasks.speech.activity": "Interval VoiceActivity VoiceActivityDetection VoiceActivityDetectionOptions",
        "duomo.tasks.speech.alignment": "AlignedWord Alignment ForcedAlignment ForcedAlignmentOptions",
        "duomo.tasks.speech.classification": "AudioClassification AudioClassificationOptions"
        " ZeroShotAudioClassification ZeroShotAudioClassificationOptions",
        "duomo.tasks.speech.coding": "AudioTokenization AudioTokenizationOptions CodedSound",
        "duomo.tasks.speech.continuation": "AudioContinuation AudioContinuationOptions",
        "duomo.tasks.speech.enhancement": "SpeechEnhancement SpeechEnhancementOptions",
        "duomo.tasks.speech.languages": "SpokenLanguageIdentification SpokenLanguageIdentificationOptions",
        "duomo.tasks.speech.music": "Note Notes NoteTranscription NoteTranscriptionOptions Pitch PitchEstimation"
        " PitchEstimationOptions",
        "duomo.tasks.speech.separation": "SeparatedSound Separation SourceSeparation SourceSeparationOptions",
        "duomo.tasks.speech.sound": "Sound",
        "duomo.tasks.speech.recognition": "Segment SpeechRecognition SpeechRecognitionOptions Transcript",
        "duomo.tasks.speech.speakers": "Diarization SpeakerDiarization SpeakerDiarizationOptions SpeakerEmbedding"
        " SpeakerEmbeddingOptions SpeakerVerification SpeakerVerificationOptions Turn Verification",
        "duomo.tasks.speech.synthesis": "Speech TextToSpeech TextToSpeechOptions",
        "duomo.tasks.speech.waking": "WakeWord WakeWordDetection WakeWordDetectionOptions WakeWords",
        "duomo.tasks.results": "Classification Embedding",
    },
)
