"""Numbers with their nouns, and names with their article."""


def counted(number: int, one: str, many: str = "") -> str:
    """Write a number with its noun: ``1 file``, ``1,200 files``.

    Args:
        number: 0 or more.
        one: what follows 1, maybe with its verb: ``class has``.
        many: what follows other numbers; `one` with an s when left out.
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def with_article(name: str) -> str:
    """Write a name behind its article, as it sounds: ``a str``, ``an Image``, ``an ndarray``, ``a URL``."""
    first, second = name[:1], name[1:2]
    said_yu = name.lower().startswith("uni") or (first == "U" and second.isupper())
    vowel = first.lower() in tuple("aeiou") and not said_yu
    return f"{'an' if vowel or name.startswith('nd') else 'a'} {name}"


def a_type(value: object) -> str:
    """Name a value's type in a sentence: ``a str``, ``an int``; None is ``None``."""
    return "None" if value is None else with_article(type(value).__name__)
