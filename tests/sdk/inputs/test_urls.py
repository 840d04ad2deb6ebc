"""Addresses instead of files: fetched when online, refused in words when not."""

import http.server
import io
import threading
import wave

import numpy as np
import PIL.Image
import pytest

from duomo.errors import BadInput, InputTooLarge, InputUnreadable, Offline
from duomo.inputs import Audio, Image
from duomo.inputs.seal import sealed

LOCAL = "file://"


@pytest.fixture(scope="module")
def site():
    """A web site on this machine with a picture, a sound and a page."""
    picture = io.BytesIO()
    PIL.Image.new("RGB", (6, 5), "red").save(picture, "PNG")
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(b"\x00\x40" * 160)
    pages = {"/a.png": picture.getvalue(), "/a.wav": sound.getvalue(), "/page": b"<html>not found, but nicely</html>"}

    class Pages(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/short":
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b"cut")
            elif self.path in pages:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(pages[self.path])
            else:
                self.send_error(404)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def online(monkeypatch):
    monkeypatch.setenv("DUOMO_OFFLINE", "0")


@pytest.mark.usefixtures("online")
def test_a_picture_and_a_sound_are_fetched_when_a_model_asks_for_them(site):
    image = Image.accept(f"{site}/a.png")
    assert image.name == f"{site}/a.png"
    assert image.pil().size == (6, 5)
    np.testing.assert_allclose(Audio.accept(f"{site}/a.wav").samples(), 0.5)


@pytest.mark.usefixtures("online")
@pytest.mark.parametrize("page", ["none", "short"])
def test_an_address_that_does_not_answer_well_is_unreadable(site, page):
    with pytest.raises(InputUnreadable, match="could not fetch"):
        Image.accept(f"{site}/{page}").pil()


@pytest.mark.usefixtures("online")
def test_a_port_nobody_listens_on_is_unreadable():
    with pytest.raises(InputUnreadable, match="could not fetch"):
        Image.accept("http://127.0.0.1:9/a.png").pil()


@pytest.mark.usefixtures("online")
def test_a_page_that_is_no_picture_is_refused_by_its_address(site):
    with pytest.raises(InputUnreadable, match="/page' is not an image"):
        Image.accept(f"{site}/page").pil()


@pytest.mark.usefixtures("online")
def test_no_more_than_the_limit_is_read(site, config):
    config("[limits]\nfile_bytes = 10")
    with pytest.raises(InputTooLarge, match="more than 10 bytes"):
        Image.accept(f"{site}/a.png").pil()


def test_offline_an_address_is_accepted_and_refused_when_read(site):
    image = Image.accept(f"{site}/a.png")
    with pytest.raises(Offline) as caught:
        image.pil()
    assert "pass its path" in caught.value.fix


@pytest.mark.usefixtures("online")
def test_the_kind_of_an_address_may_be_written_large(site):
    assert Image.accept(site.replace("http", "HTTP") + "/a.png").array().shape == (5, 6, 3)


@pytest.mark.parametrize(
    ("address", "kind", "fix"),
    [
        (f"{LOCAL}/photos/a.png", "file", "pass the path: /photos/a.png"),
        (f"{LOCAL}localhost/photos/a.png", "file", "pass the path: /photos/a.png"),
        ("FTP://example.org/a.png", "ftp", "fetch it yourself"),
        ("s3://bucket/a.png", "s3", "fetch it yourself"),
        ("data:image/png;base64,iVBORw0KGgo=", "data", "base64.b64decode"),
    ],
)
@pytest.mark.parametrize("cls", [Image, Audio])
def test_an_address_that_is_not_fetched_is_no_path_that_is_not_there(cls, address, kind, fix):
    with pytest.raises(BadInput, match="this kind of address is not fetched") as caught:
        cls.accept(address)
    assert address[:20] in caught.value.what, "no slash is lost"
    assert caught.value.why.endswith(f"not from {kind}:")
    assert fix in caught.value.fix


@pytest.mark.parametrize("cls", [Image, Audio])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda value: value,
        lambda value: {"path": value},
        lambda value: {"audio": {"path": value}, "image": {"path": value}},
    ],
)
@pytest.mark.parametrize("address", ["HTTP://example.org/a", f"{LOCAL}/etc/hostname", "/etc/hostname", "s3://bucket/a"])
def test_a_sealed_border_holds_for_addresses_of_every_kind_and_for_rows(cls, wrap, address):
    with sealed(), pytest.raises(BadInput, match="must be sent as bytes"):
        cls.accept(wrap(address))
