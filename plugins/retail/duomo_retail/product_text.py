"""What a product is called, in words a shopper would use: category paths, abbreviations written out.

Catalogues are written for shelves and tills: ``FRZN JCE CONC/DRNKS``. A language model has hardly seen such words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

ABBREVIATIONS: dict[str, str] = dict(
    each.split("=")
    for each in """
    accss=accessories asst=assorted bbq=barbecue bg=bags bkd=baked bkngwares=bakeware bn=beans brd=bread
    brkfst=breakfast btl=bottle btr=butter calc=calculator carb=carbonated chix=chicken chp=chopped choc=chocolate
    ckys=cookies cleang=cleaning cnd=canned cndles=candles cndy=candy cntrl=control coff=coffee conc=concentrate
    crkr=crackers crystl=crystal dnr=dinner dnrs=dinners dps=dips drnk=drink drnks=drinks drp=drops drsng=dressing
    dsh=dishes edwm=edamame fd=food flav=flavored flvr=flavor flvrd=flavored frz=frozen frzn=frozen gds=goods
    grnd=ground hbc=health_and_beauty_care hshld=household hygn=hygiene indr=indoor jce=juice liqs=liquids
    lozng=lozenge merch=merchandise misc=miscellaneous mw=microwave mx=mix mxs=mixes natrl=natural pc=piece pk=pack
    pkg=packaged pkgd=packaged pkld=pickled pickld=pickled planters=planters plantr=planter plstc=plastic pnt=peanut
    prem=premium prep=prepared prepreportnd=portioned prod=produce prpck=prepacked prslc=presliced pwdr=powder
    refrgratd=refrigerated retl=retail rtd=ready_to_drink rx=prescription sald=salad sft=soft shlder=shoulder
    shldr=shoulder shlfsh=shellfish shred=shredded slc=sliced snks=snacks sndwch=sandwich sngl=single spec=special
    spf=sunscreen sply=supplies sprd=spread stk=steak stw=stew supp=supplies sw=sweet swt=sweet syrp=syrup
    thn=thin tiss=tissue trsh=trash veg=vegetable wh=whole whlsm=wholesome wht=white wtr=water xpctrnt=expectorant
    yog=yogurt
    """.split()
)
"""English, of grocers' catalogues; give your own to `words` for another trade."""
_WORD = re.compile(r"[^\W_]+")


def words(text: str, abbreviations: Mapping[str, str] = ABBREVIATIONS) -> list[str]:
    """The words of a text in lower case, Latin ones without accents, as shoppers type them; abbreviations in full."""
    plain = unicodedata.normalize("NFKC", re.sub("['’]", "", text.casefold()))
    first = (unicodedata.normalize("NFD", letter)[0] for letter in plain)
    bare = "".join(base if base.isascii() else letter for base, letter in zip(first, plain, strict=True))
    return [part for word in _WORD.findall(bare) for part in abbreviations.get(word, word).split("_")]
