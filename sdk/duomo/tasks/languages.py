"""Names of languages: what a caller writes, and how a checkpoint spells it.

Source: ISO 639-1 and 639-3; the languages are those of Whisper.
"""

from __future__ import annotations

from collections.abc import Collection

_ROWS = """
af afr afrikaans | am amh amharic | ar ara arb arabic | as asm assamese | az aze azj azerbaijani | ba bak bashkir
be bel belarusian | bg bul bulgarian | bn ben bengali | bo bod tibetan | br bre breton | bs bos bosnian
ca cat catalan valencian | cs ces czech | cy cym welsh | da dan danish | de deu german | el ell greek | en eng english
es spa spanish castilian | et est estonian | eu eus basque | fa fas pes persian farsi | fi fin finnish | fo fao faroese
fr fra french | gl glg galician | gu guj gujarati | ha hau hausa | haw hawaiian | he heb hebrew | hi hin hindi
hr hrv croatian | ht hat haitian | hu hun hungarian | hy hye armenian | id ind indonesian | is isl icelandic
it ita italian | ja jpn japanese | jv jw jav javanese | ka kat georgian | kk kaz kazakh | km khm khmer
kn kan kannada | ko kor korean | la lat latin | lb ltz luxembourgish | ln lin lingala | lo lao | lt lit lithuanian
lv lav lvs latvian | mg mlg plt malagasy | mi mri maori | mk mkd macedonian | ml mal malayalam | mn mon khk mongolian
mr mar marathi | ms msa zsm malay | mt mlt maltese | my mya burmese myanmar | ne nep npi nepali | nl nld dutch flemish
nn nno nynorsk | no nor nob norwegian | oc oci occitan | pa pan panjabi punjabi | pl pol polish | ps pus pbt pashto
pt por portuguese | ro ron romanian moldovan | ru rus russian | sa san sanskrit | sd snd sindhi | si sin sinhala
sk slk slovak | sl slv slovenian | sn sna shona | so som somali | sq sqi als albanian | sr srp serbian
su sun sundanese | sv swe swedish | sw swa swh swahili | ta tam tamil | te tel telugu | tg tgk tajik | th tha thai
tk tuk turkmen | tl tgl tagalog | tr tur turkish | tt tat tatar | uk ukr ukrainian | ur urd urdu | uz uzb uzn uzbek
vi vie vietnamese | yi yid ydd yiddish | yo yor yoruba | yue cantonese | zh zho cmn chinese mandarin
"""
_ROW_OF = {word: row for row in map(str.split, _ROWS.replace("\n", "|").split("|")) for word in row}


def language_among(language: str, known: Collection[str]) -> str:
    """Return a language as one of `known` spells it: ``English``, ``EN`` and ``eng`` are ``en``, or ``eng_Latn``.

    What is none of them, or several (``zho_Hans`` and ``zho_Hant``), is returned as it is.

    Args:
        language: its English name, or a code of two or three letters.
        known: codes of a checkpoint, which may have a script or a country behind a ``_``.
    """
    if language in known:
        return language
    row = _ROW_OF.get(language.strip().lower(), ())
    found = [each for each in known if each.partition("_")[0] in row]
    return found[0] if len(found) == 1 else language


def language_code(language: str) -> str:
    """Return the ISO 639-1 code of a language, or what was given where it is not known here."""
    return _ROW_OF.get(language.strip().lower(), [language])[0]
