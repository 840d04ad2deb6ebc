"""Many items, some of them bad: every item has an outcome, in order, and nothing is lost."""

import collections

import numpy as np
import skimage.data

import duomo

items = [skimage.data.chelsea(), "missing.jpg", skimage.data.coffee(), b"not a picture", np.zeros((2, 2, 5), np.uint8)]

errors = collections.Counter()
with duomo.load("image-classification") as classify:
    for outcome in classify.map(items, top_k=1):
        if outcome.ok:
            print(outcome.index, outcome.result.top.name)
        else:
            print(outcome.index, outcome.error.what, "-", outcome.error.fix)
            errors[outcome.error.code] += 1
    print(f"{errors.total()} of {len(items)} failed:", dict(errors))
    print("by", classify.meta.model, classify.meta.revision, "on", classify.meta.device)
