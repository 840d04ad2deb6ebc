"""DICOM's own words for elements that anybody can type into: what is none of them may be a name, and goes.

Terms of PS3.3 and those that scanners write; a list that is too short costs a file a word, one that is open costs a
patient their name.
"""

from __future__ import annotations

import re

_SETS = {
    "ScanningSequence": "SE IR GR EP RM",
    "SequenceVariant": "SK MTC SS TRSS SP MP OSP NONE",
    "PatientPosition": "HFP HFS HFDR HFDL FFDR FFDL FFP FFS LFP LFS RFP RFS AFDR AFDL PFDR PFDL SITTING",
    "Laterality": "R L U B",
    "ImageLaterality": "R L U B",
    "FrameLaterality": "R L U B",
    "ViewPosition": "AP PA LL RL RLD LLD RLO LLO LAO RAO RPO LPO LAT OBL ML MLO LM LMO CC FB SIO ISO XCC XCCL XCCM",
    "ConversionType": "DV DI DF WSD SD SI DRW SYN",
    "MRAcquisitionType": "2D 3D",
    "AcquisitionType": "SEQUENCED SPIRAL CONSTANT_ANGLE STATIONARY FREE",
    "RescaleType": "OD HU US MGML Z_EFF ED EDW HU_MOD PCT CNTS NONE BQML CM2ML GML PROPCNTS PERCENT",
    "Polarity": "NORMAL REVERSE",
    "PatientOrientation": "A P L R H F AL AR PL PR AH AF PH PF LH LF RH RF HA HP HL HR FA FP FL FR LA LP RA RP",
}
_IMAGE_WORDS = frozenset(
    """
    ORIGINAL DERIVED PRIMARY SECONDARY OTHER MIXED AXIAL CORONAL SAGITTAL OBLIQUE LOCALIZER SCOUT REFORMATTED RESAMPLED
    AVERAGE MEAN MEDIAN SUM SUBTRACTION PROJECTION IMAGE MAXIMUM MINIMUM VOLUME RENDERED SURFACE SINGLE BIPLANE PLANE
    STATIC DYNAMIC GATED WHOLE BODY TOMO RECON EMISSION TRANSMISSION EPICARDIAL ENDOCARDIAL SMALL PARTS CARDIAC VASCULAR
    ABDOMINAL OBSTETRICAL GYNECOLOGY BREAST MUSCULOSKELETAL PEDIATRIC NEONATAL OPHTHALMIC INTRAVASCULAR
    TRANSESOPHAGEAL TRANSRECTAL TRANSVAGINAL COLOR DOPPLER FLOW VELOCITY POWER SPECTRAL MODE SCREEN SAVE STORE MONITOR
    HELIX HELICAL SPIRAL SEQUENCE CINE STRESS REST DELAYED LATE EARLY DIFFUSION ANISO ISOTROPIC TRACEW TRACE PHASE
    MAGNITUDE REAL IMAGINARY WATER FAT DIXON NORM DIS2D DIS3D MOSAIC PERFUSION TMAX QUANTITATIVE PARAMETRIC DIAGNOSTIC
    PROCESSED FILTERED CORRECTED UNCORRECTED NONE DRR PORTAL SIMULATOR FLUENCE RADIOGRAPH BLANK STANDARD TOMOSYNTHESIS
    GENERATED SYNTHETIC MPR CURVED THICK THIN STACK MULTI FRAME LEFT RIGHT OVERVIEW LABEL THUMBNAIL VALUE CHANNEL
    """.split()
)
_MAKERS = frozenset(
    """
    siemens healthineers ge g e general electric philips toshiba canon hitachi fuji fujifilm agfa gevaert
    carestream kodak eastman konica minolta hologic lorad shimadzu samsung medison mindray united imaging esaote
    elekta varian accuray brainlab bruker biospin aloka acuson atl adac picker marconi elscint lodox planmeca
    sirona dentsply vatech carl zeiss meditec heidelberg engineering topcon nidek optovue olympus pentax karl
    storz sonosite sonoscape supersonic imagine terason mortara schiller instrument cms raysearch mim software
    hamamatsu leica biosystems ventana roche aperio 3dhistech instrumentarium trophy acteon imaging trex swissray
    sedecal villa del dms apelem ziehm orthoscan fluoroscan mec medical systems system nema technologies
    technology healthcare health industries corporation corp company co inc ltd llc gmbh ag kg sa bv nv ev europe
    america usa japan china offis kuratorium pydicom ultrasound solutions and of
    """.split()
)
_PATTERNS = {
    "PresentationIntentType": r"FOR (?:PRESENTATION|PROCESSING)",
    "ScanOptions": r"PER|RG|CG|PPG|FC|PFF|PFP|SP|FS|WE|SAT\d?|SAT_?GEMS|SFS|TILT|DB|NONE|IR|TD|"
    r"(?:EDR|FAST|FILTERED|MP|VASCTOF|ACC|PFP|FC)_GEMS|(?:AXIAL|HELICAL|CINE|SCOUT|CLUSTER|SPIRAL) MODE|HELIX|SURVIEW",
    "ConvolutionKernel": r"(?:STANDARD|SOFT|SMOOTH|BONE|BONEPLUS|LUNG|DETAIL|EDGE|CHST|ULTRA|SHARP|BODY|BRAIN|HEAD)\+?|"
    r"[A-Z]{1,2}\d{1,3}[a-z]{0,2}(?:\\?\d)?|\d{1,3}|Y?[A-F]",
    "FilterType": r"(?:BODY|HEAD|LARGE|MEDIUM|SMALL|CARDIAC|FLAT|AIR|LARGE BODY|SMALL BODY)"
    r"(?: (?:FILTER|BOWTIE))?(?: FIL(?:TER)?)?|"
    r"STRIP|WEDGE|BUTTERFLY|MULTIPLE|SHAPED|NONE|\d{1,2}|SPECIAL",
    "SequenceName": r"\*{0,2}(?:epfid|epse|epir|ep_b|ep|fl|fi|fise|tfl|tfi|tse|tir|tirR|tgse|se|spcir|spcR|spc|spir|"
    r"h|hR|me|de|"
    r"qfl|swi|svs|csi|gre|haste|vibe)(?:[23]d)?\d{0,3}(?:_\d{1,3})?(?:[a-z]{0,2}|[bt]\d+[a-z]?|#\d+|\d+[a-z]?)*",
}


OPEN = ("ImageType", "FrameType")
"""Elements with several values, of which the first ones are needed: another word for one that is not a term."""


def is_term(keyword: str, text: str) -> bool | None:
    """Whether a value is a word that this element may hold; None where the element has no such list."""
    text = text.strip(" \0")
    if not text:
        return True
    if keyword in _SETS:
        return text.upper() in _SETS[keyword].split()
    if keyword in _PATTERNS:
        return re.fullmatch(_PATTERNS[keyword], text, re.IGNORECASE) is not None
    if keyword == "Manufacturer":
        return all(word in _MAKERS for word in re.findall(r"\w+", text.casefold().replace(".", "").replace("_", " ")))
    if keyword in OPEN:
        # Two letters and digits are too little for a name, and makers have hundreds of them.
        return all(len(word) <= 3 or word in _IMAGE_WORDS for word in re.split(r"[\s_]+", text.upper()))
    return None
