"""The models for series of numbers; nothing heavy is imported here."""

from duomo import ModelSpec

AUTO_ETS = ModelSpec(
    "tabular/auto-ets",
    "time-series-forecasting",
    "duomo_tabular.series.statistical:AutoEts",
    "exponential smoothing, its form chosen for each series",
    "Apache-2.0",
    weights="none",
    requires=("statsforecast>=2",),
    limits="each series by itself, without causes; its intervals hold if the future is like the past; needs seven "
    "values, and two seasons where a season is named",
)
AUTO_THETA = AUTO_ETS._replace(
    name="tabular/auto-theta",
    loader="duomo_tabular.series.statistical:AutoTheta",
    summary="the theta method, its form chosen for each series",
    limits=AUTO_ETS.limits.replace("seven", "four"),
)
NETWORKS = ModelSpec(
    "tabular/series-networks",
    "time-series-forecasting",
    "duomo_tabular.series.networks:Networks",
    "any TimesFM, PatchTST or PatchTSMixer checkpoint for one variable",
    "Apache-2.0",
    weights="given",
    requires=("transformers>=5.17",),
    architectures=(
        "TimesFmModelForPrediction",
        "TimesFm2_5ModelForPrediction",
        "PatchTSTForPrediction",
        "PatchTSMixerForPrediction",
    ),
    limits="as many steps ahead as it was trained on; PatchTST and PatchTSMixer need their full context and give no "
    "quantiles",
)
RESIDUALS = ModelSpec(
    "tabular/residuals",
    "time-series-anomaly-detection",
    "duomo_tabular.series.anomalies:Residuals",
    "distance from a robust trend and season, in robust standard deviations",
    "Apache-2.0",
    weights="none",
    requires=("statsmodels>=0.14",),
    limits="single values and short runs: a lasting shift becomes the new level; needs eight values, and three seasons "
    "where a season is named",
)
SERIES = tuple(
    each._replace(formerly=(each.name.replace("tabular/", "multimodal/"),))
    for each in (AUTO_ETS, AUTO_THETA, NETWORKS, RESIDUALS)
)
"""In version 0.1 they belonged to the plugin multimodal."""
