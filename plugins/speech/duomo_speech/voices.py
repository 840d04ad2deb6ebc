"""What speaks by a checkpoint that the caller names; nothing heavy is imported here."""

from duomo import ModelSpec

VITS = ModelSpec(
    "speech/vits",
    "text-to-speech",
    "duomo_speech.vits:Vits",
    "any VITS checkpoint of transformers, MMS-TTS among them: text to speech in its language",
    "Apache-2.0",
    weights="given",
    architectures=("VitsModel",),
    limits="its own letters alone: numbers as words; signs such as & are left out (meta: truncated); no romanizing; "
    "speakers have numbers, not names",
)
SPEECHT5 = VITS._replace(
    name="speech/speecht5",
    loader="duomo_speech.speecht5:SpeechT5",
    summary="any SpeechT5 checkpoint for text to speech, with its vocoder and vectors of speakers in the folder",
    requires=("sentencepiece>=0.2",),
    architectures=("SpeechT5ForTextToSpeech",),
    limits="its own letters alone: numbers as words; signs such as & are left out (meta: truncated); one speed; a "
    "voice is a vector that you bring",
)
BARK = VITS._replace(
    name="speech/bark",
    loader="duomo_speech.bark:Bark",
    summary="any Bark checkpoint: text to speech in 13 languages, with voices of its folder",
    architectures=("BarkModel",),
    limits="invents words and noises; one speed; without a voice each part of 200 characters is said by another",
)
VOICES = (VITS, SPEECHT5, BARK)
