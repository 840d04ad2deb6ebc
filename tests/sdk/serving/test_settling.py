"""Outcomes that another thread gives to an event loop: none is lost, and a batch is told of at once."""

import asyncio
import threading
from concurrent.futures import Future
from typing import Any

from duomo.serving.settling import settled


def test_all_that_is_answered_at_once_wakes_the_loop_once():
    async def answered():
        loop: Any = asyncio.get_running_loop()
        told: list[object] = []
        futures: list[Future[Any]] = [Future() for _ in range(32)]
        waiting: Any = asyncio.gather(*map(settled, futures))
        await asyncio.sleep(0)
        tell, loop.call_soon_threadsafe = loop.call_soon_threadsafe, lambda *args: (told.append(args), tell(*args))
        for number, future in enumerate(futures):  # the loop cannot turn meanwhile
            future.set_result(number)
        assert await waiting == list(range(32))
        return len(told)

    assert asyncio.run(answered()) == 1


def test_none_is_lost_of_what_several_threads_answer_and_who_stops_waiting_harms_no_other():
    async def answered(futures):
        waiting = [asyncio.create_task(settled(future)) for future in futures]
        await asyncio.sleep(0)
        waiting[7].cancel()
        answering = [threading.Thread(target=lambda part: [each.set_result(1) for each in part], args=(futures[at::4],))
                     for at in range(4)]  # fmt: skip
        for each in answering:
            each.start()
        return await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 60)

    found = asyncio.run(answered([Future() for _ in range(400)]))
    assert [each for at, each in enumerate(found) if at != 7] == [1] * 399
    assert isinstance(found[7], asyncio.CancelledError)
