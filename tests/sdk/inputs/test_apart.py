"""What a decoder in a child process may take."""

import sys
from pathlib import Path

import pytest

from duomo.inputs import apart

HUNGRY = """
from duomo.inputs import apart

apart.serve(lambda request: str(len(bytearray(int(request)))).encode())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux's memory can be limited")
def test_a_decoder_gets_the_memory_that_its_item_explains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hungry_decoder.py").write_text(HUNGRY, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    child, size = apart.Child("hungry_decoder", 60.0), 2 * apart.MEMORY
    assert child.ask(str(size).encode(), budget=size) == str(size).encode()
    with pytest.raises(apart.DecoderFailed, match="MemoryError"):
        child.ask(str(size).encode())
