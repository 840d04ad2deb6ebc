"""Language identification by py3langid."""

from typing import Any

import pytest

import duomo

pytestmark = pytest.mark.embedded

LANGUAGES: list[tuple[str, str]] = [
    ("en", "The weather was lovely, so we walked along the river until sunset."),
    ("en", "Could you please tell me where the nearest pharmacy is?"),
    ("de", "Gestern haben wir im Garten gegrillt und lange mit den Nachbarn geredet."),
    ("de", "Können Sie mir bitte sagen, wann der nächste Zug nach Hamburg fährt?"),
    ("fr", "Nous avons passé l'après-midi au marché et acheté du fromage."),
    ("fr", "Pourriez-vous m'indiquer le chemin de la gare, s'il vous plaît ?"),
    ("es", "Mañana iremos a la playa si no llueve por la tarde."),
    ("es", "¿Dónde puedo comprar un billete de autobús para el centro?"),
    ("it", "Ieri sera abbiamo cucinato la pasta con i pomodori freschi."),
    ("it", "Vorrei prenotare un tavolo per quattro persone, per favore."),
    ("pt", "Amanhã vamos visitar os nossos avós e almoçar juntos."),
    ("pt", "Você sabe a que horas começa a reunião de hoje?"),
    ("nl", "Wij hebben gisteren de hele dag door het bos gefietst."),
    ("nl", "Kunt u mij vertellen hoe laat de winkel vandaag sluit?"),
    ("pl", "Wczoraj wieczorem oglądaliśmy film o podróżach po Azji."),
    ("pl", "Przepraszam, gdzie jest najbliższy przystanek autobusowy?"),
    ("cs", "Včera jsme šli na procházku do lesa a sbírali houby."),
    ("cs", "Můžete mi prosím říct, kolik stojí tato kniha?"),
    ("sv", "I går åkte vi skidor hela dagen och drack varm choklad."),
    ("sv", "Ursäkta, vet du var närmaste busshållplats ligger?"),
    ("fi", "Eilen kävimme saunassa ja uimme järvessä koko illan."),
    ("fi", "Voisitteko kertoa, missä on lähin rautatieasema?"),
    ("ru", "Вчера мы гуляли по набережной и ели мороженое."),
    ("ru", "Скажите, пожалуйста, как пройти к музею?"),
    ("el", "Χθες το βράδυ φάγαμε ψάρι δίπλα στη θάλασσα."),
    ("el", "Μπορείτε να μου πείτε πού είναι το φαρμακείο;"),
    ("ja", "昨日は友達と公園で桜を見ながらお弁当を食べました。"),
    ("ja", "すみません、駅までどうやって行けばいいですか。"),
    ("zh", "昨天我们在河边散步，然后去吃了火锅。"),
    ("zh", "请问最近的地铁站怎么走？"),
]
"""(ISO 639-1 code, sentence): 15 languages, 30 sentences."""


@pytest.fixture(scope="module")
def runner() -> duomo.Runner[Any]:
    return duomo.load("language-identification", "nlp/langid")


def test_nearly_all_sentences_are_told_right(runner: duomo.Runner[Any]) -> None:
    """30 of 30 when written."""
    outcomes = runner.map([sentence for _, sentence in LANGUAGES])
    right = sum(outcome.unwrap().top.name == code for outcome, (code, _) in zip(outcomes, LANGUAGES, strict=True))
    assert right >= 28


@pytest.mark.equals("the package's own scores, to 1e-5", "language-identification")
def test_scores_are_probabilities_over_all_languages(runner: duomo.Runner[Any]) -> None:
    result = runner(LANGUAGES[0][1], top_k=200)
    assert len(result.labels) >= 139
    assert sum(label.score for label in result.labels) == pytest.approx(1, abs=1e-4)
    assert all(0 <= label.score <= 1 for label in result.labels)
    assert runner(LANGUAGES[0][1]).labels == result.labels[:3]
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # comes with the weights

    own = dict(LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True).rank(LANGUAGES[0][1]))
    assert {label.name: label.score for label in result.labels} == pytest.approx(own, abs=1e-5)


@pytest.mark.parametrize("space", ["\n", "\t", "   ", "\u00a0", "\u202f", "\u3000", " \u200b", "\r\n"])
def test_white_space_of_any_kind_parts_words(runner: duomo.Runner[Any], space: str) -> None:
    for sentence in ("Domani farà bel tempo e andremo al mare.", "please call me back"):
        assert runner(sentence.replace(" ", space)).labels == runner(sentence).labels
