"""What is said, translated, as subtitles with the times of the speech, and said again.

    python examples/translate_speech.py hf:Helsinki-NLP/opus-mt-en-de

Any checkpoint for translation from English: hf:org/name is fetched once, dir:PATH is a folder.
"""

import sys
from pathlib import Path

import duomo
from duomo.tasks import Segment, Transcript

said = duomo.run("text-to-speech", "The clinic opens at nine. Bring your papers, please.")
heard = duomo.run("automatic-speech-recognition", said.wav)
print(f"heard, {heard.language}: {heard.text}")

with duomo.load("translation", sys.argv[1]) as translate:
    texts = [outcome.unwrap().text for outcome in translate.map(heard.segments)]  # a segment is taken as its text
times = zip(heard.segments, texts, strict=True)
segments = [Segment(start=each.start, end=each.end, text=text) for each, text in times]
translated = Transcript(text=" ".join(texts), segments=segments, language="de")
for each in translated.segments:
    print(f"{each.start:5.2f} to {each.end:5.2f} s: {each.text}")

spoken = duomo.run("text-to-speech", translated)  # an English voice, for want of another: -m names one
Path("translated.wav").write_bytes(spoken.wav)
print(f"said again in {spoken.duration:.1f} s")
