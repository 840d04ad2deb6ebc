"""The statistics that adapters share: logistic regression, metrics, calibration, conformal sets and stacking."""
