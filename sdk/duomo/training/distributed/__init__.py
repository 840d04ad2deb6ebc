"""Training on several devices: copies of the model that add up their gradients (``dp``)."""
