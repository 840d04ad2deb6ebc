"""Which checkpoints of transformers serve which task, and what is trained on them; nothing heavy is imported here."""

from duomo import ModelSpec

OTHERS = tuple(
    f"!{name}*"
    for name in "Blip LayoutLM Lilt Bros MarkupLM Tapas Vilt Wav2Vec2 Hubert WavLM UniSpeech SEW Data2VecAudio".split()
)
"""Architectures whose names end like those of texts, and that read images, pages, tables, markup or sound."""

FAMILY = ModelSpec(
    "nlp/transformers",
    "text-classification",
    "duomo_nlp.classification:TextClassification",
    "any transformers checkpoint for sequence classification",
    "Apache-2.0",
    weights="given",
    architectures=("*ForSequenceClassification", *OTHERS),
    limits="needs a tokenizer.json, or files from which transformers makes one",
)

ENCODERS = (
    "SentenceTransformer",
    "*ForMaskedLM",
    *(
        f"{name}Model"
        for name in (
            "Albert", "Bert", "BigBird", "Camembert", "ConvBert", "Data2VecText", "Deberta", "DebertaV2", "DistilBert",
            "Electra", "Ernie", "Esm", "EuroBert", "FNet", "Flaubert", "Funnel", "Gte", "IBert", "JinaEmbeddingsV3",
            "Longformer", "Luke", "MPNet", "MegatronBert", "MobileBert", "ModernBert", "Mra", "NomicBert",
            "Nystromformer", "RemBert", "RoCBert", "RoFormer", "Roberta", "RobertaPreLayerNorm", "SqueezeBert", "XLM",
            "XLMRoberta", "XLMRobertaXL", "XLNet", "Yoso",
        )
    ),
)  # fmt: skip
"""Architectures with one vector a token of a text, and folders that say so; ``*Model`` would claim images."""

SEQ2SEQ = (
    *(
        f"{name}ForConditionalGeneration"
        for name in (
            "Bart", "BigBirdPegasus", "Blenderbot", "BlenderbotSmall", "FSMT", "LED", "LongT5", "M2M100", "MBart",
            "MT5", "Mvp", "NllbMoe", "Pegasus", "PegasusX", "PLBart", "ProphetNet", "SwitchTransformers", "T5",
            "T5Gemma", "UMT5",
        )
    ),
    "EncoderDecoderModel",
    "MarianMTModel",
)  # fmt: skip
"""Encoder-decoders of texts; ``*ForConditionalGeneration`` would also claim speech and images."""

HEADED = FAMILY._replace(bases=("nlp/minilm", *ENCODERS))
"""Families whose training gives an encoder a head."""

STOP_WORDS = "the words that no keyword begins or ends with are English ones"
WORD_FOR_WORD = "word for word: nothing is put together, and a pronoun may lose what it stands for"

FAMILIES: tuple[ModelSpec, ...] = (
    HEADED._replace(trainer="duomo_nlp.training.sequences:Sequences", tags=("export",)),
    FAMILY._replace(
        name="nlp/gru",
        loader="duomo_nlp.models.gru:TextGru",
        summary="a small recurrent network on bytes, trained by you from random numbers",
        architectures=(),
        limits="reads 512 bytes at once; a baseline",
        trainer="duomo_nlp.models.gru:TextGruTrainer",
    ),
    FAMILY._replace(
        name="nlp/transformer",
        task="text-generation",
        loader="duomo_nlp.models.transformer:Characters",
        summary="a small language model of characters, trained by you from random numbers",
        architectures=(),
        limits="no cache: the longer a text, the slower the next character; a baseline",
        trainer="duomo_nlp.models.transformer:CharactersTrainer",
    ),
    HEADED._replace(
        task="text-pair-classification",
        loader="duomo_nlp.classification:TextPairClassification",
        summary="any transformers checkpoint for sequence classification, two texts in a row",
        trainer="duomo_nlp.training.sequences:Pairs",
    ),
    HEADED._replace(
        task="text-regression",
        loader="duomo_nlp.regression:TextRegression",
        summary="any transformers checkpoint for sequence classification with one output",
        trainer="duomo_nlp.training.sequences:Regression",
    ),
    HEADED._replace(
        task="token-classification",
        loader="duomo_nlp.entities:TokenClassification",
        summary="any transformers checkpoint for token classification",
        architectures=("*ForTokenClassification", *OTHERS),
        trainer="duomo_nlp.training.tokens:Tokens",
    ),
    HEADED._replace(
        task="question-answering",
        loader="duomo_nlp.answers:QuestionAnswering",
        summary="any transformers checkpoint for extractive question answering",
        architectures=("*ForQuestionAnswering", "*ForQuestionAnsweringSimple", *OTHERS),
        limits="answers with a stretch of the text, word for word; nothing is put together or counted",
        trainer="duomo_nlp.training.answers:Answers",
    ),
    FAMILY._replace(
        task="dialogue",
        loader="duomo_nlp.dialogue:Dialogue",
        summary="any BlenderBot, or another encoder-decoder of conversations",
        architectures=("Blenderbot*ForConditionalGeneration",),
        limits="BlenderBot has 128 positions: the first turns are left out; small talk, facts made up",
    ),
    FAMILY._replace(
        task="table-question-answering",
        loader="duomo_nlp.tables:Tapas",
        summary="any TAPAS checkpoint",
        requires=("pandas>=2.2",),
        architectures=("TapasForQuestionAnswering",),
        limits="marks cells and names SUM, AVERAGE or COUNT; nothing is computed. 512 tokens: some 60 rows of "
        "3 columns",
    ),
    FAMILY._replace(
        task="zero-shot-classification",
        loader="duomo_nlp.entailment:ZeroShotClassification",
        summary="any transformers checkpoint for natural language inference",
        limits="one pass a label; labels of the checkpoint must name entailment and contradiction",
    ),
    FAMILY._replace(
        task="text-generation",
        loader="duomo_nlp.generation:CausalLM",
        summary="any transformers decoder",
        architectures=("*ForCausalLM", "*LMHeadModel", "BertGenerationDecoder"),
        limits="decoders with a key-value cache; no beam search",
        trainer="duomo_nlp.training.causal:Causal",
    ),
    FAMILY._replace(
        task="fill-mask",
        loader="duomo_nlp.filling:FillMask",
        summary="any transformers checkpoint for masked language modelling",
        architectures=(
            "*ForMaskedLM",
            *(f"{name}ForConditionalGeneration" for name in ("Bart", "MBart", "Mvp")),
            "FlaubertWithLMHeadModel",
            "XLMWithLMHeadModel",
        ),
        limits="one token a mask; longer words have several masks",
        trainer="duomo_nlp.training.masked:Masked",
    ),
    FAMILY._replace(
        task="text-ranking",
        loader="duomo_nlp.ranking:TextRanking",
        summary="any cross-encoder: a transformers checkpoint that gives a pair of texts one score",
        limits="one pass a text; first choose among many by semantic-search",
    ),
    FAMILY._replace(
        name="nlp/pooled",
        task="text-ranking",
        loader="duomo_nlp.scoring:PooledRanking",
        summary="any CrossEncoder folder whose steps after the network are a pooling and dense layers",
        architectures=("CrossEncoder.Dense",),
        limits="one pass a text; first choose among many by semantic-search",
    ),
    FAMILY._replace(
        name="nlp/judges",
        task="text-ranking",
        loader="duomo_nlp.judging:AnsweredRanking",
        summary="any decoder that a CrossEncoder folder asks whether a text answers, such as Qwen3-Reranker",
        architectures=("CrossEncoder*", "!CrossEncoder.Dense"),
        limits="one pass a text; first choose among many by semantic-search",
    ),
    *(
        FAMILY._replace(
            task=task,
            loader=f"duomo_nlp.pairs:{loader}",
            summary=f"any transformers checkpoint {what}",
            architectures=(architecture,),
        )
        for task, loader, what, architecture in (
            (
                "text-pair-regression",
                "TextPairRegression",
                "that gives two texts a number",
                "*ForSequenceClassification",
            ),
            ("multiple-choice", "MultipleChoice", "for multiple choice", "*ForMultipleChoice"),
            (
                "next-sentence-prediction",
                "NextSentencePrediction",
                "for next-sentence prediction",
                "*ForNextSentencePrediction",
            ),
        )
    ),
    *(
        FAMILY._replace(
            task=task,
            loader=f"duomo_nlp.seq2seq:{loader}",
            summary=f"any transformers encoder-decoder, {what}",
            architectures=SEQ2SEQ,
            limits="greedy or beam search; Marian and M2M100 tokenizers need the extra 'translation'",
        )
        for task, loader, what in (
            ("translation", "Translate", "languages as its checkpoint names them"),
            ("summarization", "Summarization", "in words of its own"),
            ("text2text-generation", "Text2TextGeneration", "with its own prefix and bounds"),
        )
    ),
    FAMILY._replace(
        name="nlp/seamless",
        task="translation",
        loader="duomo_nlp.seamless:SeamlessTranslate",
        summary="SeamlessM4T, from text to text",
        architectures=tuple(
            f"SeamlessM4T{version}{part}" for version in ("", "v2") for part in ("Model", "ForTextToText")
        ),
        limits="greedy or beam search; its speech is not made, and what it hears is automatic-speech-recognition",
    ),
    *(
        FAMILY._replace(
            task=task,
            loader=f"duomo_nlp.{loader}",
            summary=summary,
            architectures=(*ENCODERS, *(f"{name}EncoderModel" for name in ("T5", "MT5", "UMT5"))),
            tags=("export",),
        )
        for task, loader, summary in (
            (
                "feature-extraction",
                "embedding:FeatureExtraction",
                "any transformers or sentence-transformers encoder",
            ),
            ("sentence-similarity", "embedding:SentenceSimilarity", "any sentence-transformers encoder"),
            ("semantic-search", "embedding:SemanticSearch", "any sentence-transformers encoder"),
        )
    ),
    *(
        FAMILY._replace(
            task=task,
            loader=f"duomo_nlp.central:{loader}",
            summary=f"any sentence-transformers encoder: {what}",
            architectures=ENCODERS,
            limits=limits,
        )
        for task, loader, what, limits in (
            ("keyword-extraction", "KeywordExtraction", "the words nearest to the text", STOP_WORDS),
            (
                "extractive-summarization",
                "ExtractiveSummarization",
                "the most central sentences",
                WORD_FOR_WORD,
            ),
        )
    ),
)
