"""Say something, find out when someone speaks, write it down again, and compare voices."""

import duomo

spoken = duomo.run("text-to-speech", "The dome was built without a scaffold. It took sixteen years.")
print(f"{spoken.duration:.1f} s of speech at {spoken.sampling_rate} Hz")

for segment in duomo.run("voice-activity-detection", spoken.wav).segments:
    print(f"{segment.start:5.2f} to {segment.end:5.2f} s: speech")

for segment in duomo.run("automatic-speech-recognition", spoken.wav).segments:
    print(f"{segment.start:5.2f} to {segment.end:5.2f} s: {segment.text.strip()}")

other = duomo.run("text-to-speech", "It is the same voice that says something else.", seed=1)
same = duomo.run("speaker-verification", (spoken.wav, other.wav))
print("one voice" if same.same else "two voices", f"({same.score:.2f}, threshold {same.threshold:.2f})")
