"""Tasks on text."""

from typing import TYPE_CHECKING

from duomo.lazy import face
from duomo.tasks.table import TEXTS, row

if TYPE_CHECKING:
    from duomo.tasks.nlp.classification import *
    from duomo.tasks.nlp.editing import *
    from duomo.tasks.nlp.embedding import *
    from duomo.tasks.nlp.extraction import *
    from duomo.tasks.nlp.filling import *
    from duomo.tasks.nlp.generation import *
    from duomo.tasks.nlp.pairs import *
    from duomo.tasks.nlp.ranking import *
    from duomo.tasks.nlp.regression import *
    from duomo.tasks.nlp.tables import *
    from duomo.tasks.nlp.writing import *
    from duomo.tasks.results import (
        Classification as Classification,
        Embedding as Embedding,
        Number as Number,
        SearchResult as SearchResult,
    )

TASKS = (
    row("text-classification", "nlp.classification:TextClassification", "a label for a text", TEXTS, '-t "I love it"'),
    row(
        "text-pair-classification",
        "nlp.classification:TextPairClassification",
        "a label for two texts",
        (),
        """-m dir:PATH --input-format jsonl - <<< '{"text": "It rains.", "text_pair": "It is wet."}'""",
    ),
    row(
        "text-regression", "nlp.regression:TextRegression", "a number for a text", TEXTS, '-m dir:PATH -t "Three stars"'
    ),
    row(
        "token-classification",
        "nlp.extraction:TokenClassification",
        "names and terms in a text",
        TEXTS,
        '-m dir:PATH -t "Ada met Bob"',
    ),
    row(
        "question-answering",
        "nlp.extraction:QuestionAnswering",
        "the stretch of a text that answers a question",
        (),
        """-m dir:PATH --input-format jsonl - <<< '{"question": "Who came?", "context": "Ada came at noon."}'""",
    ),
    row(
        "table-question-answering",
        "nlp.tables:TableQuestionAnswering",
        "the cells of a table that answer a question",
        (),
        """-m dir:PATH --input-format jsonl - <<< '{"question": "Who won?", "table": {"who": ["Ada"], "won": [1]}}'""",
    ),
    row(
        "zero-shot-classification",
        "nlp.classification:ZeroShotClassification",
        "choose among labels given on the spot",
        TEXTS,
        '-t "The match ended 2:1" -p labels=sport,politics',
    ),
    row(
        "language-identification",
        "nlp.classification:LanguageIdentification",
        "which language a text is in",
        TEXTS,
        '-t "Guten Tag"',
    ),
    row("feature-extraction", "nlp.embedding:FeatureExtraction", "a text as a vector", TEXTS, '-t "a red car"'),
    row(
        "sentence-similarity",
        "nlp.embedding:SentenceSimilarity",
        "how alike texts are in meaning",
        (),
        """--input-format jsonl - <<< '{"source": "a cat", "sentences": ["a kitten", "a lorry"]}'""",
    ),
    row(
        "semantic-search",
        "nlp.embedding:SemanticSearch",
        "find texts by meaning",
        TEXTS,
        """-t "small cat" -p 'corpus=["a kitten", "a lorry"]'""",
    ),
    row(
        "text-ranking",
        "nlp.ranking:TextRanking",
        "texts in the order in which they answer a query",
        (),
        """-m dir:PATH --input-format jsonl - <<< '{"query": "Who won?", "texts": ["We won", "It rained"]}'""",
    ),
    row(
        "text-pair-regression",
        "nlp.pairs:TextPairRegression",
        "a number for two texts",
        (),
        """-m dir:PATH --input-format jsonl - <<< '{"text": "It rains.", "text_pair": "It pours."}'""",
    ),
    row(
        "multiple-choice",
        "nlp.pairs:MultipleChoice",
        "which of several texts goes with a text",
        (),
        """-m dir:PATH --input-format jsonl - <<< '{"question": "Who flies?", "choices": ["a gull", "a cod"]}'""",
    ),
    row(
        "next-sentence-prediction",
        "nlp.pairs:NextSentencePrediction",
        "whether a text goes on from another",
        (),
        """-m dir:PATH --input-format jsonl - <<< '{"text": "I was hungry.", "text_pair": "So I ate."}'""",
    ),
    row(
        "sentence-splitting",
        "nlp.editing:SentenceSplitting",
        "the sentences of a text",
        TEXTS,
        '-t "Dr. Ito left. She was tired."',
    ),
    row(
        "keyword-extraction",
        "nlp.editing:KeywordExtraction",
        "the words that say what a text is about",
        TEXTS,
        "report.txt",
    ),
    row(
        "extractive-summarization",
        "nlp.editing:ExtractiveSummarization",
        "the sentences that say most of a text, word for word",
        TEXTS,
        "report.txt",
    ),
    row(
        "spelling-correction",
        "nlp.editing:SpellingCorrection",
        "a text with its misspelt words mended",
        TEXTS,
        '-t "I recieved teh parcel"',
    ),
    row(
        "fill-mask",
        "nlp.filling:FillMask",
        "the words that fit where a text has a mask",
        TEXTS,
        '-m dir:PATH -t "Paris is the [MASK] of France."',
    ),
    row(
        "translation",
        "nlp.writing:Translate",
        "a text in another language",
        TEXTS,
        '-m dir:PATH -t "Good morning" -p tgt_lang=fra_Latn',
    ),
    row(
        "summarization",
        "nlp.writing:Summarization",
        "what a text says, in fewer words",
        TEXTS,
        '-m dir:PATH -t "A long report …"',
    ),
    row(
        "text2text-generation",
        "nlp.writing:Text2TextGeneration",
        "a text written from a text",
        TEXTS,
        '-m dir:PATH -t "Is a whale a fish?"',
    ),
    row(
        "dialogue",
        "nlp.writing:Dialogue",
        "the next turn of a conversation",
        TEXTS,
        '-m dir:PATH -t "I have a new bicycle."',
    ),
    row(
        "text-generation", "nlp.generation:TextGeneration", "go on from a prompt or a chat", TEXTS, '-t "Write a haiku"'
    ),
)

face(
    __name__,
    {
        "duomo.tasks.nlp.classification": "LanguageIdentification LanguageIdentificationOptions TextClassification"
        " TextClassificationOptions TextPairClassification ZeroShotClassification ZeroShotClassificationOptions",
        "duomo.tasks.nlp.editing": "CentralSentence Corrected Correction Extract ExtractiveSummarization"
        " ExtractiveSummarizationOptions Keyword KeywordExtraction KeywordExtractionOptions Keywords Sentence Sentences"
        " SentenceSplitting SentenceSplittingOptions SpellingCorrection SpellingCorrectionOptions",
        "duomo.tasks.nlp.embedding": "FeatureExtraction FeatureExtractionOptions SemanticSearch"
        " SemanticSearchOptions SentenceSimilarity SentenceSimilarityOptions Similarity",
        "duomo.tasks.nlp.extraction": "Answer Answers Entities QuestionAnswering"
        " QuestionAnsweringOptions Span TokenClassification TokenClassificationOptions",
        "duomo.tasks.nlp.filling": "FillMask FillMaskOptions FilledMask Filling MaskedText",
        "duomo.tasks.nlp.generation": "Generation TextChunk TextGeneration TextGenerationOptions",
        "duomo.tasks.nlp.pairs": "Choice MultipleChoice MultipleChoiceOptions NextSentencePrediction"
        " NextSentencePredictionOptions Succession TextPairRegression TextPairRegressionOptions",
        "duomo.tasks.nlp.ranking": "TextRanking TextRankingOptions",
        "duomo.tasks.nlp.regression": "TextRegression TextRegressionOptions",
        "duomo.tasks.nlp.tables": "TableAnswer TableQuestionAnswering TableQuestionAnsweringOptions",
        "duomo.tasks.nlp.writing": "Dialogue DialogueOptions GeneratedText Summarization SummarizationOptions Summary"
        " Text2TextGeneration Text2TextOptions Translate Translation TranslationOptions Written",
        "duomo.tasks.results": "Classification Embedding Number SearchResult",
    },
)
