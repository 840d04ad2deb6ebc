"""PDFium, as it runs in a child process: pages of a file, counted or drawn. See `duomo.inputs.apart`.

A request is a line of JSON and, unless it names a path, the file. An answer is a line of JSON: what was found, or why
it is refused; behind the size of a page come its pixels.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from duomo.inputs.apart import serve

if TYPE_CHECKING:
    import pypdfium2

_PASSWORD, _SECURITY = 4, 5
"""What PDFium says of a file that it needs a password for, and of one locked by something else."""


def answer(request: bytes) -> bytes:
    """Answer one request."""
    import pypdfium2

    line, _, content = request.partition(b"\n")
    asked: dict[str, Any] = json.loads(line)
    try:
        document = pypdfium2.PdfDocument(asked.get("path") or content)
    except pypdfium2.PdfiumError as error:
        if _has_no_page(asked.get("path"), content):
            return _line({"refused": "empty"})
        kinds = {_PASSWORD: "password", _SECURITY: "security"}
        kind = kinds.get(getattr(error, "err_code", 0) or 0, "unreadable")
        return _line({"refused": kind, "why": str(error)})
    try:
        return _found(document, asked)
    except pypdfium2.PdfiumError as error:
        return _line({"refused": "damaged", "why": str(error)})
    finally:
        document.close()


def _has_no_page(path: str | None, content: bytes) -> bool:
    """Whether a file that pypdfium2 refuses can be opened: it has no page, and the code is of the refusal before."""
    from pypdfium2 import raw

    if path:
        opened = raw.FPDF_LoadDocument(os.fsencode(path) + b"\0", None)
    else:
        opened = raw.FPDF_LoadMemDocument64(content, len(content), None)
    if opened:
        raw.FPDF_CloseDocument(opened)
    return bool(opened)


def _found(document: pypdfium2.PdfDocument, asked: dict[str, Any]) -> bytes:
    total, number = len(document), asked.get("page")
    if "scale" not in asked or (total != 1 if number is None else not 1 <= number <= total):
        return _line({"pages": total})
    document.init_forms()  # before the page is loaded, or what was filled into fields is left out
    page = document[0 if number is None else number - 1]
    try:
        width, height = (side * asked["scale"] for side in page.get_size())
        if width * height > asked["pixels"]:
            return _line({"pages": total, "large": [width, height]})
        drawn = page.render(scale=asked["scale"]).to_pil().convert("RGB")
        pixels: bytes = drawn.tobytes()
        return _line({"pages": total, "size": drawn.size}) + pixels
    finally:
        page.close()


def _line(said: dict[str, object]) -> bytes:
    return json.dumps(said).encode() + b"\n"


if __name__ == "__main__":
    serve(answer)
