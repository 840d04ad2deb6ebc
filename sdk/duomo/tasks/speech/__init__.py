"""Tasks on speech."""

from typing import TYPE_CHECKING

from duomo.lazy import face
from duomo.tasks.table import SOUNDS, TEXTS, row

if TYPE_CHECKING:
    from duomo.tasks.results import Classification as Classification, Embedding as Embedding
    from duomo.tasks.speech.activity import (
        Interval as Interval,
        VoiceActivity as VoiceActivity,
        VoiceActivityDetection as VoiceActivityDetection,
        VoiceActivityDetectionOptions as VoiceActivityDetectionOptions,
    )
    from duomo.tasks.speech.classification import (
        AudioClassification as AudioClassification,
        AudioClassificationOptions as AudioClassificationOptions,
    )
    from duomo.tasks.speech.recognition import (
        Segment as Segment,
        SpeechRecognition as SpeechRecognition,
        SpeechRecognitionOptions as SpeechRecognitionOptions,
        Transcript as Transcript,
    )
    from duomo.tasks.speech.speakers import (
        SpeakerEmbedding as SpeakerEmbedding,
        SpeakerEmbeddingOptions as SpeakerEmbeddingOptions,
        SpeakerVerification as SpeakerVerification,
        SpeakerVerificationOptions as SpeakerVerificationOptions,
        Verification as Verification,
    )
    from duomo.tasks.speech.synthesis import (
        Speech as Speech,
        TextToSpeech as TextToSpeech,
        TextToSpeechOptions as TextToSpeechOptions,
    )

TASKS = (
    row(
        "automatic-speech-recognition",
        "speech.recognition:SpeechRecognition",
        "write down what is said",
        SOUNDS,
        "call.wav",
    ),
    row(
        "voice-activity-detection", "speech.activity:VoiceActivityDetection", "when somebody speaks", SOUNDS, "call.wav"
    ),
    row(
        "audio-classification",
        "speech.classification:AudioClassification",
        "a label for a recording",
        SOUNDS,
        "call.wav -m dir:PATH",
    ),
    row("text-to-speech", "speech.synthesis:TextToSpeech", "say a text aloud", TEXTS, '-t "Hello" -O hello.wav'),
    row("speaker-embedding", "speech.speakers:SpeakerEmbedding", "a voice as a vector", SOUNDS, "call.wav"),
    row(
        "speaker-verification",
        "speech.speakers:SpeakerVerification",
        "whether two voices are one person's",
        (),
        """--input-format jsonl - <<< '{"audio": "a.wav", "audio_pair": "b.wav"}'""",
    ),
)

face(
    __name__,
    {
        "duomo.tasks.speech.activity": "Interval VoiceActivity VoiceActivityDetection VoiceActivityDetectionOptions",
        "duomo.tasks.speech.classification": "AudioClassification AudioClassificationOptions",
        "duomo.tasks.speech.recognition": "Segment SpeechRecognition SpeechRecognitionOptions Transcript",
        "duomo.tasks.speech.speakers": "SpeakerEmbedding SpeakerEmbeddingOptions"
        " SpeakerVerification SpeakerVerificationOptions Verification",
        "duomo.tasks.speech.synthesis": "Speech TextToSpeech TextToSpeechOptions",
        "duomo.tasks.results": "Classification Embedding",
    },
)
