"""Forty notes and forty lines that were written before the rules beside them were, and read for none of them.

Words of medicine that stay were 166 of 235 and are 191, of which 175 without the added lists of brands; lines
that keep a name were 9 of 40 and are 2.
"""

NOTES = (
    ("Pt Hollis Trembath, 54M, here for f/u of GERD. Takes Nexium 40 mg qd. Denies dysphagia, melena. "
     "Barrett's surveillance EGD due. D/w Dr Okonjo.",
     "Hollis Trembath Okonjo",
     "GERD Nexium dysphagia melena Barrett EGD"),
    ("Seen w/ daughter Perpetua. Parkinsonism, shuffling gait, Hoehn and Yahr 3. Sinemet 25/100 TID. Falls"
     " x2 at 14 Quarry Lane.",
     "Perpetua 14 Quarry",
     "Parkinsonism Hoehn Yahr Sinemet TID"),
    ("ED triage 02:14: c/o CP, diaphoretic. ECG: STEMI, ST elevation V1-V4, LAD territory. Cath lab "
     "activated by Dr. Whitcombe. ASA, Brilinta given.",
     "Whitcombe",
     "CP STEMI V1-V4 LAD Cath ASA Brilinta"),
    ("ICU day 4. Intubated, PSV 10/5, FiO2 40%. RASS -2 on Precedex. Levophed weaned off. CRRT via L IJ "
     "Trialysis. Family meeting w/ wife Oluchi and son Dmitri.",
     "Oluchi Dmitri",
     "PSV FiO2 RASS Precedex Levophed CRRT IJ Trialysis"),
    ("Ortho: R TKA POD 2. Xarelto, SCDs on. Wound VAC intact, Hgb 9.1. PT w/ Bram Oosterveld: ambulated 40"
     " ft FWW.",
     "Bram Oosterveld",
     "TKA POD Xarelto SCDs VAC Hgb FWW"),
    ("OB: G3P2 at 38w, SROM at 0400, clear fluid. Cervidil placed, Pitocin started. FHT 140s Cat I. "
     "Midwife Thandeka Sithole.",
     "Thandeka Sithole",
     "G3P2 SROM Cervidil Pitocin FHT"),
    ("Derm: 3 mm papule L ala nasi, telangiectasia, r/o BCC. Shave bx. Hx of Mohs x1. Uses Retin-A. Lives "
     "in Tregony.",
     "Tregony",
     "papule telangiectasia BCC Mohs Retin-A"),
    ("Radiology: CT chest. Comparison 3/14/2022. RUL GGO 8 mm, Fleischner f/u. No PE. Mild emphysema. Read"
     " by A. Villanueva MD, accession 88120934.",
     "3/14/2022 Villanueva 88120934",
     "RUL GGO Fleischner PE emphysema"),
    ("Micro: blood cx 2/2 MSSA. Ancef q8h. TTE no vegetation, TEE planned. ID consult Dr Raghunathan.",
     "Raghunathan",
     "MSSA Ancef TTE TEE"),
    ("Psych: MDD, GAD. Wellbutrin 300, Lexapro 20. PHQ-9 14. Denies SI/HI. Lives with partner Jocasta, "
     "works at Fennimore Plumbing.",
     "Jocasta Fennimore",
     "MDD GAD Wellbutrin Lexapro PHQ-9 SI/HI"),
    ("Neuro: NIHSS 6, R facial droop, Babinski upgoing. tPA at 1312. CTA M1 occlusion. Brother Casimir "
     "(415) 555-0198 notified.",
     "Casimir 415 0198",
     "NIHSS Babinski tPA CTA M1"),
    ("Peds: 6yo w/ croup, Westley score 4. Decadron, racemic epi. Mom Saoirse states barky cough since "
     "Tuesday. MRN 7710042.",
     "Saoirse Tuesday 7710042",
     "croup Westley Decadron epi"),
    ("GI: Colonoscopy: 2 polyps, Paris Is, snared. Boston bowel prep 8. Hemorrhoids. Golytely tolerated. "
     "Endoscopist: Leif Brannigan.",
     "Leif Brannigan",
     "Colonoscopy Paris Boston Hemorrhoids Golytely"),
    ("Nephro: ESRD on HD MWF via L AVF. Kt/V 1.4. Epogen, Sensipar, Renvela. Phos 6.1. Lives at Holloway "
     "Manor Nursing Home.",
     "Holloway",
     "ESRD HD MWF AVF Kt/V Epogen Sensipar Renvela Phos"),
    ("Pulm: COPD GOLD D. FEV1 34%. Trelegy, Daliresp. 2L NC. Quit tob 2016. Wife Marguerite asks about "
     "Inogen.",
     "Marguerite",
     "COPD GOLD FEV1 Trelegy Daliresp NC Inogen"),
    ("Endo: T1DM, A1c 8.2. Tandem pump, Dexcom G6. Fiasp. Hypoglycemia unawareness. DOB 07/22/1979. Email "
     "k.abara@postbox.example",
     "07/22/1979 abara",
     "T1DM A1c Tandem Dexcom Fiasp Hypoglycemia"),
    ("Heme: CML on Sprycel. BCR-ABL 0.1%. Pancytopenia resolved. Transfer from Penhaligon Regional on 9 "
     "May.",
     "Penhaligon 9 May",
     "CML Sprycel BCR-ABL Pancytopenia"),
    ("Urology: BPH, IPSS 22. Flomax, Proscar. PVR 180. TURP w/ Dr. Achebe scheduled. Foley to gravity.",
     "Achebe",
     "BPH IPSS Flomax Proscar PVR TURP Foley"),
    ("Cards: AF w/ RVR 142. Dilt gtt. CHADS-VASc 4. Eliquis 5 BID. Linq interrogated: PAF burden 12%. Pt's"
     " neighbour Ignatius called.",
     "Ignatius",
     "AF RVR Dilt CHADS-VASc Eliquis BID Linq PAF"),
    ("Wound: stage III sacral, 4x3 cm. Santyl daily, Allevyn. Braden 13. Turned q2h by Nia CNA.",
     "Nia",
     "Santyl Allevyn Braden CNA"),
    ("Anes: ASA 3, MP II. GA w/ LMA, Sevo. Hx PONV, Zofran + Emend. 20G R AC. CRNA Thorvald Eklund.",
     "Thorvald Eklund",
     "ASA GA LMA Sevo PONV Zofran Emend CRNA"),
    ("Ophtho: POAG OU. Tmax 28. Xalatan qhs, Cosopt BID. Cup-to-disc .8. Humphrey 24-2 stable. Pt: Lindiwe"
     " M.",
     "Lindiwe",
     "POAG OU Xalatan Cosopt Humphrey"),
    ("ENT: Tinnitus, Weber lateralizes L, Rinne neg L. Audiogram SNHL. Flonase. Ref by Dr Castellucci.",
     "Castellucci",
     "Tinnitus Weber Rinne Audiogram SNHL Flonase"),
    ("Rheum: RA, DAS28 4.1. MTX 15, Humira. Plaquenil stopped, retinopathy. Niece Rosalind drives her from"
     " Yarrowdale.",
     "Rosalind Yarrowdale",
     "RA DAS28 MTX Humira Plaquenil retinopathy"),
    ("Surg: lap chole, Calot's dissected, Hem-o-lok x3. EBL 20. JP none. Surgeon B. Amankwah. Path: "
     "cholelithiasis.",
     "Amankwah",
     "Calot Hem-o-lok EBL JP cholelithiasis"),
    ("Onc: Stage IIIB NSCLC, EGFR+, Tagrisso. CEA 14. ECOG 1. Port accessed. Called pt Emrys re: scan.",
     "Emrys",
     "NSCLC EGFR Tagrisso CEA ECOG Port"),
    ("Nursing 0730: A&Ox3, lungs CTA, BS+ x4. IV L FA 22G. Percocet 5/325 for 6/10 pain. Resting, husband "
     "Florian at bedside.",
     "Florian",
     "A&Ox3 CTA BS IV FA Percocet"),
    ("EMS: 71F, GLF, R hip shortened/ext rotated. 4 mcg/kg Fentanyl IN. C-collar. From 227 Dunmore "
     "Terrace. Medic Kowalik.",
     "227 Dunmore Kowalik",
     "GLF Fentanyl C-collar"),
    ("Dental: #30 MOD amalgam fx, PARL. RCT recommended. Septocaine 1 carp. Amoxil 500. Pt Beatrix will "
     "call.",
     "Beatrix",
     "MOD PARL RCT Septocaine Amoxil"),
    ("DC summary: Admit 11/02/23, d/c 11/06/23. Dx: CAP, AKI on CKD3a. Augmentin x5d. PCP Zuleika Farid. "
     "Home w/ VNA.",
     "11/02/23 11/06/23 Zuleika Farid",
     "CAP AKI CKD3a Augmentin PCP VNA"),
    ("Sleep: OSA, AHI 38. CPAP 12, ResMed mask. ESS 15. Provigil PRN. Trucker for Gullane Freight.",
     "Gullane",
     "OSA AHI CPAP ResMed ESS Provigil PRN"),
    ("ID: HIV, CD4 412, VL UD. Biktarvy. RPR NR. Bicillin x3 in past. Partner Absalom on Truvada.",
     "Absalom",
     "HIV CD4 VL Biktarvy RPR Bicillin Truvada"),
    ("Pain: LBP, SLR + L. L5-S1 HNP. TFESI x2. Lyrica, Nucynta. UDS appropriate. Atty Fitzgibbon requests "
     "records.",
     "Fitzgibbon",
     "LBP SLR L5-S1 HNP TFESI Lyrica Nucynta UDS"),
    ("NICU: 29w, BW 1180 g. Curosurf x1, Vapotherm 5L. Caffeine. HUS neg IVH. Mother: Anthea Dlamini, room"
     " 412.",
     "Anthea Dlamini 412",
     "Curosurf Vapotherm Caffeine HUS IVH"),
    ("Tox: APAP OD 12 g at 2100. Rumack line above. NAC protocol. AST 44. Poison ctrl spoke to Desmond.",
     "Desmond",
     "APAP OD Rumack NAC AST"),
    ("Vasc: ABI .52 R. Rutherford 4. Pletal. CTA runoff: SFA occlusion. Angio by Dr Tchaikovsky-Ames. Tel "
     "020 7946 0113.",
     "Tchaikovsky Ames 7946",
     "ABI Rutherford Pletal CTA SFA Angio"),
    ("Gyn: AUB-L, fibroids. Lupron, TXA. Pap NILM. Aygestin. LMP 2 wks ago. Contact Mireille, sister.",
     "Mireille",
     "AUB-L Lupron TXA Pap NILM Aygestin LMP"),
    ("Geri: MoCA 18, Lewy body dementia. Seroquel 12.5. Exelon patch. Fall risk Morse 60. HCP is son "
     "Lorcan.",
     "Lorcan",
     "MoCA Lewy Seroquel Exelon Morse HCP"),
    ("Tele: NSR, 3 bt NSVT. K 3.4 repleted w/ KCl. Mg 1.7. RN Philomena notified Dr Ostrander at 0312.",
     "Philomena Ostrander",
     "NSR NSVT K KCl Mg RN"),
    ("Allergy: IgE 440, SPT + dust, cat. Xolair started. EpiPen refilled. Dymista. Cousin of Nurse Abioye.",
     "Abioye",
     "IgE SPT Xolair EpiPen Dymista"),
)  # fmt: skip
"""A note, the identifiers in it, and its words of medicine."""

LINES = (
    ("Graves signed the consent", "Graves"),
    ("Bell wants to go home", "Bell"),
    ("Hickman slept well overnight", "Hickman"),
    ("Talked to Murphy about the plan", "Murphy"),
    ("Holter reviewed films with us", "Holter"),
    ("Whipple drove here alone", "Whipple"),
    ("Barlow's niece phoned", "Barlow"),
    ("Baker ate half of lunch", "Baker"),
    ("Allen gait steady", "Allen"),
    ("CC: Addison, Levine", "Addison"),
    ("Penrose asked for water", "Penrose"),
    ("Foley wrote the orders", "Foley"),
    ("Ranson agrees with transfer", "Ranson"),
    ("Blake needs a ride", "Blake"),
    ("Levo Marchetti seen", "Marchetti"),
    ("Quinton refused meds", "Quinton"),
    ("message left for Duke", "Duke"),
    ("room 12: Bishop", "Bishop"),
    ("Weber took her pills", "Weber"),
    ("Apgar family present", "Apgar"),
    ("Handoff to Wright", "Wright"),
    ("Gleason visited mom", "Gleason"),
    ("Norton turned q2h", "Norton"),
    ("Morse and Braden to follow up", "Morse"),
    ("Shiley felt dizzy at work", "Shiley"),
    ("Tandem Okafor arrived", "Okafor"),
    ("Romberg picked up scripts", "Romberg"),
    ("Kerr read the CT", "Kerr"),
    ("Glasgow-born Mr Ross", "Ross"),
    ("Mirena Kovac, 34F", "Kovac"),
    ("Ask Wilson tomorrow", "Wilson"),
    ("per Bloom, no fever", "Bloom"),
    ("Hasson assisted", "Hasson"),
    ("Malecot covering tonight", "Malecot"),
    ("Seen by Bennett and Bright", "Bennett"),
    ("Kaposi lives with sister", "Kaposi"),
    ("Epworth, J. no show", "Epworth"),
    ("IBM employee, lives in Soma", "IBM"),
    ("Zenker repeated her story", "Zenker"),
    ("Mohs is my neighbour", "Mohs"),
)
"""A line, and who is named in it by a word of medicine, or beside one."""
