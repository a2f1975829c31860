"""The language model of a trained bundle: what `init` knows, and the texts that were learned."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Sequence

from htrlib.data.samples import Dataset, PageSample
from htrlib.errors import LanguageModelError
from htrlib.language import NGramModel
from htrlib.language.mixing import best_share, mix
from htrlib.metrics import normalize

ORDER = 6
LEAST_SHARE = 0.02  # of the texts' own model; with less it changes nothing
MOST_SHARE = 0.9  # of it: other pages say other things


class Learned(NamedTuple):
    """A language model, and the share of the new texts in it."""

    model: NGramModel
    share: float


def running_texts(dataset: Dataset) -> List[str]:
    """The texts of pages, and of lines cut from one page, each as one piece; the same one once.

    Data that is given several times, to weigh more, says the same each time.
    """
    pieces: Dict[str, Dict[str, str]] = {}
    for sample in dataset:
        if isinstance(sample, PageSample):
            pieces[sample.source] = {str(n): line.text for n, line in enumerate(sample.lines)}
        else:
            pieces.setdefault(sample.page or sample.source, {})[sample.source] = sample.text
    texts = [normalize(" ".join(filter(None, lines.values()))) for lines in pieces.values()]
    return [text for text in dict.fromkeys(texts) if text]


def learn_language(
    texts: Sequence[str], others: Sequence[str], base: Optional[NGramModel]
) -> Optional[Learned]:
    """A language model that knows the texts too.

    Args:
        texts: of the training data.
        others: of the validation data, by which the share of either model is chosen.
        base: the model so far.
    Returns:
        The model, or None where the texts are too few or too unlike the others to be of use.
    """
    try:
        own = NGramModel.estimate(texts, base.order if base is not None else ORDER)
        if base is None:
            return Learned(own, 1.0)
        share = min(MOST_SHARE, best_share(own, base, others))
        return Learned(mix(own, base, share), share) if share >= LEAST_SHARE else None
    except LanguageModelError:  # a few words, or a model that cannot be mixed
        return None
