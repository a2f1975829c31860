"""Language models: character n-grams and word lists."""

from htrlib.language.lexicon import Lexicon
from htrlib.language.ngram import NGramModel

__all__ = ["Lexicon", "NGramModel"]
