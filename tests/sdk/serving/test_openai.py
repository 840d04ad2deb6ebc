"""OpenAI's dialect, over models without weights: what clients of others send, and what is refused by name."""

import io
import json

import numpy as np
import pytest
import soundfile

from tests.sdk.serving import fakes

CHAT, EMBED, HEAR, SPEAK = "chat/completions", "embeddings", "audio/transcriptions", "audio/speech"
HELLO = {"messages": [{"role": "user", "content": "one two three"}]}


NO_TEXT = ({"text": None}, {"text": 5}, {})


def said(*parts):
    return {"messages": [{"role": "user", "content": list(parts)}]}


@pytest.fixture
def client(serve):
    return serve(*map(fakes.load, fakes.KINDS))


def wav(seconds=0.5, silence_s=0.0):
    buffer = io.BytesIO()
    tone = 0.5 * np.sin(np.arange(int(16_000 * seconds)) / 4)
    soundfile.write(buffer, np.concatenate([tone, np.zeros(int(16_000 * silence_s))]), 16_000, format="WAV")
    return buffer.getvalue()


def chunks(reply):
    *events, done = [line.removeprefix("data: ") for line in reply.text.split("\n\n") if line]
    assert done == "[DONE]"
    return [json.loads(each) for each in events]


def test_proxies_are_told_not_to_gather_the_parts_of_an_answer(client):
    chat = {"messages": [{"role": "user", "content": "a b"}], "stream": True}
    heard = {"files": {"file": ("a.wav", wav())}, "data": {"stream": "true"}}
    for path, body in (
        ("chat/completions", {"json": chat}),
        (HEAR, heard),
        ("tasks/text-generation/map", {"json": {"items": ["a"]}}),
    ):
        headers = client.post(f"/v1/{path}", **body).headers
        assert (headers["x-accel-buffering"], headers["cache-control"]) == ("no", "no-cache"), path


def test_a_stream_says_how_many_tokens_it_took_where_that_is_asked_for(client):
    whole = client.post(f"/v1/{CHAT}", json=HELLO).json()
    parts = chunks(client.post(f"/v1/{CHAT}", json={**HELLO, "stream": True}))
    assert "".join(each["choices"][0]["delta"].get("content", "") for each in parts) == "one two three"
    assert all("usage" not in each for each in parts)
    *counted, last = chunks(
        client.post(f"/v1/{CHAT}", json={**HELLO, "stream": True, "stream_options": {"include_usage": True}})
    )
    assert all(each["usage"] is None for each in counted)
    assert (last["choices"], last["usage"]) == ([], whole["usage"])
    assert whole["usage"] == {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}


def test_the_usage_of_embeddings_is_the_tokens_that_were_read(client):
    usage = client.post(f"/v1/{EMBED}", json={"input": ["a red car", "two words"]}).json()["usage"]
    assert usage == {"prompt_tokens": 5, "completion_tokens": 0, "total_tokens": 5}


@pytest.mark.parametrize(
    "settings",
    [
        {"n": 1, "presence_penalty": 0, "frequency_penalty": 0.0, "logprobs": False, "tools": [], "logit_bias": {}},
        {"response_format": {"type": "text"}, "store": False, "metadata": {"a": "b"}, "user": "me", "stream": False},
        {"model": "any"},
        {"model": "text-generation"},
        {"messages": [{"role": "developer", "content": "Be short."}, *HELLO["messages"]]},
        {"model": "fake/writer"},
        {"max_tokens": 3, "max_completion_tokens": 3, "stop": None, "seed": None},
    ],
)
def test_settings_that_ask_for_nothing_are_taken(client, settings):
    reply = client.post(f"/v1/{CHAT}", json={**HELLO, **settings})
    assert (reply.status_code, reply.json()["choices"][0]["message"]["content"]) == (200, "one two three")


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        (CHAT, {"model": "gpt-4o"}, 404, "'fake/writer' answers"),
        (CHAT, {"model": "fake/writter"}, 404, "Did you mean 'fake/writer'?"),
        (EMBED, {"model": "fake/writer"}, 404, "'fake/embedder' answers"),
        (SPEAK, {"model": "tts-1", "voice": "alloy"}, 404, "'fake/speaker' answers"),
        (CHAT, {"n": 2}, 400, "'n' cannot be honoured"),
        (CHAT, {"presence_penalty": 0.5}, 400, "'presence_penalty' cannot be honoured"),
        (CHAT, {"response_format": {"type": "json_object"}}, 400, "'response_format' cannot be honoured"),
        (CHAT, {"tools": [{"type": "function"}]}, 400, "'tools' cannot be honoured"),
        (CHAT, {"store": True}, 400, "'store' cannot be honoured"),
        (CHAT, {"stream": "false"}, 400, "stream cannot be 'false'"),
        (CHAT, {"stream": 0}, 400, "stream cannot be 0"),
        (CHAT, {"stream": True, "stream_options": {"include_usage": 1}}, 400, "include_usage cannot be 1"),
        (CHAT, {"stream": True, "stream_options": []}, 400, "'stream_options' cannot be honoured"),
        (CHAT, {"logprobs": 0}, 400, "'logprobs' cannot be honoured"),
        (CHAT, {"n": True}, 400, "'n' cannot be honoured"),
        (CHAT, {"stop": 0}, 400, "option 'stop' cannot be 0"),
        (CHAT, {"stream_options": {"include_usage": True}}, 400, "'stream_options' cannot be honoured"),
        (CHAT, {"stream": True, "stream_options": {"usage": True}}, 400, "'usage' cannot be honoured"),
        (CHAT, {"max_tokens": 3, "max_completion_tokens": 4}, 400, "'max_completion_tokens' says another number"),
        *((CHAT, said({"type": "text", **part}), 422, "a part of a message has no text") for part in NO_TEXT),
        (SPEAK, {"response_format": 0}, 400, "response_format cannot be '0'"),
        (EMBED, {"dimensions": 1}, 400, "'dimensions' cannot be honoured"),
        (EMBED, {"input": [[1, 2]]}, 422, "a text or a list of texts"),
        (EMBED, {"input": [15339, 1917]}, 422, "tokens of another vocabulary"),
    ],
)
def test_what_would_be_left_out_is_refused_by_name(client, path, body, status, words):
    given: dict[str, dict[str, object]] = {CHAT: {**HELLO}, EMBED: {"input": "a"}, SPEAK: {"input": "a"}}
    reply = client.post(f"/v1/{path}", json={**given[path], **body})
    assert reply.status_code == status
    assert words in reply.json()["error"]["message"]


@pytest.mark.parametrize("streams", [False, True])
def test_a_deadline_counts_in_this_dialect_too(client, streams):
    for path, body in ((CHAT, {**HELLO, "stream": streams}), (EMBED, {"input": ["a", "b"]}), (SPEAK, {"input": "a"})):
        reply = client.post(f"/v1/{path}", json=body, headers={"x-deadline-s": "0"})
        assert (reply.status_code, reply.json()["error"]["code"]) == (504, "E-DEADLINE")


def test_a_verbose_transcript_says_how_long_the_clip_is_and_what_was_done(client):
    for path, task in (("transcriptions", "transcribe"), ("translations", "translate")):
        file, kind = {"file": ("a.wav", wav(0.5, 1.0))}, {"response_format": "verbose_json"}
        found = client.post(f"/v1/audio/{path}", files=file, data=kind).json()
        assert (found["task"], found["duration"]) == (task, pytest.approx(1.5, abs=0.001))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"timestamp_granularities[]": ["word", "segment"]}, "'timestamp_granularities[]' comes twice"),
        ({"timestamp_granularities[]": "word"}, "cannot be honoured"),
        ({"language": ["de", "en"]}, "'language' comes twice"),
        ({"model": "whisper-1"}, "'fake/ear' answers"),
        ({"temperature": "0.5"}, "'temperature' cannot be honoured"),
        ({"stream": "maybe"}, "stream cannot be 'maybe'"),
    ],
)
def test_a_setting_of_a_transcription_is_honoured_or_refused(client, data, words):
    reply = client.post(f"/v1/{HEAR}", files={"file": ("a.wav", wav())}, data=data)
    assert reply.status_code in (400, 404, 422)
    assert words in reply.json()["error"]["message"]


@pytest.mark.parametrize("body", [{"form": [1]}, {"form": {"file": "x"}}, {"file": "x"}])
def test_a_transcription_without_a_form_says_so(client, body):
    reply = client.post(f"/v1/{HEAR}", json=body)
    assert (reply.status_code, reply.headers["accept"]) == (415, "multipart/form-data")
    assert reply.json()["error"]["what"] == "a body of type 'application/json' is not understood"


def test_a_form_without_a_file_says_so(client):
    reply = client.post(f"/v1/{HEAR}", files={"sound": ("a.wav", wav())})
    assert (reply.status_code, reply.json()["error"]["what"]) == (422, "the form has no file")
