"""Mix a model of the training texts into the language model of the initial bundle."""

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
LEAST_SHARE = 0.02  # minimum weight of the texts' model; a smaller one has no effect
MOST_SHARE = 0.9  # maximum weight of it: other pages have other texts


class Learned(NamedTuple):
    """A language model, and the weight of the new texts in it."""

    model: NGramModel
    share: float


def running_texts(dataset: Dataset) -> List[str]:
    """Return the running text of each page, and of lines cut from one page, without duplicates.

    Data sets given several times for more weight contribute their texts once.
    """
    whole: List[str] = []
    pieces: Dict[Tuple[str, str], Dict[Tuple[str, str], str]] = {}
    for sample in dataset:
        if isinstance(sample, PageSample):
            whole.append(" ".join(line.text for line in sample.lines if line.text))
            continue
        # Different data sets may use the same names; their folders tell them apart.
        folder = str(sample.image.parent) if isinstance(sample.image, Path) else ""
        page = (folder, sample.page or sample.source)
        pieces.setdefault(page, {})[folder, sample.source] = sample.text
    texts = whole + [" ".join(lines.values()) for lines in pieces.values()]
    return [text for text in dict.fromkeys(map(normalize, texts)) if text]


def learn_language(
    texts: Sequence[str], others: Sequence[str], base: Optional[NGramModel]
) -> Optional[Learned]:
    """Mix a model of the training texts into a language model.

    Args:
        texts: texts of the training data.
        others: texts of the validation data, which determine the weights of both models.
        base: model of the initial bundle.
    Returns:
        The mixed model, or None if the texts are too few, or too different from the validation
        texts, to help.
    """
    try:
        own = estimate(texts, base.order if base is not None else ORDER)
        if base is None:
            return Learned(own, 1.0)
        share = min(MOST_SHARE, best_share(own, base, others))
        return Learned(mix(own, base, share), share) if share >= LEAST_SHARE else None
    except LanguageModelError:  # too little text, or a model that cannot be mixed
        return None
