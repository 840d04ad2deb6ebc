"""More drugs by their brands, germs and complaints as lines of notes begin with them."""

MORE_BRANDS = frozenset(
    """
    Abraxane Actemra Actonel Adaptic Adempas Adenosine Admelog Aimovig Ajovy Albenza Aldara Allevyn Allopurinol
    Alphagan Ambisome Ambu Amiodarone Amitiza Amoxil Anaprox Anbesol Ancef Aphasia Apriso Aptiom Aquaphor Arava
    Arcapta Arnuity Asacol Ascites Asmanex Aspergillus Astelin Atacand Ataxia Atripla Atropine Aubagio Austedo
    Avandia Avapro Axert Azilect Azopt Azulfidine Babesia Bacitracin Bacteroides Banzel Bartonella Belsomra
    Benicar Benlysta Benzac Betapace Betaseron Bevespi BiDil Biaxin Bicillin Biotin Bipap Blincyto Bordetella
    Borrelia Bougie Bovie Breztri Brisdelle Briviact Brucella Bruit Buprenorphine Cafergot Caffeine Calcium
    Campylobacter Candida Capoten Caprelsa Carafate Carbatrol Cardene Casodex Cefzil Cerebyx Cervidil Cetaphil
    Chlamydia Chlorhexidine Cirrhosis Cisatracurium Citrobacter Cleviprex Clinoril Clomid Clostridium Clozapine
    Clubbing Cogentin Colchicine Colcrys Colonoscopy Complera Copaxone Cordarone Corlanor Cortef Corvert Cosopt
    Crackles Creon Cresemba Croup Cryptococcus Cubicin Curosurf Cuvposa Cyanosis Cyclosporine Cytomel Cytotec
    Dacron Daliresp Daraprim Daypro Delestrogen Deltasone Demadex Denavir Desoxyn Dificid Digibind Digoxin
    Diphtheria Diplopia Diskus Dobutamine Dolophine Dopamine Doptelet Dostinex Doxil Duavee Duoderm Duoneb Duopa
    Eczema Edarbi Edurant Elidel Eliquis Elitek Ellipta Eloxatin Emend Emtriva Enfamil Entereg Envarsus
    Ephedrine Epinephrine Epivir Epzicom Eraxis Ertapenem Erythema Estrace Etomidate Eucerin Eucrisa Evista
    Evoxac Exelon Exforge Fanapt Fareston Febuxostat Fetzima Fiasp Fibroids Firazyr Flector Flexpen Florinef
    Fluzone Focalin Folate Foradil Fortaz Forteo Fosrenol Frova Fusobacterium Fuzeon Gamunex Gardnerella Gazyva
    Giardia Glidescope Glycopyrrolate Glyxambi Golytely Goretex Gout Granisetron Haemophilus Halaven Hemoptysis
    Hemorrhoids Hepatitis Hepsera Hernia Hibiclens Hives Hycamtin Hydralazine Iclusig Icterus Ilaris Imbruvica
    Incruse Infanrix Infasurf Ingrezza Inlyta Inspra Integrilin Intelence Intuniv Invanz Invega Isentress
    Istalol Jakafi Jalyn Janumet Jaundice Jentadueto Jublia Juluca Kadcyla Kaletra Kcentra Kerendia Ketorolac
    Kineret Klebsiella Kombiglyze Krystexxa Kwikpen Kyprolis Labetalol Lacrilube Lasix Legionella Letairis
    Leukeran Leukine Levothroid Levsin Lexiscan Lialda Lidoderm Ligasure Lioresal Listeria Lithium Livalo
    Loestrin Lomustine Lotensin Lotronex Lovaza Lumify Lumigan Luvox Lynparza Lysodren Magnesium Malarone
    Mavenclad Mavik Mavyret Maxipime Measles Megace Mekinist Melatonin Mestinon Methadone Methergine
    Methotrexate Metrogel Mevacor Miacalcin Micronase Midazolam Migraine Milrinone Minipress Mitigare Moraxella
    Morganella Motegrity Movantik Multaq Mumps Murmur Mycoplasma Myfortic Myrbetriq Mysoline Naloxone Naltrexone
    Namzaric Natrecor Nebupent Neisseria Neoral Neostigmine Neosynephrine Nesina Nicardipine Nicotine Nimbex
    Nitro Nitroglycerin Nitrostat Nizoral Nolvadex Norepinephrine Norpace Northera Novavax Noxafil Nplate
    Nuedexta Nulojix Nuplazid Nutropin Nuvigil Nystagmus Odefsey Ofirmev Olysio Oncaspar Onfi Onglyza Optifoam
    Orajel Orapred Orilissa Orkambi Orthopnea Oseltamivir Osphena Otezla Oxtellar Pasteurella Pataday Patanol
    Pedialyte Pediarix Pegasys Penumbra Perjeta Pertussis Petechiae Phenylephrine Plendil Pletal Pneumocystis
    Polymem Polyp Polyps Pomalyst Ponstel Prandin Prezcobix Prezista Prialt Primaxin Prinivil Proamatine
    Promogran Proscar Proteus Protopic Pruritus Psoriasis Ptosis Purpura Qsymia Qvar Rales Ranexa Rapaflo
    Rapamune Rebif Reclast Relistor Relpax Renvela Rescriptor Respimat Respironics Restasis Retin-A Retrovir
    Revatio Rexulti Reyataz Rezulin Rheumatrex Rhonchi Rickettsia Rilutek Robinul Rocuronium Rotateq Roxicodone
    Rozerem Rubella Rythmol Sabril Salmonella Samsca Sanctura Sandimmune Sandostatin Saphris Sarcoid Savaysa
    Savella Senna Sensipar Serevent Serratia Shigella Shingles Silvadene Silverlon Similac Simponi Sivextro
    Solaraze Soliris Solostar Soltamox Soriatane Sotalol Sovaldi Sprycel Stalevo Starlix Statin Statins Stendra
    Stiolto Stribild Stridor Striverdi Succinylcholine Sular Sulfa Sulfas Survanta Sustiva Sutent Symdeko Symlin
    Symproic Synagis Synarel Synercid Systane Tacrolimus Tafinlar Tagrisso Tambocor Tarceva Tasigna Tecentriq
    Tecfidera Teflaro Tekturna Temodar Tenex Tessalon Tetanus Teveten Thalomid Thiamine Thorazine Tikosyn
    Timoptic Tinnitus Tivicay Tobradex Tofranil Toviaz Toxoplasma Tracleer Trandate Travatan Treanda Tremor
    Trental Trichomonas Trintellix Triumeq Trizivir Truvada Tudorza Turbuhaler Tygacil Tykerb Tysabri Uloric
    Uniretic Uroxatral Urticaria Valstar Vancocin Varicella Varivax Vascepa Vasopressin Vectibix Velcade
    Velphoro Veltassa Vemlidy Vertigo Vesicare Vfend Victrelis Videx Vimpat Viread Vivitrol Voltaren Votrient
    Vraylar Vytorin Welchol Wheezing Xadago Xalatan Xalkori Xenazine Xenical Xifaxan Xigduo Xtandi Xyrem
    Yankauers Yervoy Zaltrap Zantrene Zebeta Zelboraf Zelnorm Zemplar Zepatier Zerbaxa Ziac Ziagen Zinacef
    Zinbryta Zinc Zinplava Zirgan Zithranol Zomig Zonegran Zortress Zostavax Zoster Zovia Zubsolv Zyban Zykadia
    Zytiga Zyvox
    """.split()
)
"""None is a usual name of persons."""
