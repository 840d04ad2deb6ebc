"""WaveNet: what it sees, what it may not see, that queues change nothing, and that it learns."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torchaudio.functional import mu_law_encoding

import duomo
from duomo.errors import WeightsMismatch
from duomo.testing.samples import voice
from duomo_speech.wavenet import Description, WaveNet, continued, save

RATE = 8000
SMALL = Description(channels=8, skip_channels=12, dilations=(1, 2, 4, 1, 2, 4))


def network(about: Description = SMALL) -> WaveNet:
    torch.manual_seed(0)
    return WaveNet(about).eval()


@torch.no_grad()
def test_a_sample_reaches_the_field_behind_it_and_nothing_before() -> None:
    net = network()
    assert net.field == 15
    levels = torch.randint(0, 256, (1, 60))
    changed = levels.clone()
    changed[0, 30] = 255 - changed[0, 30]
    moved = (net(levels) - net(changed)).abs().amax(-1)[0]
    assert moved[:30].max() == 0
    assert moved[30 + net.field :].max() == 0
    assert moved[30] > 0
    assert moved[30 + net.field - 1] > 0


@torch.no_grad()
def test_steps_with_queues_give_the_logits_of_the_whole() -> None:
    net = network()
    levels = torch.randint(0, 256, (2, 80))
    whole = net(levels)
    _, queues = net.read(levels[:, :50])
    queues = [queue.clone() for queue in queues]
    for at in range(30):
        torch.testing.assert_close(net.step(levels[:, 50 + at], queues, at), whole[:, 50 + at], atol=1e-5, rtol=1e-5)


@pytest.mark.equals("the network run whole for each sample", "audio-continuation")
@torch.no_grad()
def test_the_likeliest_levels_are_those_of_the_network_run_whole_each_time() -> None:
    net = network()
    prompt = torch.randint(0, 256, (20,))
    known = prompt[None]
    for _ in range(12):
        known = torch.cat([known, net(known)[:, -1].argmax(-1, keepdim=True)], dim=1)
    assert continued(net, [prompt], 12, temperature=0, seed=0).tolist() == known[:, 20:].tolist()


def test_a_recording_goes_on_alone_as_in_a_batch(tmp_path: Path) -> None:
    runner = duomo.load("audio-continuation", f"dir:{save(network(), tmp_path, SMALL)}", device="cpu")
    items = [(voice(pitch, seconds, RATE), RATE) for pitch, seconds in ((120, 0.2), (210, 0.3))]
    options: Any = {"seconds": 0.05, "seed": 3}
    together = [
        outcome.unwrap() for outcome in runner.map([*items, b"no sound"], batch_size=3, **options) if outcome.ok
    ]
    assert together == [runner(item, **options) for item in items]
    assert (together[0].sampling_rate, len(together[0].samples)) == (RATE, 400)
    assert runner(items[0], seconds=0.05, seed=4) != together[0]


def test_parts_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    save(network(), tmp_path, SMALL)
    (tmp_path / "duomo.json").write_text(SMALL.model_copy(update={"channels": 9}).model_dump_json())
    with pytest.raises(WeightsMismatch):
        duomo.load("audio-continuation", f"dir:{tmp_path}", device="cpu")
    (tmp_path / "duomo.json").write_text('{"model": "speech/wavenet", "channels": "many"}')
    with pytest.raises(WeightsMismatch, match="channels"):
        duomo.load("audio-continuation", f"dir:{tmp_path}", device="cpu")


def test_it_learns_a_voice_better_than_counting_pairs_of_levels() -> None:
    sound = np.concatenate([voice(pitch, 2.0, RATE) for pitch in (110, 130, 120)])
    levels = mu_law_encoding(torch.from_numpy(sound), 256)
    train, held = levels[:-RATE], levels[-RATE:]
    pairs = torch.full((256, 256), 0.01)
    pairs.index_put_((train[:-1], train[1:]), torch.tensor(1.0), accumulate=True)
    bigram = -(pairs / pairs.sum(1, keepdim=True)).log()[held[:-1], held[1:]].mean()
    torch.manual_seed(0)
    net = WaveNet(Description(channels=24, skip_channels=48, dilations=(1, 2, 4, 8, 16, 32, 64)))
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    for _ in range(75):
        starts = torch.randint(0, len(train) - 1025, (3,))
        rows = torch.stack([train[at : at + 1025] for at in starts.tolist()])
        loss = F.cross_entropy(net(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        nats = F.cross_entropy(net(held[None, :-1])[0], held[1:])
    assert nats < bigram - 0.2, f"{nats:.2f} nats a sample, counting pairs {bigram:.2f}"
