"""Evaluate a bundle on labeled data: error rates with intervals, confusions, worst lines.

>>> from htrlib import data, evaluation
>>> dataset = data.load("page_xml", "export/")                    # doctest: +SKIP
>>> result = evaluation.evaluate_pages(dataset)                   # doctest: +SKIP
>>> print(evaluation.to_text(result))                             # doctest: +SKIP
"""

from htrlib.evaluation.inspection import draw_lines, draw_page
from htrlib.evaluation.measuring import (
    Evaluation,
    Layout,
    LineReading,
    evaluate_lines,
    evaluate_pages,
)
from htrlib.evaluation.page_readings import (
    Decoders,
    PageReading,
    bundle_decoders,
    outlined,
    read_lines,
    read_page,
)
from htrlib.evaluation.report import to_dict, to_text
from htrlib.evaluation.scores import Rate, TextErrors
from htrlib.evaluation.worst_lines import worst_lines, write_worst_lines

__all__ = [
    "Decoders",
    "Evaluation",
    "Layout",
    "LineReading",
    "PageReading",
    "Rate",
    "TextErrors",
    "bundle_decoders",
    "draw_lines",
    "draw_page",
    "evaluate_lines",
    "evaluate_pages",
    "outlined",
    "read_lines",
    "read_page",
    "to_dict",
    "to_text",
    "worst_lines",
    "write_worst_lines",
]
