"""Languages by name: what a caller writes is what the checkpoint calls it, and what is not clear stays as it was."""

import pytest

from duomo.tasks.languages import language_among, language_code

ISO = ("en", "de", "zh", "jw")
NLLB = ("eng_Latn", "deu_Latn", "zho_Hans", "zho_Hant", "arb_Arab")
MBART = ("en_XX", "de_DE", "zh_CN")


@pytest.mark.parametrize(
    ("language", "known", "spelled"),
    [
        ("en", ISO, "en"),
        ("English", ISO, "en"),
        (" GERMAN ", ISO, "de"),
        ("deu", ISO, "de"),
        ("Mandarin", ISO, "zh"),
        ("jv", ISO, "jw"),  # Whisper's own code
        ("german", NLLB, "deu_Latn"),
        ("de", NLLB, "deu_Latn"),
        ("arabic", NLLB, "arb_Arab"),
        ("Chinese", MBART, "zh_CN"),
        ("Chinese", NLLB, "Chinese"),  # in two scripts
        ("eng_Latn", NLLB, "eng_Latn"),
        ("french", ISO, "french"),  # not among them
        ("klingon", ISO, "klingon"),
        ("", ISO, ""),
    ],
)
def test_a_language_is_spelled_as_the_checkpoint_does(language, known, spelled):
    assert language_among(language, known) == spelled


def test_a_code_is_that_of_the_name_or_what_was_given():
    assert [language_code(each) for each in ("French", "fr", "fra", "tlh")] == ["fr", "fr", "fr", "tlh"]
