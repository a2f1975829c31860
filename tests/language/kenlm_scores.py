"""Print kenlm's scores of a few texts, given one of our models, as JSON.

`tests/language/ishmael.json` holds the output, so that tests need no kenlm. To make it anew:

    pip install kenlm
    python tests/language/kenlm_scores.py tests/language/ishmael.arpa > tests/language/ishmael.json
"""

import json
import sys

TEXTS = ["Some way ago", "call me never", "I have a Zebra, é"]

if __name__ == "__main__":
    import kenlm

    model = kenlm.LanguageModel(sys.argv[1])
    scores = {}
    for text in TEXTS:
        tokens = " ".join("<space>" if symbol == " " else symbol for symbol in text)
        scores[text] = [round(score, 4) for score, _, _ in model.full_scores(tokens)]
    print(json.dumps(scores, ensure_ascii=False, indent=1))  # noqa: T201
