"""The page for people, in a browser."""

import io
import json

import PIL.Image
import pytest
import skimage.data

from duomo.catalog import resolve
from duomo.serving.playground.page import input_fields
from duomo.tasks import CORE_TASKS
from tests.sdk.serving import browser
from tests.sdk.serving.test_process import Server

needs_chromium = pytest.mark.skipif(browser.CHROMIUM is None, reason="no chromium on this machine")


def test_every_task_has_a_form_of_known_fields():
    known = {"image", "video", "audio", "text-or-image", "chat", "text", "texts", "json"}
    for spec in CORE_TASKS:
        fields = input_fields(resolve(spec.target).Input)
        assert fields, spec.name
        assert {each["kind"] for each in fields} <= known - {"json"}, spec.name


@pytest.fixture(scope="module")
def address():
    server = Server("text-classification", "image-classification", "zero-shot-classification", "text-generation")
    yield server.address
    server.process.kill()
    server.process.wait(60)


@pytest.fixture
def page(address):
    with browser.Browser("--window-size=390,844") as opened:
        yield opened
        assert opened.errors == []
        assert all(each.startswith((address, "data:", "blob:")) for each in opened.requested if each != "about:blank")


@needs_chromium
@pytest.mark.slow
@pytest.mark.multiproc
@pytest.mark.embedded
class TestInABrowser:
    def test_a_text_is_sent_by_keyboard_and_its_labels_are_shown(self, page, address):
        page.open(f"{address}/#text-classification")
        page.run("document.querySelector('textarea').focus()")
        page.call("Input.insertText", text="I love it")
        page.run("document.querySelector('button[type=submit]').focus()")
        for kind in ("keyDown", "keyUp"):
            page.call(
                "Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13, text="\r"
            )
        assert page.until("document.querySelector('.bar')?.textContent").startswith("positive")

    def test_an_image_is_sent_and_its_labels_are_shown(self, page, address):
        buffer = io.BytesIO()
        PIL.Image.fromarray(skimage.data.chelsea()).save(buffer, "JPEG")
        page.open(f"{address}/#image-classification")
        page.run(f"""
            const files = new DataTransfer();
            const bytes = new Uint8Array({json.dumps(list(buffer.getvalue()))});
            files.items.add(new File([bytes], "cat.jpg", {{type: "image/jpeg"}}));
            document.querySelector("input[type=file]").files = files.files;
            document.querySelector("button[type=submit]").click();""")
        assert "cat" in page.until("document.querySelector('.bar')?.textContent")

    def test_a_missing_option_is_named_before_anything_is_sent(self, page, address):
        page.open(f"{address}/#zero-shot-classification")
        page.run("document.querySelector('textarea').value = 'the match ended 2:1'")
        page.run("document.querySelector('button[type=submit]').click()")
        assert page.until("document.querySelector('.error')?.textContent") == "labels is needed"

    def test_a_chat_streams(self, page, address):
        page.open(f"{address}/#text-generation")
        page.run("document.querySelector('textarea').value = 'Say hello.'")
        page.run("document.querySelector('#f-opt-max_new_tokens').value = '5'")
        page.run("document.querySelector('button[type=submit]').click()")
        assert page.until("document.querySelector('#answer p')?.textContent")

    def test_no_task_is_wider_than_a_narrow_window(self, page, address):
        page.open(address)
        for number in range(page.run("TASKS.length")):
            page.run(f"$('task').selectedIndex = {number}; $('task').onchange()")
            page.run("document.querySelectorAll('details').forEach(each => each.open = true)")
            assert page.run("document.documentElement.scrollWidth <= innerWidth"), page.run("$('task').value")
