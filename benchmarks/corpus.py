"""Texts whose lengths are spread as in real traffic, made from a fixed seed."""

import random


def lognormal_texts(count: int, *, shortest: int = 4, longest: int = 256, seed: int = 0) -> list[str]:
    """Texts of common English words; words a text are log-normal (median 30, sigma 1), cut to the bounds: mean 49.

    A word of this list is one token of a WordPiece vocabulary trained on English, so words are
    tokens but for the two special ones.
    """
    dice = random.Random(seed)
    return [
        " ".join(dice.choices(COMMON, k=min(longest - 2, max(shortest, round(dice.lognormvariate(3.4, 1))))))
        for _ in range(count)
    ]


COMMON = (
    "the of and to in is was for on that with as it by at from are this be or an which not were have but they "
    "one you all can her has there been if more when will would who so no out up into about than them its time "
    "only some could other new people two these may first then do any like my now over such our man me even most "
    "made after also did many before must through back years where much your way well down should because each "
    "just those state good people very make world still own see men work long get here between both life being "
    "under never day same another know while last might us great old year off come since against go came right "
    "used take three states himself few house use during without again place american around however home small "
    "found mrs thought went say part once general high upon school every water music river garden window doctor "
).split()
