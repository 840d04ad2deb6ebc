"""Which rank of a training holds up the others."""

import os
from multiprocessing import Pipe

from duomo.training.distributed.pulse import HANG_S, NAMED_S, USUAL, Beat, Pulse, Watch

HERE = os.getpid()


def computes(seconds, where="plugin/network.py:7 in forward"):
    return Beat("", seconds, where)


def waits(seconds):
    return Beat("all_reduce", seconds, "distributed/peers.py:1 in sum")


def watch_of(*beats, usual_s=0.0, hang_s=None):
    watch = Watch([HERE] * len(beats), usual_s, hang_s)
    for rank, beat in enumerate(beats):
        watch.heard(rank, beat, 100.0)
    return watch


def test_the_rank_that_computes_while_the_others_wait_is_named_once_with_its_line():
    watch = watch_of(waits(NAMED_S + 1), computes(NAMED_S + 2))
    late = watch.late([0, 1], 100.0)
    assert (late.rank, late.is_lost) == (1, False)
    assert "plugin/network.py:7 in forward" in late.reason
    assert watch.late([0, 1], 100.0) is None


def test_it_is_lost_after_the_deadline_even_when_it_says_nothing_more():
    watch = watch_of(waits(0.0), computes(0.1))
    assert watch.late([0, 1], 100.0) is None
    late = watch.late([0, 1], 100.2 + HANG_S)
    assert (late.rank, late.is_lost) == (1, True)


def test_a_rank_that_falls_silent_while_it_waits_is_late():
    """What holds it up keeps the interpreter's lock, so that its beats stop, too."""
    watch = watch_of(waits(0.1), waits(0.2), hang_s=20.0)
    for at in range(20):
        watch.heard(0, waits(at), 100.0 + at)
        late = watch.late([0, 1], 100.0 + at)
        assert late is None or (late.rank, late.is_lost) == (1, False)
    watch.heard(0, waits(21), 121.0)
    late = watch.late([0, 1], 121.0)
    assert (late.rank, late.is_lost) == (1, True)
    assert "it was last seen at distributed/peers.py:1 in sum" in late.reason


def test_a_rank_that_never_said_anything_is_late():
    watch = Watch([HERE, HERE], hang_s=20.0)
    for at in range(0, 22, 3):
        watch.heard(0, waits(at), 100.0 + at)
        late = watch.late([0, 1], 100.0 + at)
    assert (late.rank, late.is_lost) == (1, True)
    assert "it was last seen at its start" in late.reason


def test_a_recipe_says_after_how_long_whatever_was_usual_before():
    watch = watch_of(waits(19.0), computes(19.0), usual_s=50.0, hang_s=20.0)
    assert watch.late([0, 1], 100.0) is None
    assert watch.late([0, 1], 101.5).is_lost


def test_nobody_is_late_while_all_compute_or_all_wait():
    assert watch_of(computes(9000), computes(9000)).late([0, 1], 100.0) is None
    assert watch_of(waits(9000), waits(9000)).late([0, 1], 100.0) is None


def test_a_rank_that_has_just_come_from_a_collective_is_not_late_for_the_wait_of_another():
    assert watch_of(waits(60), computes(0.1)).late([0, 1], 100.0) is None


def test_waits_that_ended_well_lengthen_the_patience():
    watch = watch_of(waits(5), computes(5))
    watch.heard(0, computes(0.1), 101.0)
    assert watch.usual_s == 5
    watch.heard(0, waits(USUAL * 5 - 1), 150.0)
    watch.heard(1, computes(USUAL * 5 - 1), 150.0)
    assert watch.late([0, 1], 150.0) is None
    assert watch.late([0, 1], 152.0).rank == 1


def test_a_rank_that_has_ended_is_not_waited_for():
    watch = watch_of(waits(9), computes(9))
    watch.forget(1)
    assert watch.late([0], 100.0) is None


def test_a_rank_says_where_it_is_while_it_computes_and_what_it_waits_in():
    here, there = Pipe(duplex=False)
    pulse = Pulse(there)

    def said():
        assert here.poll(30), "the thread that beats has ended"
        return here.recv()

    pulse.send("step", 1)
    while (heard := said()) != ("step", 1):
        assert heard[0] == "beat"
    while "selectors.py" not in (beat := said()[1]).where:  # where this test waits for the pipe
        pass
    assert not beat.waits_in
    with pulse.waiting("all_reduce"):
        while said()[1].waits_in != "all_reduce":
            pass
    pulse.close()
