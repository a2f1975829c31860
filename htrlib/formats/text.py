"""Plain text and Markdown: one row per written line, or paragraphs of running text."""

from __future__ import annotations

import re
import statistics
from typing import BinaryIO, List

from htrlib.document.results import PageResult, TextLine
from htrlib.formats.saving import Result, WriteOptions

_HYPHENATED = re.compile(r"\w[-\u2010\u00ac\u2e17\u00ad]$")
_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~&])")
_OPENING = re.compile(r"^(\d+)([.)])|^([-+=])")  # lists, rules, and underlined headings

_PARAGRAPH_GAP = 1.5  # of the usual distance between two lines


def to_text(result: Result, *, flow: bool = False) -> str:
    """The rows of a result, each with its line end; a form feed starts each further page.

    Args:
        result: one page or several.
        flow: join the lines of a paragraph to one row, and undo hyphens at their ends.
    """
    if flow:
        return "\f".join("".join(f"{text}\n" for text in paragraphs(p)) for p in result.pages)
    return "\f".join("".join(f"{line.text}\n" for line in page.lines) for page in result.pages)


def to_markdown(result: Result, *, flow: bool = False) -> str:
    """The text of a result in Markdown; a rule stands between two pages."""
    pages = []
    for page in result.pages:
        if flow:
            pages.append("\n\n".join(map(_escaped, paragraphs(page))))
        else:
            pages.append("  \n".join(_escaped(line.text) for line in page.lines))
    return "\n\n---\n\n".join(pages) + "\n"


def write(result: Result, file: BinaryIO, options: WriteOptions) -> None:
    """Write plain text."""
    file.write(to_text(result, flow=options.flow).encode("utf-8", "backslashreplace"))


def write_markdown(result: Result, file: BinaryIO, options: WriteOptions) -> None:
    """Write Markdown."""
    file.write(to_markdown(result, flow=options.flow).encode("utf-8", "backslashreplace"))


def _quarter_turns(line: TextLine) -> int:
    """Return the counterclockwise turns by 90 degrees that set a line upright."""
    return 2 if line.is_upside_down else line.quarter_turns


def paragraphs(page: PageResult) -> List[str]:
    """The lines of each paragraph joined; a wider space between lines parts two paragraphs."""
    turns = [_quarter_turns(line.line) for line in page.lines]
    tops = [line.line.box.turned(turn).center[1] for line, turn in zip(page.lines, turns)]
    steps = [after - before for before, after in zip(tops, tops[1:])]
    down = [
        step for step, turn, other in zip(steps, turns, turns[1:]) if step > 0 and turn == other
    ]
    usual = statistics.median_low(down) if down else 0.0
    joined: List[str] = []
    for index, line in enumerate(page.lines):
        is_new = (
            index == 0
            or turns[index] != turns[index - 1]
            or not 0 <= steps[index - 1] <= _PARAGRAPH_GAP * usual
        )
        if is_new:
            joined.append(line.text)
        else:
            joined[-1] = _joined(joined[-1], line.text)
    return [text for text in joined if text]


def _joined(first: str, second: str) -> str:
    """Two lines as running text: a word that was divided is one word again."""
    if _HYPHENATED.search(first) and second[:1].islower():
        return first[:-1] + second
    return f"{first} {second}".strip()


def _escaped(text: str) -> str:
    escaped = _MARKUP.sub(r"\\\1", text)
    return _OPENING.sub(lambda m: f"{m[1]}\\{m[2]}" if m[1] else f"\\{m[3]}", escaped)
