"""Models and adapters on live sources: `follow` for items, `Listener` for speech.

from duomo.inputs import live as sources
from duomo.live import follow
with duomo.load("object-detection") as runner, sources.open("rtsp://camera/1", drop="latest") as feed:
for outcome in follow(runner, feed):
print(outcome.meta.taken, outcome.meta.age_s, outcome.result)
"""

from typing import TYPE_CHECKING

from duomo.lazy import face

if TYPE_CHECKING:
    from duomo.live.following import follow as follow
    from duomo.live.listening import Listener as Listener, SpeechEvent as SpeechEvent, listen as listen

face(__name__, {"duomo.live.following": "follow", "duomo.live.listening": "Listener SpeechEvent listen"})
