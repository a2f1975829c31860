"""Write an HTML page of the lines with the highest error rates."""

from __future__ import annotations

import base64
import io
from html import escape
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple, Union

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from htrlib.evaluation.inspection import line_picture
from htrlib.evaluation.measuring import Evaluation, LineReading
from htrlib.evaluation.text_alignment import Piece, differences
from htrlib.metrics import ErrorRate

WORST = 50
_LARGEST = (1200, 240)  # maximum width and height of a picture in pixels

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 78rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0; }
header { margin-bottom: 2rem; }
section { border-top: 1px solid #8885; padding: 1rem 0; }
h2 { font-size: .85rem; font-weight: 400; margin: 0 0 .5rem; color: GrayText; }
h2 b { color: CanvasText; font-size: 1rem; margin-right: .6em; }
img { display: block; max-width: 100%; background: #fff; border: 1px solid #8884; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .6rem 0 0; }
dt { color: GrayText; font-size: .85rem; line-height: 1.9rem; }
dd { margin: 0; font: 1.05rem/1.9rem Georgia, serif; }
dd { white-space: pre-wrap; overflow-wrap: anywhere; }
del, ins { text-decoration: none; border-radius: 2px; padding: .1em 0; }
del { background: #2a7fff38; box-shadow: 0 2px #2a7fff; }
ins { background: #ff4a2a38; box-shadow: 0 2px #ff4a2a; }
"""


def worst_lines(
    evaluation: Evaluation, decoder: Optional[str] = None, count: int = WORST
) -> Tuple[Tuple[float, LineReading], ...]:
    """Return (character error rate, line), the highest rate first, then the longer line.

    Args:
        evaluation: evaluation of lines or pages.
        decoder: name of one of its decoders; by default the last.
        count: maximum number of lines; lines without errors are left out.
    """
    name = decoder or list(evaluation.rates)[-1]
    rated: List[Tuple[float, LineReading]] = []
    for line in evaluation.lines:
        rate = ErrorRate()
        rate.add(line.reference, line.texts[name])
        if rate.edits:
            rated.append((rate.rate, line))
    rated.sort(key=lambda pair: (-pair[0], -len(pair[1].reference), pair[1].source))
    return tuple(rated[:count])


def write_worst_lines(
    path: Union[str, Path],
    evaluation: Evaluation,
    *,
    decoder: Optional[str] = None,
    count: int = WORST,
) -> None:
    """Write the worst lines as a self-contained HTML file with their pictures.

    Args:
        path: path of the file.
        evaluation, decoder, count: see `worst_lines`.
    Raises:
        ImageError: a picture can no longer be read.
        OSError: the file cannot be written.
    """
    name = decoder or list(evaluation.rates)[-1]
    worst = worst_lines(evaluation, name, count)
    pictures = _pictures([line for _, line in worst])
    sections = [
        _section(rate, line, name, picture) for (rate, line), picture in zip(worst, pictures)
    ]
    Path(path).write_text(
        _page(evaluation, name, sections), encoding="utf-8", errors="xmlcharrefreplace"
    )


def _page(evaluation: Evaluation, decoder: str, sections: Sequence[str]) -> str:
    wrong = len(evaluation.lines) - sum(
        line.reference == line.texts[decoder] for line in evaluation.lines
    )
    facts = [
        evaluation.bundle or "",
        decoder,
        f"CER {evaluation.rates[decoder]['cer']}",
        f"{wrong} of {len(evaluation.lines)} lines with errors",
    ]
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Worst lines</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<h1>The {len(sections)} worst lines</h1>
<p>{escape(" · ".join(fact for fact in facts if fact))}<br>
<del>What was not read</del> as it is, and <ins>what was read</ins> in its place.</p>
</header>
{"".join(sections)}</body>
</html>
"""


def _section(rate: float, line: LineReading, decoder: str, picture: Optional[str]) -> str:
    expected, found = differences(line.reference, line.texts[decoder])
    image = "<p>no picture: the line's place is not known</p>"
    if picture is not None:
        image = f'<img src="data:image/png;base64,{picture}" alt="{escape(line.reference)}">'
    return f"""<section>
<h2><b>CER {rate:.2f}</b>{escape(line.source)}</h2>
{image}
<dl>
<dt>reference</dt><dd>{_marked(expected, "del")}</dd>
<dt>read</dt><dd>{_marked(found, "ins")}</dd>
</dl>
</section>
"""


def _marked(pieces: Sequence[Piece], tag: str) -> str:
    return "".join(
        f"<{tag}>{escape(text)}</{tag}>" if differs else escape(text) for text, differs in pieces
    )


def _pictures(lines: Sequence[LineReading]) -> List[Optional[str]]:
    """Return each line as PNG in base64; lines of one page load it once."""
    found: Dict[int, str] = {}
    samples = [(i, line.sample) for i, line in enumerate(lines) if line.sample is not None]
    last: Tuple[object, Optional[NDArray[np.uint8]]] = (None, None)
    for index, sample in sorted(samples, key=lambda pair: pair[1].source):
        image = last[1]
        if image is None or last[0] != sample.image:
            image = sample.load_image()
        last = (sample.image, image)
        found[index] = _png(line_picture(image, sample))
    return [found.get(index) for index in range(len(lines))]


def _png(image: NDArray[np.uint8]) -> str:
    picture = Image.fromarray(np.ascontiguousarray(image))
    picture.thumbnail(_LARGEST, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
