"""Live sources: a camera, a microphone, a broker, a file that grows, a folder that fills.

    from duomo.inputs import live
    with duomo.load("object-detection") as runner, live.open("rtsp://camera/1", drop="latest") as feed:
        for outcome in duomo.live.follow(runner, feed):
            print(outcome.meta.age_s, outcome.result)

`duomo.inputs.live.addresses` says how sources are written; a `Reader` of your own goes into `Feed` as ours do.
"""

from typing import TYPE_CHECKING

from duomo.lazy import face

if TYPE_CHECKING:
    from duomo.inputs.live.addresses import open as open
    from duomo.inputs.live.broker import Mqtt as Mqtt
    from duomo.inputs.live.camera import Camera as Camera
    from duomo.inputs.live.feed import Feed as Feed
    from duomo.inputs.live.files import Folder as Folder, Tail as Tail
    from duomo.inputs.live.growing import Growing as Growing
    from duomo.inputs.live.reader import Arrival as Arrival, Reader as Reader, SourceState as SourceState
    from duomo.inputs.live.socket import WebSocket as WebSocket
    from duomo.inputs.live.sound import Microphone as Microphone, Recording as Recording

face(
    __name__,
    {
        "duomo.inputs.live.addresses": "open",
        "duomo.inputs.live.broker": "Mqtt",
        "duomo.inputs.live.camera": "Camera",
        "duomo.inputs.live.feed": "Feed",
        "duomo.inputs.live.files": "Folder Tail",
        "duomo.inputs.live.growing": "Growing",
        "duomo.inputs.live.reader": "Arrival Reader SourceState",
        "duomo.inputs.live.socket": "WebSocket",
        "duomo.inputs.live.sound": "Microphone Recording",
    },
)
