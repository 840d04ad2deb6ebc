"""Thirty-two notes in the manners of discharge summaries, letters, wards, clinics and allied professions.

`BUILD` was read while rules were made; `APART` was written on the same day by the same hand and was not read until
the rules were finished. Each row: the text, what identifies, and words of medicine.
"""

BUILD = (
    ("DISCHARGE SUMMARY\nPatient: Whitfield, Darnell T.  DOB: 04/17/1957  MRN: 8834121\nAttending: Susannah "
     "Kowalski, MD\nPrincipal Diagnosis: Acute on Chronic Systolic Heart Failure\nSecondary: Atrial Flutter, "
     "Gout, Stage 3b CKD\nHospital Course: Diuresed with Bumetanide infusion, then Torsemide 40 mg PO. "
     "Cardioversion deferred; Dofetilide load not started. Echo with Global Hypokinesis, Mitral Regurgitation. "
     "Discharged to Larkmoor Rehabilitation in Tupelo on 11/02/2023.",
     "Whitfield Darnell 04/17/1957 8834121 Susannah Kowalski Larkmoor Tupelo 11/02/2023",
     "Systolic Flutter Gout CKD Bumetanide Torsemide Cardioversion Dofetilide Hypokinesis Mitral Regurgitation"),
    ("Dear Dr Penrose,\nRe: Mrs Olwen Tregaskis, 14 Chapel Lane, Liskeard PL14 3RT. NHS No 943 476 "
     "5919\nDiagnoses: 1. Polymyalgia Rheumatica 2. Osteopenia 3. Previous Cataract Surgery\nI reviewed this "
     "pleasant retired seamstress in the Rheumatology clinic. Plasma Viscosity is 1.62. She reduces "
     "Prednisolone by 1 mg a month and takes Adcal-D3 and Alendronic Acid. No features of Giant Cell Arteritis. "
     "A DEXA was requested. Yours sincerely, Dr Farzana Mirza",
     "Olwen Tregaskis Chapel Liskeard PL14 5919 Farzana Mirza",
     "Polymyalgia Rheumatica Osteopenia Cataract Plasma Viscosity Prednisolone Adcal-D3 Alendronic Acid Giant "
     "Arteritis DEXA"),
    ("Nursing 0730: Rec'd handoff from Tamika RN. Pt A&Ox3, Braden 16, Morse 55. Jackson-Pratt x2 w/ serosang "
     "output, Kangaroo pump running Jevity 1.5 at 55. Zofran x1 for N/V. Heplock L AC. Son Terrell called from "
     "662-555-0147, will bring hearing aids. Turned q2h, Mepilex to sacrum, Unna boot RLE.",
     "Tamika Terrell 662-555-0147",
     "Braden Morse Jackson-Pratt Kangaroo Jevity Zofran Heplock AC Mepilex Unna RLE"),
    ("OPHTHALMOLOGY CLINIC - Ms Bronagh Devlin (DOB 9 Sept 1988), seen 3rd October 2024 with her partner "
     "Cormac.\nVA 6/9 RE, 6/36 LE. Amsler distorted. Goldmann 16 mmHg. Fundus: Drusen, subretinal fluid. OCT "
     "confirms Choroidal Neovascularisation; Eylea loading commenced, Maxitrol drops for 5 days. Driving: told "
     "to inform the DVLA. Next visit in Omagh.",
     "Bronagh Devlin 1988 October Cormac Omagh",
     "VA Amsler Goldmann Fundus Drusen OCT Choroidal Neovascularisation Eylea Maxitrol DVLA"),
    ("Telephone encounter 6/14/24: spoke to Ms. Yolanda Ferreira-Pinto re: abnormal Pap. HPV 16 positive, LSIL. "
     "Colposcopy booked w/ Dr. Nkemelu at Brookhaven Women's Center, 2200 Old Canton Rd. She is on Nuvaring and "
     "Lexapro. LMP 5/29. Prefers email yfp88@mailhost.example.",
     "6/14/24 Yolanda Ferreira Pinto Nkemelu Brookhaven 2200 Canton yfp88",
     "Pap HPV LSIL Colposcopy Nuvaring Lexapro LMP"),
    ("Physio: Mr Idris Pugh, bed 12 Cadfan Ward. Day 2 post L THR (Exeter stem). Zimmer frame, assist of 1. "
     "Oxford grade 4/5 Quads. Berg 38/56, Tinetti 19. Sit to stand from Oxford chair. Stairs with OT Nerys on "
     "Thursday. Lives in a bungalow in Tywyn w/ wife Gwenllian.",
     "Idris Pugh Cadfan Nerys Thursday Tywyn Gwenllian",
     "THR Exeter Zimmer Oxford Quads Berg Tinetti OT"),
    ("CT ABDOMEN AND PELVIS WITH CONTRAST\nExam date: 2024-02-08 Ordering: Achterberg, P.\nINDICATION: LLQ "
     "pain.\nTECHNIQUE: Omnipaque 350, 100 mL.\nFINDINGS: Liver: Riedel lobe. Spleen, Pancreas and Adrenals "
     "unremarkable. Sigmoid Diverticulosis with Hinchey Ia change. Bosniak II cyst. Meckel diverticulum not "
     "seen. IMPRESSION: Uncomplicated Diverticulitis. Electronically signed by Nalini Subramaniam on 02/08/2024 "
     "at 14:12",
     "2024-02-08 Achterberg Nalini Subramaniam 02/08/2024",
     "LLQ Omnipaque Liver Riedel Spleen Pancreas Adrenals Sigmoid Diverticulosis Hinchey Bosniak Meckel "
     "Uncomplicated Diverticulitis"),
    ("Dear Colleague, Thank you for referring Mr Gethin Bowen-Rees aged 91 of 3 Maes Glas, Pwllheli, who "
     "attended the Memory Clinic on 21 June accompanied by his daughter Lowri. Addenbrooke's score 71/100, "
     "Geriatric Depression Scale 3/15. MRI: Fazekas 2, medial temporal atrophy Scheltens 3. I explained the "
     "diagnosis of Mixed Dementia. Donepezil 5 mg nocte started; Oxybutynin should be swapped for Mirabegron. "
     "ECG: no Bradycardia.",
     "Gethin Bowen Rees 91 Maes Glas Pwllheli June Lowri",
     "Addenbrooke Geriatric Depression MRI Fazekas Scheltens Mixed Dementia Donepezil Oxybutynin Mirabegron "
     "Bradycardia"),
    ("ED PROVIDER NOTE: Kaleb Stutzman, 34M, brought by EMS from Interstate 55 MVC, restrained. GCS 15, FAST "
     "neg, Nexus criteria not met, C-collar on. Tdap given. Toradol 15 IV. X-ray: Boxer fracture R hand, Salter "
     "n/a. Splint: ulnar gutter. Discharged w/ Norco #10. PMP checked. Employer: Delta Catfish Processing. "
     "License no. TN 098812347.",
     "Kaleb Stutzman Delta Catfish 098812347",
     "EMS MVC GCS FAST Nexus Tdap Toradol Boxer Salter Norco PMP"),
    ("Oncology follow-up. Rosalind Achampong, hospital number K0482915, seen 07.05.2024 by Dr T. "
     "Vellacott.\nInvasive Lobular Carcinoma, ER 8/8, HER2 negative, Ki-67 12%. Cycle 3 EC, Pegfilgrastim "
     "support. Nausea despite Akynzeo; add Olanzapine. Bloods: Neutrophils 1.8, Platelets 201. Cold cap: "
     "Paxman. PICC flushed. Macmillan nurse Siobhan Kerrigan to ring her at work (Bexley Libraries).",
     "Rosalind Achampong K0482915 07.05.2024 Vellacott Siobhan Kerrigan Bexley",
     "Lobular Carcinoma HER2 Ki-67 EC Pegfilgrastim Akynzeo Olanzapine Neutrophils Platelets Paxman PICC"),
    ("Pt: Ocampo Marisol  Acct 55-2019834. Dental: tooth #19 Irreversible Pulpitis. Septocaine 4% 1:100k x1, "
     "rubber dam, working length by Apex locator, Hedstrom files, Gutta Percha obturation, Cavit temp. Rx "
     "Peridex. Mother Lupita consented. Dr. Brandvold, Suite 210.",
     "Ocampo Marisol 2019834 Lupita Brandvold 210",
     "Irreversible Pulpitis Septocaine Apex Hedstrom Gutta Percha Cavit Peridex"),
    ("Psychiatric MDT 12/09/24. Present: Dr Adeyinka Sowande, CPN Moira Gilhooly, SW Tom Ashdown. Patient "
     "Fergus remains on Section 3. Clozapine 250 mg, ANC green range, Hyoscine for Hypersalivation. Waterlow 8, "
     "HoNOS 14. Lorazepam PRN x2, Rapid Tranquillisation not required. Visits from mum in Kirkcaldy. Leave to "
     "Tesco with staff.",
     "12/09/24 Adeyinka Sowande Moira Gilhooly Ashdown Fergus Kirkcaldy",
     "CPN Clozapine ANC Hyoscine Hypersalivation Waterlow HoNOS Lorazepam PRN Rapid Tranquillisation"),
    ("OPERATIVE REPORT  Surgeon: Dr. Ezekiel Oduya  Assistant: P. Lachance PA-C  Patient: Wren "
     "Halloway\nProcedure: Laparoscopic Sleeve Gastrectomy. Anesthesia: GETA, Bupivacaine with Exparel to "
     "ports. Veress entry at Palmer point, Optiview, Nathanson retractor, Bougie 36 Fr, Echelon stapler purple "
     "loads, Ligasure. Methylene Blue leak test negative. Fascia closed with Carter-Thomason. EBL 15.",
     "Ezekiel Oduya Lachance Wren Halloway",
     "Sleeve Gastrectomy Bupivacaine Exparel Veress Palmer Optiview Nathanson Bougie Echelon Ligasure Methylene "
     "Fascia Carter-Thomason"),
    ("Paeds letter: Zuzanna Wieczorek d.o.b. 30/01/2019, c/o Mr & Mrs Wieczorek, Flat 6, 88 Bramhall Road, "
     "Stockport. Viral Induced Wheeze, Eczema, Egg Allergy (EpiPen Jr). Clenil 100 two puffs bd via Volumatic, "
     "Montelukast granules. Centiles: weight 50th, height 75th. Vaccinations up to date. School: St Bede's "
     "Primary.",
     "Zuzanna Wieczorek 30/01/2019 88 Bramhall Stockport Bede",
     "Viral Wheeze Eczema Egg EpiPen Clenil Volumatic Montelukast Centiles Vaccinations"),
    ("Sleep study (PSG) on Hartwell Gainey 3/3/24: AHI 34, Epworth 17, Mallampati IV, RERA index 6. Titrated on "
     "ResMed AirSense to 11 cm; Amara View mask. PLMS noted, Ferritin 22, Requip trial. Referring: Gulf Coast "
     "Family Practice, fax 228.555.0170.",
     "Hartwell Gainey 3/3/24 Gulf 228.555.0170",
     "PSG AHI Epworth Mallampati RERA ResMed AirSense Amara PLMS Ferritin Requip"),
    ("Diabetic foot clinic, Podiatrist Anneliese Vogt. Mr Sukhdeep Dhaliwal (MRN SD772013). Monofilament absent "
     "L hallux, ABPI 0.7, Texas grade 2B, SINBAD 3. Offloading: Aircast. Inadine and Allevyn dressing. "
     "Flucloxacillin 1 g qds. Gliclazide, Dapagliflozin paused (sick day rules). Osteomyelitis on probe. Wife "
     "Harpreet drives him from Slough.",
     "Anneliese Vogt Sukhdeep Dhaliwal SD772013 Harpreet Slough",
     "Monofilament ABPI Texas SINBAD Aircast Inadine Allevyn Flucloxacillin Gliclazide Dapagliflozin "
     "Osteomyelitis"),
)  # fmt: skip

APART = (
    ("DISCHARGE SUMMARY\nName: Boudreaux, Clementine R.   Age/Sex: 68F   Visit: 7719043\nAdmitted: 09/28/2024  "
     "Discharged: 10/04/2024\nPCP: Marguerite Thibodeaux, NP\nDiagnoses: Septic Shock due to Pyelonephritis, "
     "Lactic Acidosis, Type 2 Myocardial Infarction, Hypomagnesemia.\nCourse: Received Zosyn then Ertapenem; "
     "Vasopressin weaned. Urology placed a Double-J stent. Renal Ultrasound without Hydronephrosis. Home with "
     "Amedisys, follow up in Houma.",
     "Boudreaux Clementine 7719043 09/28/2024 10/04/2024 Marguerite Thibodeaux Houma",
     "Septic Shock Pyelonephritis Lactic Acidosis Myocardial Infarction Hypomagnesemia Zosyn Ertapenem "
     "Vasopressin Urology Renal Ultrasound Hydronephrosis"),
    ("Dear Dr Akhtar\nMr Kenneth Ollerenshaw, 27 Brook Terrace, Todmorden OL14 8PQ, dob 11.12.1949\nDiagnosis: "
     "Idiopathic Pulmonary Fibrosis. Past history: Coronary Artery Bypass, Barrett's Oesophagus, Glaucoma.\nFVC "
     "62%, TLCO 38%. Nintedanib 150 mg bd with Loperamide as needed; Lansoprazole, Latanoprost, Oramorph 2.5 "
     "mg. Ambulatory Oxygen assessment booked. Bibasal crackles and Clubbing. Seen with his son Gareth. Dr "
     "Niamh Cullinane, Respiratory Registrar",
     "Akhtar Kenneth Ollerenshaw Brook Todmorden OL14 11.12.1949 Gareth Niamh Cullinane",
     "Idiopathic Pulmonary Fibrosis Coronary Bypass Oesophagus Glaucoma FVC TLCO Nintedanib Loperamide "
     "Lansoprazole Latanoprost Oramorph Ambulatory Oxygen Clubbing"),
    ("Nurse note 2145: Received from PACU, report by Jolene. Jackson table used. Hemovac 40 cc, Foley 350. "
     "Dilaudid PCA .2/10/1.2, Narcan at bedside. Neuro checks: Hoffman neg, Clonus absent. Miami J collar. "
     "Daughter Keisha at bedside, room 418. Braden 18. Pepcid, Colace given. SCDs on.",
     "Jolene Keisha 418",
     "PACU Hemovac Foley Dilaudid PCA Narcan Hoffman Clonus Miami Braden Pepcid Colace SCDs"),
    ("Audiology: Mrs Philomena Scanlon of Athlone, seen 4/11/23 by Declan Mulqueen. Rinne negative R, Weber "
     "lateralises. PTA: Conductive loss. Tympanogram type B. Grommets x2 in 1998, Cholesteatoma excluded on CT. "
     "Phonak Naida fitted; Otomize spray. Carhart notch at 2 kHz suggests Otosclerosis; listed for "
     "Stapedectomy.",
     "Philomena Scanlon Athlone 4/11/23 Declan Mulqueen",
     "Rinne Weber PTA Conductive Tympanogram Grommets Cholesteatoma Phonak Otomize Carhart Otosclerosis "
     "Stapedectomy"),
    ("Phone: Mr. Thaddeus Okafor-Lindh called 2/9/25 about Humira refill, call back 504-555-0122. Quantiferon "
     "neg 2024, Crohn's stable, last Calprotectin 88. Skyrizi discussed w/ Dr. Ilyas. Insurance: Pelican Mutual "
     "ID PM20099187. Pharmacy on Magazine Street.",
     "Thaddeus Okafor Lindh 2/9/25 504-555-0122 Ilyas Pelican PM20099187 Magazine",
     "Humira Quantiferon Crohn Calprotectin Skyrizi"),
    ("SALT review: Mrs Edna Ramsbottom, Bay 3 bed B, Rossendale Stroke Unit. FOIS 4, IDDSI level 5 diet with "
     "Level 2 fluids (Resource ThickenUp). Dysarthria: Frenchay 6. Videofluoroscopy Friday w/ Ms Oyelaran. "
     "Broca type Aphasia, Boston Naming 22/60. Nutricia Fortisip compact. Husband Wilf anxious.",
     "Edna Ramsbottom Rossendale Friday Oyelaran Wilf",
     "SALT FOIS IDDSI ThickenUp Dysarthria Frenchay Videofluoroscopy Broca Aphasia Boston Nutricia Fortisip"),
    ("MRI LUMBAR SPINE  Acc: 90331288  Requested by Villarreal, Ximena  Date 01-19-2025\nHISTORY: L5 "
     "Radiculopathy.\nFINDINGS: Modic type 2 change at L4/5. Pfirrmann IV. Tarlov cyst S2. Conus normal. "
     "Schmorl node T12. Ligamentum Flavum hypertrophy with Lateral Recess narrowing; Meyerding I slip. "
     "Paraspinal muscles: Goutallier 2.\nIMPRESSION: Spondylolisthesis. Dictated by Kwabena Asante MD",
     "90331288 Villarreal Ximena 01-19-2025 Kwabena Asante",
     "Radiculopathy Modic Pfirrmann Tarlov Conus Schmorl Ligamentum Flavum Lateral Meyerding Paraspinal "
     "Goutallier Spondylolisthesis"),
    ("Dear Mrs Blenkinsop, I saw Cuthbert, your late mother's cousin aged 94, at home in Hexham on 2 May with "
     "District Nurse Ottoline Fairbairn. He has Venous Ulceration treated with Actico and K-Two bandages, "
     "Cavilon, and Prontosan soaks. Rockwood 6, Barthel 11/20, MUST 2. Anticipatory medicines: Midazolam, "
     "Levomepromazine, Glycopyrronium, Oxycodone in the Just in Case box. DNACPR in place.",
     "Blenkinsop Cuthbert 94 Hexham May Ottoline Fairbairn",
     "Venous Ulceration Actico K-Two Cavilon Prontosan Rockwood Barthel MUST Anticipatory Midazolam "
     "Levomepromazine Glycopyrronium Oxycodone DNACPR"),
    ("ED: Sheriff brought in Lonnie Ray Spivey, 52M, found down near Pascagoula. Tox: Fentanyl +, Xylazine "
     "suspected. Narcan 4 mg IN. COWS 14, CIWA 6. CK 8800, Rhabdomyolysis. Suboxone offered. EKG: Osborn waves, "
     "temp 31, Bair Hugger on. HIV/RPR sent. Sister Darlene 601 555 0133. ID badge MDOC 118822.",
     "Lonnie Spivey Pascagoula Darlene 0133 118822",
     "Tox Fentanyl Xylazine Narcan COWS CIWA CK Rhabdomyolysis Suboxone EKG Osborn Bair HIV RPR"),
    ("Haematology MDT 14.01.25: Ms Aurelia Tomlinson-Brandt, hosp no. 4410023. Diffuse Large B Cell Lymphoma, "
     "Deauville 2 after 4 x Pola-R-CHP. LDH normal. Ann Arbor IIA, R-IPI good. Prophylaxis: Aciclovir, "
     "Co-trimoxazole, Fluconazole. Ciclosporin not used. Echo LVEF 61%. Hickman out. Consultant Dr Pruitt; CNS "
     "Leontyne ext 5521.",
     "14.01.25 Aurelia Tomlinson Brandt 4410023 Pruitt Leontyne 5521",
     "Diffuse Lymphoma Deauville Pola-R-CHP LDH Arbor R-IPI Aciclovir Co-trimoxazole Fluconazole Ciclosporin "
     "LVEF Hickman"),
    ("Vet-style no: human Derm. Pt Esperanza Quintanilla #A77120. Dermoscopy: Spitz naevus vs Reed, Hutchinson "
     "sign absent, Breslow n/a. Pigmented Purpura (Schamberg). Eumovate, Dermol 500, Protopic 0.1%. Patch test: "
     "Balsam of Peru ++, Methylisothiazolinone +. Photos by Ignacio. Lives at 19 Alameda Court, Reading.",
     "Esperanza Quintanilla A77120 Ignacio 19 Alameda Reading",
     "Dermoscopy Spitz Hutchinson Breslow Purpura Schamberg Eumovate Dermol Protopic Balsam "
     "Methylisothiazolinone"),
    ("CAMHS: Seren (15), Year 10 at Ysgol Bryn Elian, lives with nan Delyth in Abergele. Anorexia Nervosa, BMI "
     "centile 0.4. Sertraline 50; Fluoxetine stopped. EDE-Q 4.2. SCOFF 4. Maudsley family therapy w/ Ffion "
     "Prydderch. Phosphate 0.8, Refeeding low risk. MARSIPAN guidance. Next: 12th November.",
     "Seren Bryn Elian Delyth Abergele Ffion Prydderch November",
     "CAMHS Anorexia Nervosa Sertraline Fluoxetine EDE-Q SCOFF Maudsley Phosphate Refeeding MARSIPAN"),
    ("OP NOTE Surgeon Halvorsen / resident Mbatha. Pt Jericho Dunleavy 45M. Arthroscopic Rotator Cuff repair, "
     "Beach Chair. Interscalene block w/ Ropivacaine. Hill-Sachs small, Buford complex. SwiveLock anchors x2, "
     "FiberTape, Neviaser portal, Subacromial Decompression. Ultrasling applied. Ancef 2 g. Complications none.",
     "Halvorsen Mbatha Jericho Dunleavy",
     "Arthroscopic Rotator Interscalene Ropivacaine Hill-Sachs Buford SwiveLock FiberTape Neviaser Subacromial "
     "Decompression Ultrasling Ancef"),
    ("NICU: Baby girl Castellano (twin B), born 29+3 at St Elwyn's, mother Jacinta. Curosurf x1, Vapotherm 5 L. "
     "Caffeine Citrate. Duct: Ibuprofen course. Cranial ultrasound: Grade 1 IVH (Papile). Donor EBM via NGT, "
     "Abidec and Sytron. Phototherapy, Kernicterus risk low. Guthrie sent. ROP screen due 3 July.",
     "Castellano Elwyn Jacinta July",
     "NICU Curosurf Vapotherm Caffeine Citrate Ibuprofen Cranial IVH Papile EBM NGT Abidec Sytron Phototherapy "
     "Kernicterus Guthrie ROP"),
    ("Renal clinic letter re Mr Bartholomew Quaye, 5 Wharf Close, Goole, DN14 6AB. Tel 07700 900461. IgA "
     "Nephropathy (Oxford M1 E0 S1 T0), eGFR 34, uPCR 120. Irbesartan 300, Bicarbonate, Alfacalcidol, Aranesp "
     "30 mcg fortnightly. Tenckhoff insertion planned. Hepatitis B vaccination done. PTH 14. Cc: Dr Lindsay "
     "Ferro, Snaith Surgery.",
     "Bartholomew Quaye 5 Wharf Goole DN14 900461 Lindsay Ferro Snaith",
     "IgA Nephropathy Oxford uPCR Irbesartan Bicarbonate Alfacalcidol Aranesp Tenckhoff Hepatitis PTH"),
    ("Pain clinic: Rhiannon Applegate, born 8/8/71. CRPS (Budapest met), Pregabalin 150, Nortriptyline 25, "
     "Versatis plaster, Butrans 10. Stellate Ganglion block 7 March by Dr Iyengar with Levobupivacaine and "
     "Depo-Medrone. DN4 6, Oswestry 44, HADS 11/9. Works for Tamworth Borough Council.",
     "Rhiannon Applegate 8/8/71 March Iyengar Tamworth",
     "CRPS Budapest Pregabalin Nortriptyline Versatis Butrans Stellate Ganglion Levobupivacaine Depo-Medrone "
     "DN4 Oswestry HADS"),
)  # fmt: skip
