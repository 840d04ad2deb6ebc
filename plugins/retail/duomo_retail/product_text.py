"""What a product is called, in words a shopper would use: category paths, abbreviations written out.

Catalogues are written for shelves and tills: ``FRZN JCE CONC/DRNKS``. A language model has hardly seen such words.
"""

from __future__ import annotations

import re
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
_WORD = re.compile(r"[a-z0-9]+")


def words(text: str, abbreviations: Mapping[str, str] = ABBREVIATIONS) -> list[str]:
    """The words of a text in lower case, abbreviations written out."""
    return [part for word in _WORD.findall(text.lower().replace("'", ""))
            for part in abbreviations.get(word, word).split("_")]  # fmt: skip
