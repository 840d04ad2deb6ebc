"""Numbers stay numbers: vectors in pickles, stores, NumPy files, Parquet and tables; bytes as everybody's base64."""

import base64
import json
import pickle

import numpy as np
import pytest

import duomo
from duomo.errors import BadInput, UsageProblem
from duomo.execution.resuming.store import RunStore
from duomo.outcome import Failure, ItemError, Meta, Outcome, Success, outcome_of
from duomo.tasks import Classification, Embedding, Mask, Speech
from duomo.writers import open_writer

META = Meta("feature-extraction", "fake/vectors", batch=32, ms=1.25)
FAILED = ItemError.of(BadInput("this text is empty"))
BYTES = 3000 * 384 * 4


def vectors(count: int, dim: int = 384) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, dim)).astype(np.float32)


def outcomes(matrix: np.ndarray, failed: frozenset[int] = frozenset()) -> list[Outcome[Embedding]]:
    made = (None if at in failed else Embedding(vector=row) for at, row in enumerate(matrix))
    return [outcome_of(at, f"{at}.txt", each, None if each else FAILED, META) for at, each in enumerate(made)]


def test_a_vector_is_an_array_of_float32_and_a_list_in_json():
    embedding = Embedding(vector=[0.5, -1, 2])
    assert embedding.vector.dtype == np.float32
    assert embedding.numpy() is embedding.vector is embedding.array
    assert np.asarray(embedding) is embedding.vector
    assert np.stack([embedding, embedding]).shape == (2, 3)
    assert (len(embedding), list(embedding), embedding[1], embedding[:2].tolist()) == (3, [0.5, -1, 2], -1, [0.5, -1])
    assert embedding.model_dump_json() == '{"vector":[0.5,-1.0,2.0]}'
    assert Embedding.model_validate_json('{"vector":[0.5,-1.0,2.0]}') == embedding
    assert np.isnan(Embedding.model_validate_json('{"vector":[null]}').vector[0])
    assert embedding != Embedding(vector=[0.5, -1])
    with pytest.raises(ValueError, match="one dimension"):
        Embedding(vector=np.zeros((1, 1), np.float32))


def test_a_vector_keeps_no_batch_in_memory():
    assert Embedding.model_construct(vector=vectors(64)[3]).vector.base is None


def test_vectors_are_pickled_as_their_bytes():
    many = [each.result for each in outcomes(vectors(3000))]
    content = pickle.dumps(many)
    assert len(content) <= 1.05 * BYTES
    assert pickle.loads(content) == many
    assert len(pickle.dumps(outcomes(vectors(3000)))) <= 1.1 * BYTES


def test_a_vector_is_torchs_without_a_warning_and_shares_its_memory():
    import torch

    for embedding in (Embedding(vector=[1.0, 2.0]), pickle.loads(pickle.dumps(Embedding(vector=[1.0, 2.0])))):
        # Of an array that cannot be written to, torch warns once in a process: the flag says it each time.
        assert embedding.vector.flags.writeable
        tensor = torch.from_numpy(embedding.vector)
        tensor[0] = 3.0
        assert embedding[0] == 3.0


@pytest.mark.parametrize("dim", [256, 384, 768, 1280])
def test_a_store_holds_vectors_in_little_more_than_their_bytes(tmp_path, dim):
    path, matrix = tmp_path / "run.duomo", vectors(3000, dim)
    with RunStore(path) as store:
        store.begin({"model": "fake/vectors"})
        store.put((b"%16d" % each.index, each) for each in outcomes(matrix))
    assert path.stat().st_size <= 1.3 * matrix.nbytes
    with RunStore(path) as store:
        store.begin({"model": "fake/vectors"})
        row = store.get("7.txt", b"%16d" % 7)
        assert row.meta == META
        found = row.read(Embedding)
        assert isinstance(found, Embedding)
        assert np.array_equal(found.vector, matrix[7])


def test_an_npy_file_is_the_matrix_and_a_failed_item_a_row_of_nan(tmp_path):
    matrix = vectors(5, 3)
    with open_writer(tmp_path / "out.npy", Embedding) as writer:
        for outcome in outcomes(matrix, failed=frozenset({0, 3})):
            writer.write(outcome)
        assert not (tmp_path / "out.npy").exists()
    found = np.load(tmp_path / "out.npy")
    assert found.dtype == np.float32
    assert np.isnan(found[[0, 3]]).all()
    assert np.array_equal(found[[1, 2, 4]], matrix[[1, 2, 4]])


def test_an_npy_file_of_very_many_rows_has_room_for_their_number(tmp_path):
    with open_writer(tmp_path / "out.npy", Embedding) as writer:
        for outcome in outcomes(vectors(12_345, 1)):
            writer.write(outcome)
    assert np.array_equal(np.load(tmp_path / "out.npy"), vectors(12_345, 1))


def test_an_npy_file_without_a_result_is_empty_and_one_of_labels_is_refused(tmp_path):
    with open_writer(tmp_path / "out.npy", Embedding) as writer:
        writer.write(outcomes(vectors(1), failed=frozenset({0}))[0])
    assert np.load(tmp_path / "out.npy").shape == (1, 0)
    with pytest.raises(UsageProblem, match="it has no vector"):
        open_writer(tmp_path / "labels.npy", Classification)


def test_parquet_has_vectors_of_one_length(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    matrix = vectors(150, 4)
    with open_writer(tmp_path / "out.parquet", Embedding) as writer:
        for outcome in outcomes(matrix, failed=frozenset(range(70))):
            writer.write(outcome)
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.schema.field("result").type.field("vector").type == pa.list_(pa.float32(), 4)
    column = table.column("result").combine_chunks()
    assert column.null_count == 70
    assert np.array_equal(np.stack([row["result"]["vector"] for row in table.to_pylist()[70:]]), matrix[70:])


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_outcomes_are_a_table_with_the_columns_of_the_csv(library):
    pytest.importorskip(library)
    labels = Classification.ranked(["cat", "dog"], [0.75, 0.25])
    some: list[Outcome[Classification]] = [
        Success(0, "a.jpg", labels, None, META),
        Failure(1, "b.jpg", None, FAILED, META),
    ]
    table = duomo.frame(iter(some), library)
    assert list(table.columns) == ["index", "id", "ok", "top.name", "top.score", "labels", "error.code", "error.what",
                                   "model", "ms"]  # fmt: skip
    assert list(table["id"]) == ["a.jpg", "b.jpg"]
    assert list(table["ok"]) == [True, False]
    assert table["top.score"][0] == 0.75
    assert table["error.what"][1] == "this text is empty"


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_whole_numbers_stay_whole_beside_an_item_that_failed(library):
    pytest.importorskip(library)
    clip = Speech(wav=b"RIFF", sampling_rate=16000, duration=1.0)
    some: list[Outcome[Speech]] = [Failure(0, "a", None, FAILED, META), Success(1, "b", clip, None, META)]
    rates = duomo.frame(some, library)["sampling_rate"]
    assert str(rates.dtype) == "Int64"
    assert list(rates.drop_nulls() if library == "polars" else rates.dropna()) == [16000]


def test_a_table_of_polars_has_no_vector_where_an_item_failed():
    column = duomo.frame(outcomes(vectors(3, 2), failed=frozenset({1})), "polars")["vector"]
    assert column.is_null().to_list() == [False, True, False]
    assert np.array_equal(column.drop_nulls().to_numpy(), vectors(3, 2)[[0, 2]])


def test_a_table_of_vectors_has_arrays_and_one_of_failures_their_columns():
    table = duomo.frame(outcomes(vectors(3, 2), failed=frozenset({1})))
    assert np.array_equal(np.stack(table["vector"].dropna()), vectors(3, 2)[[0, 2]])
    assert list(duomo.frame(outcomes(vectors(1), failed=frozenset({0})))["error.code"]) == ["E-INPUT"]
    assert len(duomo.frame([])) == 0
    with pytest.raises(UsageProblem, match="no tables of 'spark'"):
        duomo.frame([], "spark")  # type: ignore[call-overload]


def test_bytes_in_json_are_the_base64_that_everybody_reads():
    speech = Speech(wav=bytes(range(256)), sampling_rate=8000, duration=1.0)
    text = speech.model_dump_json()
    assert base64.b64decode(json.loads(text)["wav"], validate=True) == speech.wav
    assert json.loads(Success(0, "a", speech, None, META).to_json())["result"]["wav"] == json.loads(text)["wav"]
    assert Speech.model_validate_json(text) == speech
    assert Speech.model_json_schema()["properties"]["wav"]["contentEncoding"] == "base64"


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_bytes_of_earlier_files_are_read(encode):
    content = bytes(range(256))
    text = json.dumps({"label": "a", "score": None, "mask": encode(content).decode()})
    assert Mask.model_validate_json(text).mask == content
