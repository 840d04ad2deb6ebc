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
    row("text-classification", "nlp.classification", "a label for a text", TEXTS, '-t "I love it"'),
    row(
        "text-pair-classification",
        "nlp.classification",
        "a label for two texts",
        item='{"text": "It rains.", "text_pair": "It is wet."}',
    ),
    row("text-regression", "nlp.regression", "a number for a text", TEXTS, '-m dir:PATH -t "Three stars"'),
    row("token-classification", "nlp.extraction", "names and terms in a text", TEXTS, '-m dir:PATH -t "Ada met Bob"'),
    row(
        "question-answering",
        "nlp.extraction",
        "the stretch of a text that answers a question",
        item='{"question": "Who came?", "context": "Ada came at noon."}',
    ),
    row(
        "table-question-answering",
        "nlp.tables",
        "the cells of a table that answer a question",
        item='{"question": "Who won?", "table": {"who": ["Ada"], "won": [1]}}',
    ),
    row(
        "zero-shot-classification",
        "nlp.classification",
        "choose among labels given on the spot",
        TEXTS,
        '-t "The match ended 2:1" -p labels=sport,politics',
    ),
    row("language-identification", "nlp.classification", "which language a text is in", TEXTS, '-t "Guten Tag"'),
    row("feature-extraction", "nlp.embedding", "a text as a vector", TEXTS, '-t "a red car"'),
    row(
        "sentence-similarity",
        "nlp.embedding",
        "how alike texts are in meaning",
        arguments="",
        item='{"source": "a cat", "sentences": ["a kitten", "a lorry"]}',
    ),
    row(
        "semantic-search",
        "nlp.embedding",
        "find texts by meaning",
        TEXTS,
        """-t "small cat" -p 'corpus=["a kitten", "a lorry"]'""",
    ),
    row(
        "text-ranking",
        "nlp.ranking",
        "texts in the order in which they answer a query",
        item='{"query": "Who won?", "texts": ["We won", "It rained"]}',
    ),
    row(
        "text-pair-regression",
        "nlp.pairs",
        "a number for two texts",
        item='{"text": "It rains.", "text_pair": "It pours."}',
    ),
    row(
        "multiple-choice",
        "nlp.pairs",
        "which of several texts goes with a text",
        item='{"question": "Who flies?", "choices": ["a gull", "a cod"]}',
    ),
    row(
        "next-sentence-prediction",
        "nlp.pairs",
        "whether a text goes on from another",
        item='{"text": "I was hungry.", "text_pair": "So I ate."}',
    ),
    row("sentence-splitting", "nlp.editing", "the sentences of a text", TEXTS, '-t "Dr. Ito left. She was tired."'),
    row("keyword-extraction", "nlp.editing", "the words that say what a text is about", TEXTS, "report.txt"),
    row(
        "extractive-summarization",
        "nlp.editing",
        "the sentences that say most of a text, word for word",
        TEXTS,
        "report.txt",
    ),
    row(
        "spelling-correction",
        "nlp.editing",
        "a text with its misspelt words corrected",
        TEXTS,
        '-t "I recieved teh parcel"',
    ),
    row(
        "fill-mask",
        "nlp.filling",
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
    row("summarization", "nlp.writing", "what a text says, in fewer words", TEXTS, '-m dir:PATH -t "A long report …"'),
    row(
        "text2text-generation",
        "nlp.writing",
        "a text written from a text",
        TEXTS,
        '-m dir:PATH -t "Is a whale a fish?"',
    ),
    row("dialogue", "nlp.writing", "the next turn of a conversation", TEXTS, '-m dir:PATH -t "I have a new bicycle."'),
    row("text-generation", "nlp.generation", "go on from a prompt or a chat", TEXTS, '-t "Write a haiku"'),
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
