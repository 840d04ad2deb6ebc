"""Frames of a video: in order, with their times, and refused where the file is not what it says."""

import io
import struct
from typing import Any

import av
import numpy as np
import pytest

from duomo.errors import InputMissing, InputTooLarge, InputUnreadable
from duomo.inputs import Video
from duomo.inputs.frames import VideoReader


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Ten grey frames, each brighter by 20, at ten a second."""
    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for at in range(10):
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), at * 20, np.uint8), format="rgb24")
            out.mux(stream.encode(picture))
        out.mux(stream.encode())
    return path


def test_frames_come_in_order_with_their_times(clip):
    with VideoReader(clip) as video:
        assert (video.width, video.height, video.rate, video.num_frames) == (64, 48, 10.0, 10)
        assert video.seconds == pytest.approx(1.0)
        frames = list(video.frames())
    assert [each.number for each in frames] == list(range(10))
    assert [each.time_s for each in frames] == pytest.approx([at / 10 for at in range(10)])


def test_a_frame_is_rgb_as_it_was_drawn(clip):
    with VideoReader(clip) as video:
        levels = [int(each.rgb().mean()) for each in video.frames()]
    assert levels == pytest.approx([at * 20 for at in range(10)], abs=2)


@pytest.mark.parametrize("turns", [0, 1, 2, -1])
@pytest.mark.parametrize("mirrored", [(), ("hflip",), ("vflip",)])
def test_a_frame_is_turned_and_mirrored_as_the_file_says(turns, mirrored):
    drawn = np.zeros((32, 64, 3), np.uint8)
    drawn[:16, :32, 0] = drawn[:16, 32:, 1] = drawn[16:, 32:, 2] = 250
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        stream.set_display_rotation(90 * turns, **dict.fromkeys(mirrored, True))
        out.mux([*stream.encode(av.VideoFrame.from_ndarray(drawn, format="rgb24")), *stream.encode()])
    expected = np.rot90(drawn, turns)
    expected = np.flip(expected, 1 if "hflip" in mirrored else 0) if mirrored else expected
    found = Video.accept(file.getvalue()).first(1).frames[0]
    assert found.shape == expected.shape
    assert np.abs(found[4::8, 4::8].astype(int) - expected[4::8, 4::8]).max() < 60, "corners are where they belong"


def test_the_bytes_of_a_file_are_the_same_video(clip):
    with VideoReader(clip.read_bytes()) as video:
        assert len(list(video.frames())) == 10


def test_what_is_not_there_or_not_a_video_is_said(tmp_path):
    with pytest.raises(InputMissing):
        VideoReader(tmp_path / "none.mp4")
    (tmp_path / "text.mp4").write_bytes(b"hello " * 100)
    with pytest.raises(InputUnreadable, match="cannot open"):
        VideoReader(tmp_path / "text.mp4")


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("mp4", {}), ("mp4", {"movflags": "faststart"}), ("mov", {"movflags": "faststart"}), ("matroska", {}),
        ("webm", {}), ("avi", {}), ("flv", {}),
    ],
)  # fmt: skip
def test_a_file_cut_short_is_unreadable_and_not_shorter(tmp_path, kind, options):
    content = written(tmp_path, kind, {}, options)
    with VideoReader(content) as video:
        assert len(list(video.frames())) == 20
    for share in (0.4, 0.7):
        with pytest.raises(InputUnreadable), VideoReader(content[: int(len(content) * share)]) as video:
            list(video.frames())
    with pytest.raises(InputUnreadable, match="video"):
        Video.accept(content[: len(content) // 2]).spread(4)


@pytest.mark.parametrize(
    ("kind", "parts", "options"),
    [
        ("mp4", {}, {"movflags": "frag_keyframe+empty_moov"}),
        ("mp4", {"sound_s": 2}, {"movflags": "frag_keyframe+empty_moov"}),
        ("matroska", {"sound_s": 2}, {}), ("matroska", {"sound_s": 2}, {"live": "1"}),
        ("mpegts", {}, {}), ("mpegts", {"sound_s": 2}, {}), ("mpegts", {}, {"mpegts_m2ts_mode": "1"}),
        ("avi", {"sound_s": 2}, {}), ("flv", {}, {}), ("asf", {}, {}), ("gif", {}, {}),
        ("ivf", {}, {}),
    ],
)  # fmt: skip
def test_a_file_whose_length_nothing_says_ends_with_a_whole_part(tmp_path, kind, parts, options):
    content = written(tmp_path, kind, parts, options)
    assert Video.accept(content).spread(4).total == 20
    assert Video.accept(content + bytes(64 * (kind != "mpegts"))).spread(4).total == 20, "zeros behind it are no part"
    for share in (0.6, 0.8):
        end = int(len(content) * share)
        with pytest.raises(InputUnreadable, match="cut short"):
            Video.accept(content[: end + (end % 188 == 0)]).spread(4)
    for path, until in ((tmp_path / "cut", len(content) * 3 // 5), (tmp_path / "whole", len(content))):
        path.write_bytes(content[:until])
    assert Video.accept(tmp_path / "whole").spread(4).total == 20
    with pytest.raises(InputUnreadable, match="cut short"):
        Video.accept(tmp_path / "cut").spread(4)


@pytest.mark.parametrize(("kind", "options"), [("matroska", {"live": "1"}), ("flv", {"flvflags": "no_metadata"})])
def test_a_length_that_is_reckoned_from_the_rate_of_bits_is_none(tmp_path, kind, options):
    parts = {"sound_s": 2} if kind == "matroska" else {}
    with VideoReader(written(tmp_path, kind, parts, options)) as video:
        assert video.seconds is None
        assert len(list(video.frames())) == 20


@pytest.mark.parametrize("kind", ["mp4", "matroska", "avi"])
def test_sound_may_go_on_behind_the_images(tmp_path, kind):
    with VideoReader(written(tmp_path, kind, {"sound_s": 6})) as video:
        assert len(list(video.frames())) == 20


def test_a_cover_is_not_a_video(tmp_path):
    with pytest.raises(InputUnreadable, match="has no images") as caught:
        Video.accept(written(tmp_path, "mp4", {"images": 0, "sound_s": 1, "cover": True})).first(1)
    assert "a cover" in caught.value.why
    assert Video.accept(written(tmp_path, "mp4", {"cover": True})).spread(2).total == 20


def written(folder, kind, parts, options=None):
    """A file of two seconds of images at ten a second, with sound or a cover beside them."""
    codecs = {"flv": "flv1", "asf": "wmv2", "gif": "gif", "mpegts": "mpeg2video"}
    file, codec = folder / "clip", codecs.get(kind, "libvpx" if kind in ("webm", "ivf") else "mpeg4")
    with av.open(str(file), "w", format=kind, options=options or {}) as out:
        quick = {"deadline": "realtime", "cpu-used": "8"} if codec == "libvpx" else {}
        rate = 25 if kind == "mpegts" else 10
        images: Any = out.add_stream(codec, rate=rate, options=quick) if parts.get("images", 20) else None
        sound: Any = out.add_stream("mp3", rate=16000, layout="mono") if "sound_s" in parts else None
        cover: Any = out.add_stream("mjpeg", rate=1) if "cover" in parts else None
        if images is not None:
            images.width, images.height, images.pix_fmt = 160, 120, "rgb8" if kind == "gif" else "yuv420p"
        if cover is not None:
            cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
            cover.disposition = av.stream.Disposition.attached_pic
            out.mux([*cover.encode(av.VideoFrame(32, 32, "yuvj420p")), *cover.encode()])
        if images is not None:
            rng = np.random.default_rng(0)
            for _ in range(20):
                pixels = rng.integers(0, 255, (120, 160, 3), np.uint8)
                out.mux(images.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            out.mux(images.encode())
        if sound is not None:
            silence = av.AudioFrame.from_ndarray(
                np.zeros((1, 16000 * parts["sound_s"]), np.float32), format="fltp", layout="mono"
            )
            silence.rate = 16000
            out.mux([*sound.encode(silence), *sound.encode()])
    return file.read_bytes()


def test_a_playlist_opens_no_other_file(clip, tmp_path):
    lists = {
        "hls.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{clip}\n#EXT-X-ENDLIST\n",
        "concat.txt": f"ffconcat version 1.0\nfile {clip}\n",
    }
    for name, text in lists.items():
        (tmp_path / name).write_text(text)
        for source in (tmp_path / name, text.encode()):
            with pytest.raises(InputUnreadable):
                VideoReader(source)


def test_frames_beyond_the_limit_of_pixels_are_refused(clip, config):
    config("[limits]\nimage_pixels = 1000")
    with pytest.raises(InputTooLarge, match="64 x 48"):
        VideoReader(clip)


def coded(width, height, *, frames=3, apart=1, container="h264"):
    """A video as bytes, its frames `apart` tenths of a second."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream("libx264" if container == "h264" else "mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for at in range(frames):
            picture = av.VideoFrame.from_ndarray(np.zeros((height, width, 3), np.uint8), format="rgb24")
            picture.pts = at * apart
            out.mux(stream.encode(picture))
        out.mux(stream.encode())
    return file.getvalue()


def test_a_frame_that_is_larger_than_the_file_said_is_refused_too(config):
    config("[limits]\nimage_pixels = 5000")
    with VideoReader(coded(64, 48) + coded(96, 64)) as video, pytest.raises(InputTooLarge, match="96 x 64"):
        list(video.frames())


def test_a_length_that_only_the_container_says_is_in_the_error(config):
    config("[limits]\nvideo_seconds = 10")
    file = bytearray(coded(16, 16, container="matroska"))
    at = file.index(b"\x44\x89\x88") + 3
    file[at : at + 8] = struct.pack(">d", 3.2e12)  # milliseconds: a hundred years
    with pytest.raises(InputTooLarge, match="lasts 3,200,000,000 seconds"):
        Video.accept(bytes(file)).spread(4)


def test_a_video_that_does_not_say_how_long_it_is_ends_at_the_limit(config):
    config("[limits]\nvideo_seconds = 10")
    still = coded(16, 16, frames=6, apart=50, container="mpegts")
    with pytest.raises(InputTooLarge, match=r"more than 10 seconds|lasts 2\d seconds"):
        Video.accept(still).spread(4)
    assert Video.accept(coded(16, 16, frames=6, container="mpegts")).spread(4).total == 6


def test_an_address_that_nobody_answers_is_an_error():
    with pytest.raises(InputUnreadable, match="cannot open"):
        VideoReader("rtsp://127.0.0.1:9/none", timeout_s=2)
