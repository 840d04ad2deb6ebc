"""What the files of a checkpoint of texts may say, and what is done with each entry: applied, no effect, or refused.

One table a file. The loaders read it, `docs/make_checkpoints.py` makes a page of it, and a test compares the two;
so an entry that is neither applied nor refused cannot go unnoticed. `duomo.generating` has those of ways of writing.
"""

from __future__ import annotations

from duomo.generating import Entry, refused

_TEXT_ONLY = {"text": {"method": "forward", "method_output_name": "last_hidden_state"}}
_LIBRARIES = "arguments for other libraries"
SENTENCE: dict[str, Entry] = {
    "max_seq_length": Entry("applied", "where tokenizer and config do not say less"),
    "do_lower_case": Entry("applied"),
    "transformer_task": refused("the last hidden states are read, and nothing else", "feature-extraction"),
    "modality_config": refused("texts only", _TEXT_ONLY),
    "module_output_name": refused("", "token_embeddings"),
    "unpad_inputs": Entry("no effect", "nothing is padded here"),
    "processing_kwargs": refused(_LIBRARIES),
    "model_args": refused(_LIBRARIES),
    "model_kwargs": refused(_LIBRARIES),
    "tokenizer_args": refused(_LIBRARIES),
    "processor_kwargs": refused(_LIBRARIES),
    "config_args": refused(_LIBRARIES),
    "config_kwargs": refused(_LIBRARIES),
    "query_length": refused("many vectors a text"),
    "document_length": refused("many vectors a text"),
    "query_expansion": refused("many vectors a text"),
}
"""``sentence_bert_config.json``; what is not here is refused too."""
SENTENCES: dict[str, Entry] = {
    "prompts": Entry(
        "applied",
        "by the options `prompt` and `prompt_name`; a search takes `query` for what is searched "
        "for, and `document`, `passage` or `corpus` for what is searched, where they are there",
    ),
    "default_prompt_name": Entry("applied"),
    "similarity_fn_name": refused("only those of single vectors", "cosine", "dot", "euclidean", "manhattan"),
    "truncate_dim": Entry("applied"),
    "model_type": refused("", "SentenceTransformer"),
    "requirements": Entry("no effect", "what its author had installed"),
    "__version__": Entry("no effect", "who saved it"),
}
"""``config_sentence_transformers.json``."""
POOLING: dict[str, Entry] = {
    "pooling_mode": Entry("applied", "cls, max, mean, mean_sqrt_len_tokens, weightedmean or lasttoken, or several"),
    "pooling_mode_cls_token": Entry("applied", "the old name"),
    "pooling_mode_max_tokens": Entry("applied", "the old name"),
    "pooling_mode_mean_tokens": Entry("applied", "the old name"),
    "pooling_mode_mean_sqrt_len_tokens": Entry("applied", "the old name"),
    "pooling_mode_weightedmean_tokens": Entry("applied", "the old name"),
    "pooling_mode_lasttoken": Entry("applied", "the old name"),
    "include_prompt": Entry("applied"),
    "embedding_dimension": Entry("no effect", "the network says"),
    "word_embedding_dimension": Entry("no effect", "the network says"),
}
"""The config of the pooling step."""
STEPS: dict[str, Entry] = {
    "Transformer": Entry("applied", "in the folder itself, or in one of its own such as `0_Transformer`"),
    "Pooling": Entry("applied"),
    "Normalize": Entry("applied", "by the option `normalize`, which is on; in its place where another step follows"),
    "Dense": Entry("applied", "behind the pooling, with an activation of torch"),
    "LayerNorm": Entry("applied", "behind the pooling"),
    **{
        name: refused("another kind of encoder")
        for name in ("CNN", "LSTM", "WeightedLayerPooling", "WordEmbeddings", "WordWeights",
                     "BoW", "StaticEmbedding", "CLIPModel", "Router", "Asym")
    },
    "Dropout": Entry("no effect", "only in training"),
}  # fmt: skip
"""The steps of ``modules.json``."""
_ENDS = "of tokenizers of Llama, Gemma and Cohere, where a text is read and none is written"
TOKENIZER: dict[str, Entry] = {
    "truncation_side": Entry("applied", "which end of a text stays under `long=truncate`; a prompt keeps its end"),
    "model_max_length": Entry("applied", "where the config does not say less"),
    "model_input_names": Entry("applied", "`token_type_ids` where they are named and the network reads them"),
    "chat_template": Entry("applied", "for text-generation, where the option `chat` does not say otherwise"),
    "eos_token": Entry("applied", "ends an answer"),
    "add_bos_token": Entry("applied", _ENDS),
    "add_eos_token": Entry("applied", _ENDS),
    "padding_side": Entry("no effect", "encoders run without padding, decoders are padded on the left"),
}
"""``tokenizer_config.json``, beside what the tokenizer does with a text, which is its own."""
CONFIG: dict[str, Entry] = {
    "id2label": Entry("applied", "as text; a label without a name is refused"),
    "problem_type": Entry("applied", "`multi_label_classification`; `regression` is refused"),
    "max_position_embeddings": Entry("applied", "and `n_positions`, `max_seq_len`, `seq_length` and the like"),
    "rope_parameters": Entry("applied", "longrope too: rows on both sides of its turn never share a pass"),
    "attention_type": Entry("applied", "of BigBird, for each text by its length"),
}
"""``config.json``, beside what transformers builds the network from."""
_OLD = "sentence_bert_config.json, or sentence_roberta_config.json and the like"
FILES: dict[str, dict[str, Entry]] = {
    "config.json": CONFIG,
    "tokenizer_config.json": TOKENIZER,
    "modules.json, of sentence-transformers folders": STEPS,
    _OLD: SENTENCE,
    "config_sentence_transformers.json": SENTENCES,
    "1_Pooling/config.json": POOLING,
}
"""Every table, by its file."""
