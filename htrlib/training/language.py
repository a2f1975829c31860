"""The language model of a trained bundle: what `init` knows, and the texts that were learned."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from htrlib.data.samples import Dataset, PageSample
from htrlib.errors import LanguageModelError
from htrlib.language import NGramModel
from htrlib.language.estimation import estimate
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
    whole: List[str] = []
    pieces: Dict[Tuple[str, str], Dict[Tuple[str, str], str]] = {}
    for sample in dataset:
        if isinstance(sample, PageSample):
            whole.append(" ".join(line.text for line in sample.lines if line.text))
            continue
        # Data sets may call different pages and lines the same; their folders tell them apart.
        folder = str(sample.image.parent) if isinstance(sample.image, Path) else ""
        page = (folder, sample.page or sample.source)
        pieces.setdefault(page, {})[folder, sample.source] = sample.text
    texts = whole + [" ".join(lines.values()) for lines in pieces.values()]
    return [text for text in dict.fromkeys(map(normalize, texts)) if text]


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
        own = estimate(texts, base.order if base is not None else ORDER)
        if base is None:
            return Learned(own, 1.0)
        share = min(MOST_SHARE, best_share(own, base, others))
        return Learned(mix(own, base, share), share) if share >= LEAST_SHARE else None
    except LanguageModelError:  # a few words, or a model that cannot be mixed
        return None
