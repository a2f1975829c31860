from __future__ import annotations

import os
import pickle
import threading
from functools import partial
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
import pytest
from PIL import Image

import htrlib
from htrlib.document.charset import Charset
from htrlib.document.geometry import Box, Size
from htrlib.document.results import DocumentResult, LogProbs, PageResult, TextLine, Transcription
from htrlib.errors import BundleNotFoundError, ConfigError, ImageError
from htrlib.reading import pipeline
from htrlib.reading.pipeline import Pipeline, transcribe
from htrlib.reading.warnings import NOTHING_FOUND
from htrlib.stages import decoding, lines, paragraph, recognition

PAGE = np.full((60, 100), 255, dtype=np.uint8)
PARAGRAPH = Box(10, 10, 90, 50)
LINES = (TextLine(Box(10, 10, 90, 30)), TextLine(Box(10, 30, 90, 50)))
CHARSET = Charset.from_text("ab")


def detect(page: Any) -> Optional[Box]:
    return PARAGRAPH


def segment(page: Any, box: Box) -> Tuple[TextLine, ...]:
    assert box is PARAGRAPH
    return LINES


def recognize(page: Any, line: TextLine) -> LogProbs:
    label = LINES.index(line)
    return LogProbs(np.log(np.eye(3, dtype=np.float32)[[label]] + 1e-9), CHARSET)


def recognize_all(page: Any, found: Sequence[TextLine]) -> Tuple[LogProbs, ...]:
    return tuple(recognize(page, line) for line in found)


def recognize_each(pages: Any, found: Any) -> List[Tuple[LogProbs, ...]]:
    return list(map(recognize_all, pages, found))


def read(log_probs: LogProbs) -> Transcription:
    return Transcription(CHARSET.decode([int(log_probs.values[0].argmax())]), 0.0, 1.0)


STAGES: Dict[str, Any] = {
    "detect_paragraph": detect,
    "segment_lines": segment,
    "recognize_line": recognize,
    "decode": read,
}


def test_the_stages_run_in_a_row() -> None:
    result = Pipeline(**STAGES).transcribe(PAGE)
    assert isinstance(result, PageResult)
    assert result.text == "a\nb"
    assert result.size == Size(100, 60)
    assert result.paragraph == PARAGRAPH
    assert tuple(line.line.box for line in result.lines) == tuple(line.box for line in LINES)
    assert [line.id for line in result.lines] == ["line-1", "line-2"]
    assert (result.bundle, result.source) == (None, None)


def test_lines_can_be_recognized_at_once() -> None:
    assert Pipeline(detect, segment, None, recognize_all, read).transcribe(PAGE).text == "a\nb"


def test_recognizing_in_two_ways_is_refused() -> None:
    with pytest.raises(ConfigError, match="one of them"):
        Pipeline(recognize_line=recognize, recognize_lines=recognize_all)


def test_too_few_log_probs_are_not_taken_for_fewer_lines() -> None:
    pipeline = Pipeline(detect, segment, None, lambda page, found: (), read)
    with pytest.raises(ConfigError, match="2 lines"):
        pipeline.transcribe(PAGE)


def test_no_handwriting_is_a_page_without_lines() -> None:
    result = Pipeline(lambda page: None, segment, recognize, None, read).transcribe(PAGE)
    assert (result.size, result.paragraph, result.lines) == (Size(100, 60), None, ())
    assert NOTHING_FOUND in result.warnings
    assert result.text == ""


def test_a_paragraph_without_lines_is_a_page_without_lines() -> None:
    result = Pipeline(detect, lambda page, box: (), recognize, None, read).transcribe(PAGE)
    assert (result.size, result.paragraph, result.lines) == (Size(100, 60), PARAGRAPH, ())
    assert NOTHING_FOUND in result.warnings


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ({"segment_lines": lambda page, box: ["a line"]}, "must return TextLines, found 'a line'"),
        ({"segment_lines": lambda page, box: None}, "must return a sequence of TextLines"),
        ({"detect_paragraph": lambda page: (0, 0, 9, 9)}, r"must return a Box or None, found \(0"),
        ({"recognize_line": lambda page, line: np.zeros((3, 3))}, "must return LogProbs, found"),
        ({"recognize_line": lambda page, line: None}, "must return LogProbs, found None"),
        ({"decode": lambda log_probs: "text"}, "decode must return Transcription, found 'text'"),
    ],
)
def test_what_a_stage_gives_is_checked_at_once(stages: Dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Pipeline(**{**STAGES, **stages}).transcribe(PAGE)


@pytest.mark.parametrize("replaced", STAGES)
def test_each_stage_can_be_replaced_beside_the_others(
    replaced: str, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replaces the built-in stages, which receive bundle and device by name."""
    seen: List[Tuple[Any, Any]] = []

    def built_in(
        stage: Any, *given: Any, bundle: Any, device: Any = "left out", **options: Any
    ) -> Any:
        seen.append((bundle.name, device))
        return stage(*given)

    monkeypatch.setattr(paragraph, "detect_paragraph", partial(built_in, detect))
    monkeypatch.setattr(lines, "segment_lines", partial(built_in, segment))
    monkeypatch.setattr(recognition, "recognize_pages", partial(built_in, recognize_each))
    monkeypatch.setattr(recognition, "recognize_lines", partial(built_in, recognize_all))
    monkeypatch.setattr(decoding, "decode", partial(built_in, read))
    mine: List[str] = []

    def own(*given: Any) -> Any:
        mine.append(replaced)
        return STAGES[replaced](*given)

    pipeline = Pipeline(**{replaced: own}, bundle=tiny_bundle, device="cpu")
    result = pipeline.transcribe_page(PAGE)
    assert result.text == "a\nb"
    assert result.bundle == "tiny 7"
    assert set(mine) == {replaced}
    assert ("tiny", "left out") in seen or replaced == "decode"
    assert ("tiny", "cpu") in seen


def test_a_pipeline_of_replaced_stages_needs_no_bundle() -> None:
    assert Pipeline(**STAGES, bundle="klingon").transcribe_page(PAGE).bundle is None


def test_a_bundle_that_is_not_there_is_found_at_once() -> None:
    with pytest.raises(BundleNotFoundError, match="klingon"):
        Pipeline(bundle="klingon")


def test_a_file_gives_its_name_to_the_result(tmp_path: Path) -> None:
    file = tmp_path / "lettre à moi.png"
    Image.fromarray(PAGE).save(file)
    result = Pipeline(**STAGES).transcribe(file)
    assert isinstance(result, PageResult)
    assert result.source == str(file)


def test_a_file_of_several_pages_is_a_document(tmp_path: Path) -> None:
    file = tmp_path / "letters.tif"
    first, *rest = (Image.fromarray(PAGE[:height]) for height in (60, 50, 40))
    first.save(file, save_all=True, append_images=rest)
    result = Pipeline(**STAGES).transcribe(str(file))
    assert isinstance(result, DocumentResult)
    assert [page.size.height for page in result.pages] == [60, 50, 40]
    assert result.source == str(file)
    assert DocumentResult.from_dict(result.to_dict()) == result


def test_a_long_document_gives_memory_back_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: List[int] = []
    monkeypatch.setattr(pipeline, "return_free_memory", lambda: given.append(1))
    sheets = [Image.fromarray(PAGE)] * 60
    sheets[0].save(tmp_path / "a.tif", save_all=True, append_images=sheets[1:])
    Pipeline(**STAGES).transcribe(tmp_path / "a.tif")
    assert len(given) == 60 // pipeline._PAGES_PER_TRIM


@pytest.mark.parametrize(
    "array", [np.zeros((0, 5), np.uint8), np.zeros((5, 5, 3), np.uint8), np.zeros((5, 5))]
)
def test_an_array_that_is_no_page_is_an_image_error(array: Any) -> None:
    with pytest.raises(ImageError):
        Pipeline(**STAGES).transcribe(array)


def test_a_pipeline_travels_to_another_process() -> None:
    copy = pickle.loads(pickle.dumps(Pipeline(**STAGES)))  # noqa: S301
    assert copy.transcribe(PAGE).text == "a\nb"


@pytest.fixture
def written_page(default_bundle: str) -> Any:
    """A page that the default bundle reads."""
    samples = sorted(Path(__file__).parents[2].joinpath("examples", "data").glob("*.png"))
    if not samples:
        pytest.skip("examples/data has no sample page yet")
    return htrlib.load_image(samples[0])


def test_transcribe_is_the_four_calls(written_page: Any) -> None:
    box = htrlib.detect_paragraph(written_page)
    assert box is not None
    found = htrlib.segment_lines(written_page, box)
    texts = [htrlib.decode(htrlib.recognize_line(written_page, line)).text for line in found]
    assert transcribe(written_page, kinds="handwritten").text == "\n".join(texts)
    assert texts


@pytest.mark.slow
def test_eight_threads_read_what_one_reads(written_page: Any) -> None:
    expected = transcribe(written_page)
    results: List[Any] = []
    threads = [
        threading.Thread(target=lambda: results.append(transcribe(written_page))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 8


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_reads_what_its_parent_reads(written_page: Any) -> None:
    expected = transcribe(written_page).text
    pid = os.fork()
    if pid == 0:
        os._exit(0 if transcribe(written_page).text == expected else 1)
    assert os.waitpid(pid, 0)[1] == 0


def test_a_blank_page_has_no_lines(default_bundle: str) -> None:
    result = transcribe(np.full((800, 600), 255, dtype=np.uint8))
    assert isinstance(result, PageResult)
    assert (result.paragraph, result.lines) == (None, ())
