"""Training: from labelled rows to a folder that every executor loads.

    fit = duomo.finetune("text-classification", "reviews.csv", label="stars", model="nlp/minilm", out="stars/")
    duomo.run("text-classification", "Lovely.", model="dir:stars")

A model author writes a `Trainable`; the rest is here. Nothing imports torch before a training begins.
"""

from typing import TYPE_CHECKING

from duomo.lazy import face

if TYPE_CHECKING:
    from duomo.training.checking import check as check, evaluate as evaluate
    from duomo.training.fit import Fit as Fit, Interval as Interval
    from duomo.training.fitting import finetune as finetune
    from duomo.training.losses import Losses as Losses
    from duomo.training.metrics import Named as Named
    from duomo.training.objectives import (
        IGNORED as IGNORED,
        cross_entropy as cross_entropy,
        squared_error as squared_error,
        token_cross_entropy as token_cross_entropy,
    )
    from duomo.training.order import Order as Order
    from duomo.training.pretraining import pretrain as pretrain
    from duomo.training.recipe import Recipe as Recipe
    from duomo.training.scaling import mean_and_spread as mean_and_spread
    from duomo.training.small import SmallTrainable as SmallTrainable
    from duomo.training.trainable import Parts as Parts, Trainable as Trainable

face(
    __name__,
    {
        "duomo.training.checking": "check evaluate",
        "duomo.training.fit": "Fit Interval",
        "duomo.training.fitting": "finetune",
        "duomo.training.metrics": "Named",
        "duomo.training.objectives": "IGNORED cross_entropy squared_error token_cross_entropy",
        "duomo.training.order": "Order",
        "duomo.training.pretraining": "pretrain",
        "duomo.training.recipe": "Recipe",
        "duomo.training.losses": "Losses",
        "duomo.training.scaling": "mean_and_spread",
        "duomo.training.small": "SmallTrainable",
        "duomo.training.trainable": "Parts Trainable",
    },
)
