"""Words of medicine that look like names: abbreviations, drugs and devices by their brands, signs by who found them."""

from __future__ import annotations

import re

from duomo_medical.beside import is_of_a_person

ABBREVIATIONS = frozenset(
    """
    AAA AAO ABG ABI ABO ABX ACE ACEI ACL ACLS ACS ACTH ADD ADHD ADL ADLs AED AFB AFP AI AICD AKA AKI ALL ALS AMA
    AML AMS ANC ANCA AOM AP APAP APC APGAR APRN ARB ARDS ARF ARNI AROM ARR ASD ASCVD ASO ATN ATRA AV AVM AVN AVR
    AVNRT AVRT AXR BAL BBB BCC BCG BG BIPAP BiPAP BKA BLE BLS BM BMD BMS BMT BPD BPH BPM BPPV BRBPR BSO BUE BV BVM
    CABG CAGE CAP CAPD CBD CBT CCB CCU CDAI CEA CHD CHOP CIC CIN CIS CIWA CK CLL CMML CMV CNS COWS COVID CPAP
    CPM CPP CRF CRNA CRRT CRT CSF CSM CSSRS CTA CTAB CTE CTO CTPA CTS CTX CV CVC CVP CVS CVVH CVVHD CXR DAPT DBS
    DCIS DDAVP DDD DDX DEXA DIC DIP DISH DJD DKA DLBCL DLCO DMARD DMARDs DMD DNI DOAC DOE DPT DRE DSA DSM DST DTR
    DTRs DXA EBV ECF ECMO ECT EDV EKG ELISA EMG EMR EMS EOM EOMI EPO EPS ERCP ESBL ESLD ESRD ESWL ETOH ETT EUS
    EVAR EVD FAP FAST FDG FDP FESS FEV FEV1 FFP FH FHT FHR FM FNA FOBT FOLFIRI FOLFOX FSH FTT FUO FVC FWB FWW GAD
    GAF GBM GBS GCA GCSF GDM GFR GIB GIST GN GNR GPC GTT GU GVHD HAART HAI HAV HBV HBIG HBsAg HCC HCG hCG HCM HCV
    HDL HEENT HELLP HFpEF HFrEF HFNC HGSIL HI HIDA HIPEC HIT HJR HLA HLD HLH HNP HOB HOCM HPI HPV HRT HSM HSP HSV
    HSG HUS IABP IBD IBS IBW ICD ICH ICP ICS IDDM IE IGA IgA IgE IgG IgM ILD IMA INH IO IOC IOL IOP IPF IPMN IS
    ITP IUD IUFD IUGR IUP IVC IVDA IVDU IVF IVIG IVP IVUS JIA JME JP JVD JVP KUB LA LAA LAD LAP LBBB LBP LCIS LCx
    LDCT LE LEEP LES LFT LH LIMA LLE LLQ LMP LMWH LOC LOS LSB LTBI LTC LUE LUQ LV LVAD LVEDP LVEF LVH LVO LVOT
    LVSD MAOI MAT MCA MCL MCP MCS MDD MDI MDRO MDS MELD MEN MGUS MHA MIBG MIC MM MMA MMR MMSE MNG MoCA MODS MPN MR
    MRA MRCP MRSA MS MSK MSM MSSA MTP MTX MVA MVC MVP MVR NAD NAFLD NASH NAT NCAT NCCT NEC NF NG NGT NHL NICU
    NIDDM NIF NIHSS NIPPV NIV NKA NKDA NLP NMO NOAC NOS NPH NRB NREM NSCLC NSR NST NSTEMI NSVD NVD NWB NYHA OA
    OAB OCD OCP OCPs OCT OD OGT OGTT OM OOB OPCAB ORIF OS OSA OT OTC OU PAC PACs PACU PAD PAH PAN PAP PCA PCI PCL
    PCN PCNL PCOS PCP PCR PCV PCWP PDA PDR PEA PEEP PEG PERRL PERRLA PET PFO PFT PFTs PGY PHN PHQ PICC PICU PID
    PIH PIP PIRADS PJP PKD PLIF PMI PMN PMR PMS PND POC POCUS POD PPD PPH PPI PPM PPROM PRBC PRBCs PROM PSA PSH
    PSP PSV PT PTA PTCA PTH PTL PTSD PTT PTX PUD PUVA PVC PVCs PVD PVR PWB RAI RAS RBBB RCA RCC RCT RDS RDW REM RF
    RFA RHC RHD RIJ RIND RLE RLQ RLS RNP ROS ROSC RPE RPR RSB RSI RSV RT RTA RTC RUE RUQ RV RVH RVR RVSP SAAG SAD
    SAH SBE SBFT SBO SBP SBRT SBT SCC SCD SCDs SCFE SCI SCLC SDH SFA SGLT2 SHBG SI SIADH SICU SIDS SIRS SJS SLE
    SLN SLNB SLP SLR SNF SNRI SOAP SOFA SPECT SPEP SQ SRS SSI SSRI SSRIs STAT STD STDs STEMI STI STIs SUI SVC
    SVD SVR SVT TAA TAB TACE TAH TAVR TAVI TBI TBSA TCA TCC TD TDaP Tdap TEE TENS TEN TEVAR TFT TFTs TG THA THR
    TIBC TIMI TIPS TIVA TKA TKR TLIF TLS TM TMJ TMT TNF TNG TOF TPA tPA TPMT TPN TPO TR TRALI TRAM TRH TSI TSS TTE
    TTN TTP TUR TURBT TURP TV TVH TVUS UA UACR UBT UC UE UFH UGI UGIB UO UOP UPEP UPJ URI URTI USG UUN UVA UVB VAC
    VAD VAP VATS VBAC VBG VC VCUG VDRL VF VFSS VLDL VMA VNS VP VRE VSD VSS VT VTE VWD VZV WBAT WBCs WNL WPW XRT
    ZES AACG AC ACDF ALIF AMD AMH APTT ASCUS ASIA ATLS BPRS CADASIL CDI CIDP CKMB CLABSI CMT CNI COPD CPOT CREST
    CRPS CSDH CVST DAT DCM DLB DM DPI DVTs EBRT EDSS EEG EFW EGPA ESR ESWT FBC FDIU FEF FGR FMF FTD GPA HAP HAVS
    HDU HHS HHT HNPCC HTN IBM IIH ILR IMRT IPSS ISS LGA LSCS MAG3 MALT MCTD MCUG MDT MND MPGN MSU MSA NAC NAI NICE
    NIPT NOF OHS OGD ONS PALS PBC PSC PE PEFR PKU PNES PTHrP PUO RRT RICE SACT SCBU SGA SOB SPK STIR SUDEP SUFE
    TACO TATT TFCC TGA TLE TOP TWOC TPR UKA ULN VUR VVF AG VL PH BHB TTG SMBG GETA PONV UIP HBO NPWT MMF UPCR
    """.split()
)
"""As they are written, in capitals; those that are first names as well (ART, CAM, SAM) are left out."""

BRANDS = frozenset(
    """
    Abilify Accutane Aciphex Actos Adderall Adcetris Advair Advil Afrin Aggrenox Aldactone Aleve Alimta Allegra
    Altace Amaryl Ambien Anoro Apidra Aranesp Aricept Arimidex Aromasin Arixtra Ativan Atrovent Augmentin Avastin
    Avelox Avodart Bactrim Bactroban Basaglar Benadryl Bentyl Betadine Biktarvy Boniva Botox Breo Brilinta Bumex
    Buspar Bydureon Bystolic Byetta Caduet Calan Cardizem Cardura Catapres Ceftin Celebrex Celexa Cellcept Chantix
    Cialis Cipro Cimzia Clarinex Claritin Cleocin Clozaril Colace Combivent Compazine Concerta Coreg Cosentyx
    Coumadin Cozaar Crestor Cymbalta Cytoxan Decadron Demerol Depakote Depo-Provera Descovy Desyrel Detrol
    Dexilant Diflucan Dilantin Dilaudid Diovan Ditropan Dulcolax Dulera Dupixent Duragesic Dyazide Effexor Efudex
    Elavil Eliquis Emgality Enbrel Entresto Entyvio Epogen EpiPen Erbitux Eylea Farxiga Faslodex Feldene Femara
    Fioricet Flagyl Flexeril Flomax Flonase Flovent Fosamax Genvoya Geodon Gleevec Glucophage Glucotrol Haldol
    Harvoni Herceptin Humalog Humira Humulin Hytrin Hyzaar Ibrance Imdur Imitrex Imodium Imuran Inderal Invokana
    Isordil Januvia Jardiance Kayexalate Keflex Kenalog Keppra Keytruda Klonopin Lamictal Lanoxin Lantus Latuda
    Levaquin Levemir Levitra Levophed Lexapro Linzess Lipitor Lomotil Lopressor Lortab Lotrel Lovenox Lucentis
    Lunesta Lupron Lyrica Macrobid Maxalt Maxzide Medrol Metamucil Micardis Miralax Mirapex Mobic Motrin Mucinex
    Namenda Naprosyn Narcan Nasonex Neulasta Neupogen Neurontin Nexium Norco Normodyne Norvasc Novolin Novolog
    Nucynta NuvaRing Ocrevus Olumiant Opdivo Orencia Otezla OxyContin Ozempic Pamelor Paxil Paxlovid Pepcid
    Percocet Peridex Phenergan Pitocin Plaquenil Plavix Pradaxa Praluent Pravachol Precedex Premarin Prevacid
    Prilosec Pristiq Procardia Procrit Prograf Prolia Prometrium Propecia Protonix Proventil Provigil Prozac
    Pulmicort Reglan Remeron Remicade Repatha Requip Restoril Revlimid RhoGAM Rinvoq Risperdal Ritalin Rituxan
    Robaxin Robitussin Rocephin Rybelsus Seroquel Sinemet Singulair Skelaxin Skyrizi Soma Solu-Medrol Spiriva
    Stelara Strattera Suboxone Sudafed Symbicort Synthroid Tamiflu Taxol Taxotere Tegretol Tenormin Topamax Toprol
    Toradol Toujeo Tradjenta Trelegy Tresiba Tricor Trileptal Trulicity Tums Ultram Unasyn Valium Valtrex Vaseline
    Vasotec Venofer Ventolin Verzenio Viagra Vicodin Victoza Viibryd Vistaril Vyvanse Wegovy Wellbutrin Xanax
    Xarelto Xeljanz Xeloda Xgeva Xolair Xopenex Zanaflex Zantac Zaroxolyn Zestril Zetia Zithromax Zocor Zofran
    Zoladex Zoloft Zometa Zosyn Zovirax Zyloprim Zyprexa Zyrtec Mounjaro Saxenda Calpol Nurofen Paracetamol
    Co-codamol Fragmin Clexane Movicol Laxido Fostair Seretide Bricanyl Ensure Gaviscon Tazocin Tegaderm Mepilex
    Mepitel Aquacel Kerlix Coban Xeroform Dermabond Steri-Strips Surgicel Gelfoam Vicryl Prolene Monocryl Ethibond
    Hemovac Dexcom Libre Omnipod Medtronic Impella Xience Synergy Promus Mitraclip Watchman Amplatzer Angio-Seal
    Perclose Angioseal Port-a-Cath Mediport Permcath Pfizer Moderna Shingrix Pneumovax Prevnar Gardasil Pap Vanc
    Vaso Levo Neo Dopa Epi Trop Trops Lytes Bili Tbili Lipase Amylase Dig Trach Vent Vents Abx Cx Bx Ddx Flu Strep
    Staph Afib Aflutter Vtach Vfib Tele Echo Cath Labs Meds Temp Sats Sat Tmax Sed Coags Diff Retic Procal Lact
    Urine Stool Sputum Suture Sutures Pathology Radiology Cardiology Neurology Oncology Nephrology Urology
    Dermatology Endocrinology Hematology Rheumatology Psychiatry Surgery Orthopedics Anesthesia Pediatrics
    Obstetrics Gynecology Gastroenterology Pulmonology Hospice Palliative Neurosurgery Ophthalmology Pulmonary
    Cardiac Renal Hepatic Laparoscopic Robotic Bilateral Left Right Upper Lower Anterior Posterior Lateral Medial
    Proximal Distal Acute Chronic Severe Moderate Mild Normal Abnormal Negative Positive Stable Denies Endorses
    Reports Continue Hold Start Stop Increase Decrease Consult Monitor Recheck Repeat Nausea Vomiting Diarrhea
    Constipation Fever Chills Cough Dyspnea Fatigue Edema Syncope Headache Dizziness Weakness Numbness Bleeding
    Swelling Hypertension Hypotension Diabetes Asthma Pneumonia Sepsis Cancer Stroke Anemia Delirium Dementia
    Depression Anxiety Obesity Hypothyroidism Propofol Roc Sevo Ketamine Sugammadex Santyl Medihoney Ofev Opsumit
    Valcyte Quantiferon Zio Tandem Holter Broca Hounsfield Lupus Prevalon
    """.split()
)
"""Drugs, dressings and devices as they are sold, shorthand, and words that begin lines; none is a usual name."""

PLAIN = frozenset("Parkinson Alzheimer Crohn Hodgkin Babinski Apgar".split())
"""Diseases and signs, given up for a clinician who bears one, but not in capitals."""

CERTAIN = frozenset(
    """
    Parkinson Alzheimer Crohn Hodgkin Babinski Apgar Apgars Romberg Trendelenburg Koebner Schatzki
    Billroth Wernicke Korsakoff Lachman McBurney Dupuytren Heberden Lisfranc Kernig Brudzinski Chvostek Trousseau
    Hirschsprung Raynaud Sjogren Sjögren Behcet Behçet Guillain Meniere Ménière Klinefelter Steinmann Swan-Ganz
    Yankauer Veress Pfannenstiel Virchow Bartholin Mallampati Killip Breslow Bosniak Hinchey Epworth Valsalva
    Heimlich Ortolani Galeazzi Monteggia Kussmaul Wenckebach Mobitz Brugada Takotsubo Ebstein Fallot Kaposi
    Nikolsky Auspitz Mallory-Weiss Boerhaave Zenker Mirizzi Budd-Chiari Lhermitte Uhthoff Creutzfeldt Calot
    Couinaud Mohs Auer Coombs Homans Child-Pugh Roux-en-Y Dix-Hallpike Giemsa Tzanck Parkinsons
    """.split()
)
"""Signs, scales and tools by who found them, whose names hardly anybody bears today."""

EPONYMS = frozenset(
    """
    Addison Adie Allen Alport Argyll Asperger Austin Baker Balthazar Bankart Barlow Barrett Barretts Bartholins
    Bell Bennett Biot Bishop Bivona Blake Blakemore Bloom Bouchard Bowen Boxer Braden Bright Broviac Calots
    Chadwick Chance Charcot Cheyne Churg Colles Conn Cormack Corrigan Coude Coudé Credé Cushing DeQuervain
    Deauville Dobhoff Dressler Dubin Duke Dukes Eisenmenger Epley Ewing Felty Finkelstein Fitzpatrick Foley
    Fontan Forrest Gilbert Glasgow Gleason Glenn Goodpasture Gottron Gowers Gram Graves Groshong Hartmann Hashimoto
    Hasson Hawkins Heinz Heller Hickman Hoffmann Homan Horner Howell Huntington Ilizarov Jackson Janeway
    Jefferson Jolly Jones Kawasaki Keofeed Kerr Kirschner Kocher Lasegue Latarjet Lennox-Gastaut Leopold Lewy
    Lugano Lyme Malecot Marfan McMurray Medina Merkel Minnesota Mirena Morse Murphy Naegele Neer Nexplanon Nissen
    Norton Norwood Nottingham Osborn Osler Paget Paragard Penrose Phalen Ponseti Pott Pringle Quinton Ramsay
    Ranson Rett Riedel Rinne Rockall Roth Rotor Rouviere Rouvière Schober Sheehan Shiley Spurling Still Stokes
    Takayasu Thessaly Tinel Todd Tourette Turner Turners Waterlow Wegener Whipple Wilms Wilson Wood Woods Ziehl
    """.split()
)
"""Others, kept only where the words beside one speak of the thing."""

SHORT_NAMES = frozenset(
    """
    SMITH BROWN JONES DAVIS MOORE WHITE CLARK LEWIS YOUNG ALLEN KING SCOTT GREEN BAKER ADAMS HILL HALL LEE WOOD
    COX WARD DIAZ GRAY JAMES KELLY PRICE ROSS LONG PERRY ROSE REED COOK BELL COLE WEST CRUZ ORTIZ GOMEZ WELLS WEBB
    TUCK HUNT BLACK DUNN GANT RUIZ RAMOS REYES ROJAS LOPEZ PEREZ SILVA COSTA SOUZA ROCHA PATEL KHAN SINGH SHAH ALI
    RAO DAS ROY SEN BOSE NAIR IYER GILL KAUR MEHTA JAIN GUPTA VERMA AHMED HASAN ABBAS AMIN KIM PARK CHOI JUNG KANG
    YOON LIM HAN SEO SHIN KWON HWANG SONG WANG ZHANG LIU CHEN YANG ZHAO HUANG ZHOU SUN ZHU GAO LIN GUO LUO XIE
    TANG FENG DENG CAO PENG ZENG XIAO TIAN DONG PAN YUAN CAI JIANG CHENG WEI DING REN TRAN PHAM DANG BUI NGO DUONG
    SATO ITO ONO ABE MORI ENDO ODA UENO IMAI KUBO KATO SAITO HARA JOHN MARY LINDA DAVID SUSAN KAREN NANCY BETTY
    HELEN SARAH LISA ANNA ANN ANNE RUTH JEAN JOAN JANE ALICE JULIE JOYCE MARIE DIANE AMY TERRI MARK PAUL STEVE
    ERIC BRIAN KEVIN JASON GARY FRANK PETER HENRY ROGER JACK TERRY SEAN ADAM CARL KEITH SAM BEN TOM TIM JIM JOE
    BOB BILL TED DAN RON DON KEN RAY LEO MAX IAN ALAN DEAN EVAN NEIL LUKE RYAN LIAM NOAH ELI OWEN LOGAN MASON
    ETHAN AIDEN LUCAS OSCAR HUGO IVAN OMAR JOSE JUAN LUIS DIEGO PEDRO PABLO MARIO CARLO PAOLO LUCA MARCO ENZO HANS
    FRITZ KLAUS KARL OTTO UWE JENS LARS NILS OLAF EMMA AVA MIA ZOE LILY ELLA CHLOE GRACE HANNA LUCY RUBY IVY EVA
    NINA TINA GINA DANA TARA SARA CARA MAYA LENA NORA CORA VERA ROSA ANITA ELENA IRENE PAULA SONIA INES LAURA
    CLARA PAM SUE DEB BETH JILL GAIL KAY MAE MAY JOY DAWN APRIL JUNE TONY ANDY RICK NICK MIKE GREG DOUG CRAIG
    WAYNE DALE LYNN ROBIN ART CAM HAL MEL NED PAT ROB ROD SAL SID VAL VIC WES ALEX ANA IDA ADA MAC BEA DEE FAY FLO
    GUS IKE IRA IVA JAN JAY JEB JED JON KAI KIT LEA LEN LES LIZ LON LOU MOE NAN ORA OLA PEG REX SKY TAD TAJ UMA
    WILL ZEN DEV RAJ RAVI AMIT ARUN ANIL ASHA MEENA PRIYA RITU SITA DIAL POPE FORD FOX HART HAYES LANE LAW LOVE
    LOWE LYNCH MANN MAYS MEYER MOSS NASH NEAL NOBLE OLSEN OWENS PAGE PAYNE PENA POOLE POTTS POWER RICE ROACH ROMAN
    SALAS SHAW SIMS SLOAN SNOW STARK STONE STOUT SWAN TATE TODD TYLER VANCE VEGA WALL WALSH WATTS WEEKS WEISS WISE
    WOLF WOODS YATES YORK
    BIRD BLAND BOND BRAND BRANT BRITT BUCK BURCH BURNS BURR BUSH BUTTS BYRD CARR CASH CHANG COBB CRAFT CRISP CROSS
    DODD DUFF FARR FINCH FINK FISH FITCH FLINT FLYNN FOLK FROST GANTT GIBBS GLENN GOFF GRANT GREGG GRIGG GROSS GRUBB
    GUNN GUTH GWYN HAHN HARP HATCH HERR HICKS HIRSH HOCH HOFF HOLM HOLT HOPP HORN HORST HURST JUDD KAHN KATZ KEMP
    KENT KERN KERR KIDD KIRK KNAPP KNOLL KNOTT KNOX KOCH KOHN KOPP KRAFT KRANZ KREBS KRUPP KUHN KURTZ LAMB LAND LANG
    LENZ LEVY LINK LORD LOTT LUND LUTZ MACK MARSH MARX MERTZ METZ MILLS MINTZ MOCK MUNN NEFF NOLL NORTH ORTH OTT PABST
    PAPP PARR PECK PELL PENN PITTS PLATT POLK POND PRATT PUGH RAND RAPP REDD RHYS RICH RIGGS RITZ ROCK RUSH RUSK RUST
    SANDS SIMMS SLACK SNELL SPANN SPARK SPECK STACK STAHL STAMM STARR STOLL STOTT STULL SWANN SWIFT TABB TAPP THORN
    THORP TRENT TRIPP TROTT TRUMP TULL VOGT VOLK VOSS WALD WATT WELCH WERTZ WICK WILKS WILLS WINN WITT WOLFF WORTH WREN
    WYNN YOST ZAHN ZINK ZORN BAE BANG CHAN CHIN CHO CHU CHUN DINH DOAN FANG FONG FUNG GARG GONG GUAN HEO HONG HSU JANG
    JIN JHA JOO KONG KUNG KWAK KWAN KWOK LAL LAM LAU LING LUI MAI MAK MENG MING NAM NATH NING NOH PAK PANG PANT PHAN
    PING QIAN QIN QIU RAI RAM RYU SETH SHAN SHEN SHI SHIM SINHA SOHN SUH SUNG TAM TAN THANH TING TONG TSE TRINH VANG
    VINH WAN WEN WON WONG XIA YAN YAO YEE YEN YIN YING YIP YOO YUN YUNG ZHENG ZHONG BRAD BRENT BRETT CHAD CHRIS CLINT
    CURT DIRK DREW FRED GLEN GWEN HANK JEFF JESS KURT MARC MATT PHIL RALPH RUSS SKIP STAN VERN
    """.split()
)
"""Names of persons that have the form of an abbreviation where they are in capitals."""
_NAMES = SHORT_NAMES | CERTAIN | EPONYMS
MAY_BE_BORNE = CERTAIN | EPONYMS | {"Holter", "Tandem", "Libre", "Soma", "Allegra", "Watchman", "Synergy"}
"""Words of medicine that are names as well, with a capital."""

_THING = re.compile(
    r"(?:['’]?s)?[ ]+(?:(?:sign|syndrome|disease|phenomenon|rods?|bod(?:y|ies)|nodes?|triangle|sulcus|needle|trocar|"
    r"ring|gait|manoeuvre|maneuver|reflex|score|scale|criteria|classification|class|grade|type|stage|catheter|cath|tube|line|"
    r"drain|retractor|clamp|forceps|procedure|operation|repair|incision|lymphoma|tumou?r|fracture|fx|contracture|palsy|"
    r"chorea|coma|thyroiditis|o?esophagus|ulcers?|lamp|test|stain|cells?|wires?|pins?|pouch|encephalopathy|dementia|anatomy|"
    r"gangrene|cysts?|hernia|murmur|respirations?|breathing|fasciitis|granulomatosis|arthropathy|joint|deformity|index|"
    r"stent|dressing|graft|flap|closure|glands?|contractions?|patch|plaques?|spots?|papules?|lesions?)\b"
    r"|(?:neg|pos|negative|positive)\b"
    r"(?=[ ]*(?:$|[^\w ]|(?:b/l|bilat\w*|on|at|in|over|and|but|[RL]|left|right|today)\b))"
    r"|[+]|[IV]{1,4}\b"
    r"|\d{1,2}(?![\d/-]|[ ]?(?:y|yo|yrs?|years?|M|F|d|days?|wks?|weeks?|mos?|months?|h|hrs?|hours?|min)\b))",
    re.IGNORECASE,
)
"""What follows a sign, a scale or a tool that bears a name, and no person."""
DEVICES = frozenset(
    "Bivona Blake Blakemore Broviac Coude Coudé Dobhoff Foley Groshong Hasson Hickman Ilizarov Keofeed Kirschner "
    "Malecot Mirena Nexplanon Paragard Penrose Quinton Shiley".split()
)
"""Those of the above that are put into somebody."""
_PUT = re.compile(
    r"[ ]+(?:removed|placed|in situ|in place|draining|d/c)\b"
    r"(?![ ](?:the|her|his|an?|from|of|in (?:room|bed|isolation|observation))\b)"
)
BORNE = frozenset("Allegra Levo Libre Neo Soma".split())
"""Brands that are given names."""
_SURNAME = re.compile(r"[ ]+([A-Z][a-z'’\-]+)")
_SHAPES = re.compile(
    r"[B-DF-HJ-NP-TV-XZ]{3,5}s?"  # CKD, PTSD, SCDs: no name is without a vowel
    r"|[A-Z]{2,4}[a-z]{1,2}[A-Z]{0,3}\d?"  # HFrEF, LCx
    r"|[A-Z][a-z]?[A-Z]{0,3}\d[a-zA-Z]{0,3}"  # T2DM, CKD3b, FiO2
    r"|[a-z]{1,2}[A-Z]{1,4}\d?|[A-Z][a-z][A-Z]{2,3}"  # mRS, RoPE
    r"|G\dP\d{1,4}"
)
"""Abbreviations by their form."""
_CAPITALS = re.compile(r"[A-Z]{3,5}")
_POSTED = re.compile(r",?[ ]+\d{3,}")
_BEFORE, _BEHIND = re.compile(r"([A-Z]{2,}),?[ ]+$"), re.compile(r",?[ ]+([A-Z]{2,}|[A-Z](?=\.))(?![a-z])")
"""Other words in capitals beside: a family's name and a first one are written so."""
_OF_A_PERSON = re.compile(
    r"(?:\b(?:by|per|w/|d/w|with|signed|initials|from|to|for|cc|attn|dr|mr|mrs|ms|pt|patient|nurse|attending|resident|"
    r"surgeon|son|daughter|wife|husband|mother|father|sister|brother)\.?:?|/s/|[-–—])[ ]*$",
    re.IGNORECASE,
)
"""Behind these, short letters are the initials or the name of somebody."""
_DOES = re.compile(
    r"[ ]+(?:(?:was|is)[ ]+)?(?:(?:re)?admitted|discharged|d/c'd|called|c/o|complain\w*|denies|states|"
    r"report(?:s|ed)|says|said|ambulat\w+|present(?:s|ed)|fell|lives?|lived|seen (?:in (?:clinic|ED|ER|office)|today)|"
    r"(?:to|will) follow|at bedside|here|doing well|consented|declined|refus\w+|an? \d|employees?|re(?=:))\b",
    re.IGNORECASE,
)
"""What persons do, or is done to them, in the shorthand of notes."""
_AT = re.compile(r"\bat[ ]+$")
_AT_WORK = re.compile(
    r"\b(?:work(?:s|ed|ing)?|employed|job|retired|career)[ ]+(?:at|for|by|from|with|in)[ ]*$", re.IGNORECASE
)
_AT_HOME = re.compile(
    r"\b(?:live[sd]?|living|resid\w+|born|raised|native|grew up|moved|visiting)[ ]+(?:in|from|near|of)[ ]*$",
    re.IGNORECASE,
)
_INSTITUTION = re.compile(r"[ ]+(?:General(?=[ ]?(?:Hospital|[.,;]|$))|Memorial|University|College|Infirmary)\b")


def is_word_of_medicine(word: str) -> bool:
    """Whether a word is an abbreviation, a drug or a tool, whatever stands beside it."""
    parts = [part for part in re.split(r"[/+-]", word) if part]
    if word in ABBREVIATIONS or word in BRANDS or word.removesuffix("s") in ABBREVIATIONS:
        return True
    known = [part in ABBREVIATIONS or part in BRANDS for part in parts]
    return len(parts) > 1 and any(known) and all(ok or len(part) == 1 for ok, part in zip(known, parts, strict=True))


def is_of_somewhere(text: str, start: int, end: int) -> bool:
    """Whether text[start:end] is said to be somebody's employer, town or hospital, or has a surname behind it."""
    before = text[max(0, start - 24) : start]
    if _AT_WORK.search(before) or _AT_HOME.search(before) or _INSTITUTION.match(text, end):
        return True
    behind = _SURNAME.match(text, end) if text[start:end] in BORNE else None
    return behind is not None and not is_word_of_medicine(behind[1])


def is_somebody(text: str, start: int, end: int) -> bool:
    """Whether text[start:end] is a known name, and what follows is said of persons alone."""
    word = text[start:end]
    if word in MAY_BE_BORNE and is_of_a_person(text, start, end):
        return True
    is_name = word in _NAMES or (word.istitle() and word.upper() in SHORT_NAMES)  # Will denies pain
    return is_name and bool(_DOES.match(text, end))


def is_abbreviation(text: str, start: int, end: int) -> bool:
    """Whether text[start:end] has the form of an abbreviation, and nothing before it says that it is a person."""
    if _OF_A_PERSON.search(text[max(0, start - 12) : start]) or _DOES.match(text, end):
        return False
    return bool(_SHAPES.fullmatch(text, start, end)) or _stands_alone(text, start, end)


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether three to five capitals are no name that is known, and no part of one, such as GETA or UIP."""
    word = text[start:end]
    if not _CAPITALS.fullmatch(word) or word in SHORT_NAMES or _POSTED.match(text, end):
        return False
    if _AT.search(text[max(0, start - 4) : start]):  # a school or an employer
        return False
    # Towns, too, are written in capitals; with several vowels a word can be spoken.
    if len(word) > 3 and len(re.findall("[AEIOUY]", word)) > 1:
        return False
    beside = (_BEFORE.search(text[max(0, start - 24) : start]), _BEHIND.match(text, end))
    return not any(each and each[1] not in ABBREVIATIONS and not _SHAPES.fullmatch(each[1]) for each in beside)


def is_eponym(text: str, start: int, end: int) -> bool:
    """Whether text[start:end] names a sign, a scale or a tool: what follows speaks of it, and no name is before."""
    word = re.sub(r"['’]s?$", "", text[start:end])
    if not {word, word.removesuffix("s")} & (CERTAIN | EPONYMS):
        return False
    if _DOES.match(text, end):
        return False
    if is_of_a_person(text, start, end):
        return False
    if word in PLAIN:
        return True
    before = re.search(r"(\S+)[ ]+$", text[max(0, start - 24) : start])
    named = before is not None and (before[1].istitle() or before[1].lower().strip(".:") in ("pt", "patient"))
    if named and before and (before[1][-1] in ",.;:" or is_word_of_medicine(before[1])):
        named = False
    is_put = word in DEVICES and _PUT.match(text, end)
    return not named and (word in CERTAIN or bool(is_put or _THING.match(text, end)))
