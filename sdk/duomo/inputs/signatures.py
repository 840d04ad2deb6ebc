"""What a file that was refused looks like, by its first bytes."""

from __future__ import annotations

import os
import shlex

from duomo.inputs.source import is_url

HEAD = 132
"""Bytes that are enough to tell."""
_AT_START = {
    b"%PDF-": "PDF", b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF", b"II*\0": "TIFF", b"MM\0*": "TIFF",
    b"II+\0": "TIFF", b"8BPS": "Photoshop", b"\0\0\1\0": "an icon of Windows", b"%!PS": "PostScript",
    b"\0\0\0\x0cjP  ": "JPEG 2000", b"\xff\x4f\xff\x51": "JPEG 2000", b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\xff\x0a": "JPEG XL", b"PK\3\4": "a ZIP archive or an office document", b"\x1f\x8b": "gzip", b"BZh": "bzip2",
    b"7z\xbc\xaf": "a 7z archive", b"fLaC": "FLAC", b"OggS": "Ogg", b"ID3": "MP3",
    b"\x1a\x45\xdf\xa3": "Matroska or WebM",
    b"\xff\xf1": "AAC", b"\xff\xf9": "AAC", b"#!AMR": "AMR", b"#!SILK": "SILK", b"\x02#!SILK": "SILK",
    b"\x30\x26\xb2\x75": "WMA or WMV", b"FLV": "FLV", b"RIFX": "WAV of big-endian byte order", b"MThd": "MIDI",
    b"version https://git-lfs": "a pointer of Git LFS: the file itself was not fetched (git lfs pull)",
    b"\x93NUMPY": "an array of NumPy", b"SQLite format 3": "SQLite", b"PAR1": "Parquet",
}  # fmt: skip
_IN_RIFF = {b"WAVE": "WAV", b"AVI ": "AVI", b"WEBP": "WEBP"}
_BRANDS = {"hei": "HEIC", "hev": "HEIC", "mif1": "HEIC", "msf1": "HEIC", "avi": "AVIF", "M4A": "M4A", "M4B": "M4A",
           "qt": "MOV", "crx": "a raw photo (CR3)"}  # fmt: skip
_MARKUP = {"<!doctype html": "a web page", "<html": "a web page", "<svg": "SVG", "<?xml": "XML or SVG"}


def looks_like(head: bytes) -> str:
    """Name what begins with these bytes; nothing where they are of nothing known."""
    for start, name in _AT_START.items():
        if head.startswith(start):
            return name
    if head[:4] == b"RIFF":
        return _IN_RIFF.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        brand = head[8:12].decode("latin-1")
        return next((name for start, name in _BRANDS.items() if brand.startswith(start)), "MP4, M4A or MOV")
    if head[128:132] == b"DICM":
        return "DICOM"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").decode("latin-1").lower()
    return next((name for start, name in _MARKUP.items() if text.startswith(start)), "")


def by_command(command: str, source: object) -> str:
    """Write a command for the path that a caller gave, or for what came in another way.

    No file is looked for: bytes may come with any name, and whether it is a file here is not a client's business.
    """
    is_path = isinstance(source, str | os.PathLike) and not is_url(source)
    return f"{command} {shlex.quote(str(source))}" if is_path else f"save it to a file, and: {command} FILE"
