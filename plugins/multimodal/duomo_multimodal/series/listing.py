"""The models for series of numbers; nothing heavy is imported here."""

from duomo import ModelSpec

AUTO_ETS = ModelSpec(
    "multimodal/auto-ets",
    "time-series-forecasting",
    "duomo_multimodal.series.statistical:AutoEts",
    "exponential smoothing, its form chosen for each series",
    "Apache-2.0",
    weights="none",
    requires=("statsforecast>=2",),
    limits="each series by itself, without causes; its intervals hold if the future is like the past; needs four "
    "values, and two seasons where a season is named",
)
AUTO_THETA = AUTO_ETS._replace(
    name="multimodal/auto-theta",
    loader="duomo_multimodal.series.statistical:AutoTheta",
    summary="the theta method, its form chosen for each series",
)
NETWORKS = ModelSpec(
    "multimodal/series-networks",
    "time-series-forecasting",
    "duomo_multimodal.series.networks:Networks",
    "any TimesFM, PatchTST or PatchTSMixer checkpoint for one variable",
    "Apache-2.0",
    weights="given",
    architectures=("TimesFmModelForPrediction", "PatchTSTForPrediction", "PatchTSMixerForPrediction"),
    limits="as many steps ahead as it was trained on; PatchTST and PatchTSMixer need their full context and give no "
    "quantiles",
)
RESIDUALS = ModelSpec(
    "multimodal/residuals",
    "time-series-anomaly-detection",
    "duomo_multimodal.series.anomalies:Residuals",
    "distance from a robust trend and season, in robust standard deviations",
    "Apache-2.0",
    weights="none",
    requires=("statsmodels>=0.14",),
    limits="single values and short runs: a lasting shift becomes the new level; needs eight values, and three seasons "
    "where a season is named",
)
SERIES = (AUTO_ETS, AUTO_THETA, NETWORKS, RESIDUALS)
