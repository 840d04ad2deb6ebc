"""Product search: by meaning, by word, by picture, in one index."""

from pathlib import Path
from typing import Any

import data
import numpy as np
import PIL.Image
import pytest
import skimage.data

import duomo
from duomo.adapters import Uncalibrated
from duomo.errors import BadInput, UsageProblem
from duomo_retail.lexical import Lexicon, stem
from duomo_retail.product_text import words
from duomo_retail.records import Product
from duomo_retail.search import ProductSearch, Ranking

pytestmark = pytest.mark.embedded


@pytest.fixture(scope="module")
def empty() -> Any:
    return duomo.adapt("retail/product-search")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("pictures")
    found = {}
    for name in ("coffee", "rocket", "chelsea"):
        found[name] = str(folder / f"{name}.png")
        PIL.Image.fromarray(getattr(skimage.data, name)()).save(found[name])
    return found


@pytest.fixture(scope="module")
def shelf(empty: Any, pictures: dict[str, str]) -> Any:
    return empty.index_products([
        Product(product_id="mug", image=pictures["coffee"], facets={"aisle": "kitchen"}),
        Product(product_id="kibble", name="dry cat food", category=["pets"], facets={"aisle": "pets"}),
        Product(product_id="juice", name="orange jce conc", category=["frzn jce"], facets={"aisle": "frozen"}),
        Product(product_id="model kit", name="plastic spacecraft", image=pictures["rocket"], facets={"aisle": "toys"}),
    ])  # fmt: skip


def first(adapter: Any, query: Any) -> str:
    return adapter(query).payload.hits[0].product_id


@pytest.mark.slow
def test_written_queries_find_what_a_shopper_means(empty: Any) -> None:
    kinds = list(data.product_types().itertuples())
    products = [
        Product(product_id=str(i), name=row.product_type, category=[row.product_category])
        for i, row in enumerate(kinds)
    ]
    assert len(products) == 3828
    search = empty.index_products(products)
    written = data.queries("test")
    assert len(written) >= 100
    ranks = []
    for (_, relevant), outcome in zip(written, search.map([{"text": q, "top_k": 20} for q, _ in written]), strict=True):
        hits = [products[int(each.product_id)] for each in outcome.unwrap().payload.hits]
        good = (n for n, each in enumerate(hits, 1) if data.answers(relevant, each.category[0], each.name))
        ranks.append(1 / next(good, np.inf))
    assert np.mean(ranks) >= 0.85


def test_words_find_texts_and_pictures_alike(shelf: Any) -> None:
    assert first(shelf, "a cup of espresso") == "mug"
    assert first(shelf, "frozen orange juice") == "juice"
    assert first(shelf, "space shuttle") == "model kit"


def test_a_picture_finds_texts_and_pictures_alike(shelf: Any, pictures: dict[str, str]) -> None:
    assert first(shelf, {"image": pictures["chelsea"]}) == "kibble"
    result = shelf({"image": pictures["rocket"]})
    assert result.payload.hits[0].product_id == "model kit"
    assert result.payload.hits[0].matched_on == ["picture"]


def test_a_hit_says_what_it_matched_on(shelf: Any) -> None:
    [hit] = shelf({"text": "orange juice", "top_k": 1}).payload.hits
    assert hit.matched_on == ["orange", "juice"], "JCE is juice"
    assert isinstance(shelf("orange juice").score, Uncalibrated)


def test_facets_narrow_the_list_and_may_leave_nothing(shelf: Any) -> None:
    found = shelf({"text": "something to drink", "facets": {"aisle": "frozen"}}).payload
    assert [each.product_id for each in found.hits] == ["juice"]
    assert found.searched == 1
    nothing = shelf({"text": "tea", "facets": {"aisle": "garden"}})
    assert nothing.payload.hits == []
    assert nothing.findings[0].text == "no product has these facets"


def test_equal_products_stand_in_the_order_of_the_catalogue_however_many_are_asked_for(empty: Any) -> None:
    names = ["tea pot", "lorry"] * 20
    shelf = empty.index_products([Product(product_id=f"{at}", name=name) for at, name in enumerate(names)])
    for top_k in (1, 3, 12, 20):
        hits = shelf({"text": "tea pot", "top_k": top_k}).payload.hits
        assert [each.product_id for each in hits] == [f"{at}" for at in range(0, 40, 2)][:top_k]


def test_a_query_that_nothing_is_near_has_an_empty_list(shelf: Any) -> None:
    shelf.artifacts["ranking"] = Ranking(least=0.9)
    result = shelf("quantum chromodynamics")
    del shelf.artifacts["ranking"]
    assert result.payload.hits == []
    assert "nothing in the catalogue is near" in result.findings[0].text


def test_a_query_is_a_text_or_a_picture(shelf: Any, pictures: dict[str, str]) -> None:
    outcomes = list(shelf.map(["mug", {"text": " "}, {"text": "mug", "image": pictures["coffee"]}, "cat food"]))
    assert [each.ok for each in outcomes] == [True, False, False, True]
    assert "nothing to look for" in outcomes[1].error.what
    assert "both a text and an image" in outcomes[2].error.what


def test_an_index_is_kept_and_belongs_to_its_model(shelf: Any, tmp_path: Path) -> None:
    shelf.save(tmp_path)
    assert {each.suffix for each in tmp_path.iterdir()} == {".json", ".safetensors"}
    again = duomo.adapt("retail/product-search", artifacts=tmp_path)
    assert again("cat food").payload == shelf("cat food").payload
    again.artifacts["index"] = again.artifacts["index"].model_copy(update={"model": "other/model"})
    with pytest.raises(UsageProblem, match="the index was made with 'other/model'"):
        again("cat food")


def test_a_product_that_cannot_be_found_is_named(empty: Any) -> None:
    with pytest.raises(BadInput, match="product 'x' has nothing to be found by"):
        empty.index_products([Product(product_id="x")])
    with pytest.raises(UsageProblem, match="has no catalogue"):
        empty("tea")
    with pytest.raises(UsageProblem, match="a catalogue needs a model"):
        ProductSearch().index_products([])


def test_abbreviations_are_written_out_and_plurals_are_one_word() -> None:
    assert words("FRZN JCE CONC/DRNKS") == ["frozen", "juice", "concentrate", "drinks"]
    assert [stem(each) for each in ("berries", "dishes", "glass", "tomatoes", "peas")] == [
        "berry", "dish", "glass", "tomato", "pea",
    ]  # fmt: skip


def test_words_of_other_languages_are_whole_and_accents_may_be_left_out() -> None:
    assert words("Café CRÈME, Ben’s Mu\u0308sli") == ["cafe", "creme", "bens", "musli"]
    assert words("Чай зелёный, お茶 500ml") == ["чай", "зелёный", "お茶", "500ml"]
    assert Lexicon([words("Käse"), words("Kasse")]).scores(words("kase")).argmax() == 0


def test_shared_words_count_by_how_rare_they_are() -> None:
    lexicon = Lexicon([["red", "wine"], ["red", "apple"], ["red", "onion"]])
    scores = lexicon.scores(["red", "wine"])
    assert scores[0] > 0.9 > scores[1] == scores[2] > 0  # two alike: the same arithmetic
    assert lexicon.scores(["caviar"]).tolist() == [0, 0, 0]
