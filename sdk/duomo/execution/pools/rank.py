"""One worker process as its driver sees it: the ends of what connects them, and how it ended."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence

from duomo.execution.base import Job
from duomo.execution.pools import child, process
from duomo.execution.pools.crew import Event
from duomo.execution.pools.transport import COUNTED, Channel, Message, new_slots
from duomo.outcome import ItemError


class Rank:
    """One worker process, and the driver's ends of what connects them."""

    def __init__(self, job: Job, post: child.RankInfo, preload: Sequence[str]) -> None:
        self.post = post
        self.is_ready = False
        self.raised: Event | None = None
        """What it raised on the batch at hand, in a group."""
        ours, theirs = multiprocessing.Pipe()
        outgoing, incoming = new_slots(job.plan.prefetch), new_slots(job.plan.prefetch)
        self._words = new_slots(1)
        self.channel = Channel(ours, outgoing, incoming)
        wires = child.ChildPipes(
            theirs, *([process.Descriptor(s.descriptor) for s in slots] for slots in (outgoing, incoming, self._words))
        )
        with_main = job.spec.loader.startswith("__main__:")
        try:
            self.child = process.Child(child.main, (wires, job, post), preload=preload, with_main=with_main)
        except BaseException:
            self.close()
            raise
        finally:
            theirs.close()  # or its end would never be seen

    def next_message(self) -> Message:
        """Read what it says; when it is gone and has said all, make a message that it failed."""
        try:
            message = self.channel.recv()
        except (EOFError, OSError):
            return Message("failed", body=self.ending())
        if message.unreadable is None:
            return message
        if message.kind in COUNTED:
            return Message("raised", message.ticket, (child.unreadable(message), False))
        return Message("failed", body=child.unreadable(message))

    def ending(self) -> ItemError:
        """Say how it ended, with what it wrote while dying, such as the stack of a crash."""
        words = "".join(os.pread(slot.descriptor, 16384, 0).decode("utf-8", "replace") for slot in self._words)
        return ItemError("E-WORKER-LOST", "a worker died", self.child.ending, "", "WorkerLost", words)

    def close(self) -> None:
        """Let go of the pipe, which ends the process, and of the memory."""
        self.channel.close()
        for slot in self._words:
            slot.close()
        self._words = []
