"""Chronos checkpoints: from a folder only, one series at a time, and calibrated like every other method."""

import sys
from pathlib import Path

import numpy as np
import pytest

from duomo.errors import RequirementMissing, UsageProblem
from duomo_retail import pretrained
from duomo_retail.forecast import DemandForecast
from duomo_retail.predicting import Settings


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Chronos-Bolt of random weights, in the library's own format."""
    chronos_bolt = pytest.importorskip("chronos.chronos_bolt")
    import torch
    from transformers import T5Config

    patches = {"context_length": 32, "prediction_length": 8, "input_patch_size": 4, "input_patch_stride": 4}
    config = T5Config(  # type: ignore[call-arg]
        vocab_size=2, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, decoder_start_token_id=0,
        chronos_pipeline_class="ChronosBoltPipeline",
        chronos_config={**patches, "quantiles": [0.1, 0.5, 0.9], "use_reg_token": True},
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = chronos_bolt.ChronosBoltModelForForecasting(config)
    folder = tmp_path_factory.mktemp("bolt")
    model.save_pretrained(folder)
    return str(folder)


def adapter(checkpoint: str, horizon: int = 3) -> DemandForecast:
    settings = Settings(horizon=horizon, levels=(0.1, 0.5, 0.9), method=f"chronos:{checkpoint}")
    return DemandForecast(artifacts={"settings": settings})


def test_what_the_checkpoint_says_is_what_is_forecast(checkpoint: str) -> None:
    import torch
    from chronos import BaseChronosPipeline

    history = 10 + np.arange(20.0) % 5
    [found] = pretrained.forecast([history], 3, checkpoint)
    own = BaseChronosPipeline.from_pretrained(checkpoint).predict(torch.tensor(history)[None].float(), 3)
    np.testing.assert_allclose(found, np.maximum(own[0, 1].numpy(), 0), rtol=1e-5)


def test_a_series_is_forecast_alike_alone_and_among_others_and_as_far_as_asked(checkpoint: str) -> None:
    short, long = np.arange(12.0), 50 + np.arange(30.0) % 7
    together = pretrained.forecast([short, long, short], 11, checkpoint)
    np.testing.assert_array_equal(together[0], pretrained.forecast([short], 11, checkpoint)[0])
    np.testing.assert_array_equal(together[0], together[2])
    assert [len(each) for each in together] == [11, 11, 11]


def test_its_quantiles_are_the_calibrations(checkpoint: str) -> None:
    forecasts = adapter(checkpoint)
    forecasts = forecasts.fit(forecasts.records(DemandForecast.samples()))
    payload = forecasts(DemandForecast.samples()[0]).payload
    assert payload.method == f"chronos:{checkpoint}"
    assert payload.calibrated
    assert payload.steps[0].quantiles == sorted(payload.steps[0].quantiles)
    assert payload.steps[0].quantiles[0] < payload.steps[0].quantiles[-1]


def test_a_name_of_a_hub_is_refused_and_nothing_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("chronos")
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("a connection was opened"))
    for name in ("amazon/chronos-bolt-tiny", "s3://bucket/chronos"):
        with pytest.raises(UsageProblem) as refused:
            adapter(name)(DemandForecast.samples()[0])
        assert f"no Chronos checkpoint in '{name}'" in refused.value.what
        assert "nothing is downloaded" in refused.value.why
        assert "config.json" in refused.value.fix
    (tmp_path / "config.json").write_text('{"model_type": "t5"}')
    with pytest.raises(UsageProblem, match="Not a Chronos config file"):
        adapter(str(tmp_path))(DemandForecast.samples()[0])


def test_without_chronos_the_line_for_pip_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "chronos", None)
    pretrained._pipeline.cache_clear()  # as a new process begins
    with pytest.raises(RequirementMissing, match=r"duomo-retail\[chronos\]"):
        adapter("anywhere")(DemandForecast.samples()[0])
