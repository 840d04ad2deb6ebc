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

LETTERS = (
    (
        "Dear Dr Pemberton-Hale, thank you for referring this pleasant 67-year-old retired welder, Mr Idris "
        "Calloway, who attended my respiratory clinic on 9 January. He takes Trelegy and Seretide was "
        "stopped. FEV1 is 1.2 litres. I have started carbocisteine. Yours sincerely, Niamh Featherstonehaugh",
        "Pemberton Hale Idris Calloway January Niamh Featherstonehaugh",
        "Trelegy Seretide FEV1 carbocisteine",
    ),
    (
        "DISCHARGE SUMMARY. Pt: Zawadi Nkemelu. DOB 02/11/1958. Dx: NSTEMI, T2DM, CKD 3b. Rx: Entresto 49/51 "
        "BD, Jardiance 10, Efient 10, Repatha q2w. F/u w/ Dr Bastiaan Quist in Lower Thornbury.",
        "Zawadi Nkemelu 02/11/1958 Bastiaan Quist Thornbury",
        "NSTEMI T2DM CKD Entresto Jardiance Efient Repatha",
    ),
    (
        "pt seen in am round w/ dr abioye. feels better. eating toast. drain output 40. d/c foley. cont "
        "Zosyn day 3/7. wife gertrude updated by phone 0161 496 0772.",
        "abioye gertrude 0161 0772",
        "foley Zosyn",
    ),
    (
        "Rheumatology review: Ms Ottoline Varga, seropositive RA, DAS28 4.1. Failed Arava and Plaquenil; "
        "Humira started, to consider Xeljanz. Anti-CCP > 300. Felty excluded. Lives at 7 Marlpit Rise, "
        "Ashcombe.",
        "Ottoline Varga Marlpit Ashcombe",
        "RA DAS28 Arava Plaquenil Humira Xeljanz Anti-CCP Felty",
    ),
    (
        "Anaes pre-op: ASA 3, Mallampati 2, METs >4. Prev GA, grade 1 Cormack-Lehane. Plan: TIVA w/ "
        "Diprivan, Ultiva; Bridion at end. Consultant: F. Achterberg. Pt Jolyon Birtwhistle consents.",
        "Achterberg Jolyon Birtwhistle",
        "ASA Mallampati METs GA Cormack Lehane TIVA Diprivan Ultiva Bridion",
    ),
    (
        "Oncology MDT outcome 17.4.23 - Mrs P. Adeyemi-Stone: IDC grade 2, ER 8/8 PR 6/8 HER2 neg, Ki-67 "
        "18%, Oncotype DX 22. For FEC-T then Arimidex. Nottingham Prognostic Index 3.9. CNS: Lorcan Duffy.",
        "17.4.23 Adeyemi Stone Lorcan Duffy",
        "IDC ER PR HER2 Ki-67 Oncotype FEC-T Arimidex Nottingham",
    ),
    (
        "Ambulance handover. Male approx 40, found at Kestrel Wharf bus station by member of public, Mr "
        "Teague. GCS 9 (E2V2M5). Pinpoint pupils, RR 6. Narcan 0.8 IM good effect. BM 5.4. Calls himself "
        "Spud, wallet says Darragh Minogue.",
        "Kestrel Wharf Teague Darragh Minogue",
        "GCS E2V2M5 RR Narcan IM BM",
    ),
    (
        "Endocrine: Cushingoid. ODST 412. ACTH <5. CT adrenals L 3cm adenoma. DEXA T -2.8. On Fosamax, "
        "Adcal-D3. Plan metyrapone, refer Prof Szczepanski at St Swithun's.",
        "Szczepanski Swithun",
        "Cushingoid ODST ACTH DEXA Fosamax Adcal-D3 metyrapone",
    ),
    (
        "Dietitian: MUST 2, BMI 17. NG feed Nutrison 1000 at 75 ml/hr. Refeeding bloods daily, Pabrinex "
        "I+II, Forceval. Daughter Marguerite Ploughwright (07700 900418) keen for PEG.",
        "Marguerite Ploughwright 07700 900418",
        "MUST BMI NG Nutrison Pabrinex Forceval PEG",
    ),
    (
        "Ophth: VA 6/9 6/60. IOP 28/14. RAPD L. Lumigan, Cosopt, Diamox SR 250. Goldmann fields: arcuate "
        "loss. Listed for Ahmed valve w/ Miss Fairweather. NHS no 485 777 3456.",
        "Fairweather 485 3456",
        "VA IOP RAPD Lumigan Cosopt Diamox Goldmann Ahmed",
    ),
    (
        "CAMHS: 14F, known as Bee (Beatrix Lovelace-Oduya), EUPD traits, DSH by cutting. SDQ 24. On Prozac "
        "20, PRN Phenergan. School: Haverstock Academy. SW Tobias Greenhalgh informed.",
        "Beatrix Lovelace Oduya Haverstock Tobias Greenhalgh",
        "CAMHS EUPD DSH SDQ Prozac PRN Phenergan",
    ),
    (
        "Haem: ? TTP. Plts 9, LDH 1200, schistocytes on film. ADAMTS13 sent. PLEX x5, Cablivi commenced. "
        "Coombs neg. Bed 14, Ward Larkspur. Pt: E. Mbatha, hosp no. K448120.",
        "Larkspur Mbatha K448120",
        "TTP LDH schistocytes ADAMTS13 PLEX Cablivi Coombs",
    ),
    (
        "Urology OPD. Mr Ansel Drinkwater 72. IPSS 22, Qmax 8, PVR 210. DRE smooth. PSA 4.4. Flomaxtra + "
        "Avodart. Consider HoLEP. mpMRI PI-RADS 2.",
        "Ansel Drinkwater",
        "IPSS Qmax PVR DRE PSA Flomaxtra Avodart HoLEP mpMRI PI-RADS",
    ),
    (
        "Physio: s/p L TSR. AROM flex 90 abd 60 ER 20. Hawkins neg, Neer neg, empty can +ve. HEP given, "
        "Theraband red. Goals set with Ysolde. Next appt Thurs 14:30.",
        "Ysolde Thurs",
        "TSR AROM Hawkins Neer HEP Theraband",
    ),
    (
        "GP phone consult: Caoimhe Rafferty's mum rang. 3/7 coryza, T 38.4, no rash, wet nappies OK. Traffic "
        "light green. Calpol/Nurofen. Safety-netted. Pharmacy: Tanglewood Chemist, Brook End.",
        "Caoimhe Rafferty Tanglewood Brook",
        "coryza Calpol Nurofen",
    ),
    (
        "ID: HIV VL 45k CD4 210. R5. HLA-B5701 neg. Commence Biktarvy, Septrin prophylaxis. Hep B sAg neg. "
        "Partner Evander to attend. Clinic nurse: Rosalind Achebe, r.achebe@kingsmere.example.org.",
        "Evander Rosalind Achebe r.achebe@kingsmere.example.org",
        "HIV VL CD4 HLA-B5701 Biktarvy Septrin Hep",
    ),
    (
        "Cardiology echo report. LVEDD 6.2, EF 28% (Simpson), TAPSE 14, RVSP 52. Severe functional MR, "
        "Carpentier IIIb. Performed by K. Oyelaran, BSE accredited, machine room 4, Aldergate Heart Centre.",
        "Oyelaran Aldergate",
        "LVEDD EF Simpson TAPSE RVSP MR Carpentier BSE",
    ),
    (
        "Neuro letter: Mr Thaddeus Mwangi-Clarke has RRMS, EDSS 2.5, JC virus 1.8. On Tysabri EID. Uhthoff "
        "with heat, Lhermitte positive. Offered Ocrevus, Kesimpta. Works for Blackthorn Logistics in "
        "Peverell Bay.",
        "Thaddeus Mwangi Clarke Blackthorn Peverell",
        "RRMS EDSS JC Tysabri EID Uhthoff Lhermitte Ocrevus Kesimpta",
    ),
    (
        "Labour ward 03:40 - Mrs Lakshmi Venkataraghavan, P1, 41+3, IOL Propess. CTG DR C BRAVADO normal. VE "
        "6cm. Entonox, remi PCA. Syntocinon 12 ml/h. MW: Saskia.",
        "Lakshmi Venkataraghavan Saskia",
        "IOL Propess CTG VE Entonox PCA Syntocinon",
    ),
    (
        "Gastro: UC, Mayo 2, FCP 1800. Pentasa maxed, Pred failed. Truelove and Witts severe. For Remicade "
        "rescue; Zessly biosimilar ok. TPMT normal. Stoma nurse Hepzibah Thorne saw.",
        "Hepzibah Thorne",
        "UC Mayo FCP Pentasa Pred Truelove Witts Remicade Zessly TPMT",
    ),
    (
        "Renal: ANCA vasculitis, PR3 88. BVAS 14. MEPEX. IV Cyc (CYCLOPS), Rituximab-Truxima. Creat 388. "
        "Fistula by Mr Gwyther. From Penrhos, drives 40 miles; son Macsen brings him.",
        "Gwyther Penrhos Macsen",
        "ANCA PR3 BVAS MEPEX Cyc CYCLOPS Truxima Creat",
    ),
    (
        "Dental: 36 pulpitis, 46 RCT w/ ProTaper. Pt allergic Augmentin. Articaine 4% (Septanest). Perio BPE "
        "3/2/3. Ms. Oriel Cadwallader, NI no QQ123456C.",
        "Oriel Cadwallader QQ123456C",
        "pulpitis RCT ProTaper Augmentin Articaine Septanest BPE",
    ),
    (
        "Sleep: AHI 46, ESS 17, Mallampati IV. CPAP APAP 6-14, ResMed AirFit. DVLA informed. Mr Barnaby "
        "Osei-Tutu works nights at Fulmar Foods.",
        "Barnaby Osei Tutu Fulmar",
        "AHI ESS Mallampati CPAP APAP DVLA",
    ),
    (
        "Tox: 19yo, 24 g paracetamol staggered. Parvolex SNAP. INR 1.9, ALT 3400. KCH criteria not met. "
        "Poison centre log 88/21/4471. Flatmate Wilhelmina found her at 12b Corunna Mews.",
        "88/21/4471 Wilhelmina Corunna",
        "Parvolex INR ALT KCH",
    ),
    (
        "Palliative: Karnofsky 40. CSCI Oxynorm 20, Midaz 10, Levomepromazine. ReSPECT done, DNACPR. Mrs "
        "Constance Abernethy-Wu wishes to die at home, The Old Forge, Nether Wallop.",
        "Constance Abernethy Wu Forge Wallop",
        "Karnofsky CSCI Oxynorm Midaz Levomepromazine ReSPECT DNACPR",
    ),
    (
        "PAEDS: 5/12 bronchiolitis RSV+. HFNC 2L/kg FiO2 .35. NGT. Baby of Folasade; dad Percival resident. "
        "Synagis not indicated. HV Merrin Tregear.",
        "Folasade Percival Merrin Tregear",
        "RSV HFNC FiO2 NGT Synagis HV",
    ),
    (
        "Vascular: ABPI 0.4 R, Rutherford 4, Fontaine III. CTA: SFA occlusion TASC C. Listed fem-pop. "
        "Xarelto held. Known to Mr Quillfeather since 2019. Smokes 20/d.",
        "Quillfeather 2019",
        "ABPI Rutherford Fontaine CTA SFA TASC Xarelto",
    ),
    (
        "Plastics: TBSA 12%, Parkland 4 ml/kg. Flamazine, Jelonet. Lund and Browder charted. Chef at The "
        "Gilded Hare, name Emrys Llewellyn-Pike. Tel 01632 960553.",
        "Gilded Hare Emrys Llewellyn Pike 01632 960553",
        "TBSA Parkland Flamazine Jelonet Lund Browder",
    ),
    (
        "Memory clinic: ACE-III 71/100, MoCA 18. CT: MTA 3 (Scheltens), Fazekas 2. Aricept 5 then 10; Ebixa "
        "later. Attended with niece Clementine Okafor. LPA in place.",
        "Clementine Okafor",
        "ACE-III MoCA MTA Scheltens Fazekas Aricept Ebixa LPA",
    ),
    (
        "ENT: Epistaxis L, Little's area cauterised, Rapid Rhino in situ. Apixaban (Eliquis) withheld. "
        "Naseptin. Grommets 2021. Caller: Jessamy, 14 Dunnock Close, TR9 4QX.",
        "2021 Jessamy Dunnock TR9",
        "Epistaxis Little Rhino Eliquis Naseptin Grommets",
    ),
)
"""Thirty more in the manner of British letters, sheets and handovers, with other drugs, scales and names.

When they were written 121 of 207 words stayed, and 1 of 113 identifiers: a wife in small letters, for whom there is a
rule now.
"""
