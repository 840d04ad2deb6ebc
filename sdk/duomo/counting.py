"""Numbers with their nouns."""


def counted(number: int, one: str, many: str = "") -> str:
    """Write a number with its noun: ``1 file``, ``1,200 files``.

    Args:
        number: 0 or more.
        one: what follows 1, maybe with its verb: ``class has``.
        many: what follows other numbers; `one` with an s when left out.
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
