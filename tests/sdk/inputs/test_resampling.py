"""Resampling without torch gives what torchaudio gives."""

import numpy as np
import pytest
import torch
import torchaudio.functional

from duomo.inputs.resampling import resample


@pytest.mark.parametrize(("p", "q"), [(441, 160), (3, 1), (1, 2), (160, 441)])
def test_it_equals_torchaudio(p, q):
    sound = np.random.default_rng(0).normal(0, 0.2, 5000).astype(np.float32)
    expected = torchaudio.functional.resample(torch.from_numpy(sound), p, q).numpy()
    found = resample(sound, p, q)
    assert found.shape == expected.shape
    # torchaudio computes its kernel in float32.
    np.testing.assert_allclose(found, expected, atol=3e-5)
