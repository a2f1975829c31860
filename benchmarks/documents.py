"""Check the documents written for `dev` pages with other programs.

    python benchmarks/documents.py --data ../shared/data --schemas ../shared/schemas

Searchable PDF of 20 pages, half of CSAFE and half of Copiste: size, text as `pdftotext` gives it,
places of words, pixels, and `qpdf --check`; again as pages of a PDF that are turned, and with lines
that slope by a tenth. PAGE XML, ALTO and hOCR of 50 pages against their schemas and `hocr-check`.
`--results` keeps what was read, so that a second run need not read again. hOCR is checked where
`hocr-check` is installed. `--kraken` names the Python of an environment with kraken, whose parser
then reads PAGE XML and ALTO of the 50 pages.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Dict, Iterator, List, Sequence, Tuple

import numpy as np
import pikepdf
import pypdfium2
from lxml import etree
from PIL import Image

import htrlib
from htrlib.document.geometry import Box, Size
from htrlib.document.results import LineResult, PageResult
from htrlib.formats.json_format import from_json, to_json
from htrlib.formats.placed_words import placed_words
from htrlib.images.loading import load_image
from htrlib.metrics import character_error_rate

COLLECTIONS = {"csafe": "transcripts.json", "copiste": "pages.json", "testaments": "pages.json"}
SLOPE = 0.1
WORD = re.compile(r'<word xMin="(.*?)" yMin="(.*?)" xMax="(.*?)" yMax="(.*?)">')
HYPHEN = r"(?<=\w)[-\u2010\u00ac\u2e17\u00ad]$"
READ_BY_KRAKEN = """
import json, sys
from kraken.lib.xml import XMLPage
for name in sys.argv[1:]:
    print(json.dumps([[line.text, line.baseline] for line in XMLPage(name).to_container().lines]))
"""
SCHEMAS = {"page": "pagecontent-2019-07-15.xsd", "alto": "alto-4-4.xsd"}


@dataclass(frozen=True)
class Page:
    """A page and its result."""

    picture: Path
    result: PageResult


@dataclass(frozen=True)
class Found:
    """The findings of other programs in the PDF of a page.

    Attributes:
        growth: bytes added to the input.
        size: size of the file, as a fraction of the input's.
        texts: (ours, theirs) in the default mode of pdftotext, and with -raw.
        inside: number of words of pdftotext -bbox whose center lies in a word's box.
        words: number of words that it finds.
        clean: True if qpdf --check reports nothing.
    """

    growth: int
    size: float
    texts: Dict[str, Tuple[str, str]]
    inside: int
    words: int
    clean: bool


def dev_pictures(root: Path) -> Dict[str, List[Path]]:
    """The pictures of `dev` by collection."""
    found = {}
    for collection, file in COLLECTIONS.items():
        rows = json.loads((root / collection / file).read_text(encoding="utf-8"))
        names = [name for name, row in rows.items() if row["split"] == "dev"]
        found[collection] = [root / collection / "pages" / name for name in names]
    return found


def read(picture: Path, folder: Path) -> Page:
    """Read a picture, or load its result from the folder."""
    file = folder / f"{picture.stem}.json"
    if not file.exists():
        file.write_text(to_json(htrlib.transcribe(picture)), encoding="utf-8")
    (result,) = from_json(file.read_text(encoding="utf-8")).pages
    return Page(picture, result)


def program(*arguments: object) -> str:
    return subprocess.run(
        list(map(str, arguments)), capture_output=True, text=True, check=True
    ).stdout


def running(text: str) -> str:
    """Join lines; hyphens at their ends are removed in both texts, as pdftotext does."""
    return " ".join(re.sub(r"-\n", "", text).split())


def found_in(pdf: Path, page: Page, before: int, turn: int = 0) -> Found:
    """Check a PDF with other programs, given its input's size and its page's rotation."""
    texts = {
        mode: (running(page.result.text), running(program("pdftotext", *options, pdf, "-")))
        for mode, options in (("default", ()), ("raw", ("-raw",)))
    }
    places = program("pdftotext", "-bbox", pdf, "-")
    sides = re.search(r'<page width="(.*?)" height="(.*?)"', places)  # as if it were not turned
    scale = page.result.size.width / float(sides[1 + (turn % 180 > 0)]) if sides else 1.0
    boxes = [w.box for line in page.result.lines for w in placed_words(line, page.result.size)]
    middles = [
        (scale * (float(a) + float(c)) / 2, scale * (float(b) + float(d)) / 2)
        for a, b, c, d in WORD.findall(places)
    ]
    inside = sum(
        any(b.left <= x <= b.right and b.top <= y <= b.bottom for b in boxes) for x, y in middles
    )
    checked = subprocess.run(["qpdf", "--check", str(pdf)], capture_output=True)
    after = pdf.stat().st_size
    clean = checked.returncode == 0 and not checked.stderr
    return Found(after - before, after / before, texts, inside, len(middles), clean)


def turned_pdf(page: Page, turn: int, path: Path) -> Path:
    """Make a PDF that shows a page upright by rotating its content clockwise."""
    sideways = path.with_suffix(".png")
    Image.fromarray(np.rot90(load_image(page.picture), turn // 90)).save(sideways)
    height, width = load_image(sideways).shape
    htrlib.save(PageResult(Size(width, height)), path, source=sideways)
    with pikepdf.open(path, allow_overwriting_input=True) as document:
        document.pages[0].obj.Rotate = turn
        document.save(path)
    return path


def sloping(page: Page) -> Page:
    """Return the page with sloping lines and the same picture."""

    def moved(box: Box) -> Box:
        rise = SLOPE * box.width / 2
        low = SLOPE * (box.center[0] - page.result.size.width / 2)
        return Box(box.left, box.top + low - rise, box.right, box.bottom + low + rise)

    def changed(line: LineResult) -> LineResult:
        words = tuple(
            replace(word, box=None if word.box is None else moved(word.box))
            for word in line.transcription.words
        )
        middle = page.result.size.width / 2
        baseline = tuple((x, y + SLOPE * (x - middle)) for x, y in line.line.baseline or ())
        place = replace(line.line, box=moved(line.line.box), baseline=baseline or None)
        return LineResult(place, replace(line.transcription, words=words))

    return replace(page, result=replace(page.result, lines=tuple(map(changed, page.result.lines))))


def searchable(pages: Sequence[Page], way: str, folder: Path) -> Iterator[Found]:
    """Make the PDF of each page in one way."""
    for page in pages:
        source, shown, turn = page.picture, page, 0
        if way == "sloping":
            shown = sloping(page)
        elif way != "as it is":
            turn = int(way.partition(" ")[2])
            source = turned_pdf(page, turn, folder / "in.pdf")
        pdf = folder / "out.pdf"
        htrlib.save(shown.result, pdf, source=source)
        yield found_in(pdf, shown, source.stat().st_size, turn)


def print_searchable(name: str, pages: Sequence[Page], way: str, folder: Path) -> None:
    found = list(searchable(pages, way, folder))
    rates = [
        character_error_rate([page.texts[mode] for page in found]) for mode in ("default", "raw")
    ]
    words = sum(page.words for page in found)
    inside = 100 * sum(page.inside for page in found) / max(1, words)
    added = sum(page.growth for page in found) / len(found)
    sizes = sorted(page.size for page in found)
    clean = sum(page.clean for page in found)
    print(
        f"| {name}, {way} | {len(found)} | {added:.0f} | {sizes[0]:.3f} "
        f"{sizes[len(sizes) // 2]:.3f} {sizes[-1]:.3f} | {rates[0]:.4f} | {rates[1]:.4f} "
        f"| {inside:.2f} % of {words} | {clean} |"
    )


def greatest_difference(page: Page, folder: Path) -> int:
    """Return the greatest difference in pixels between a PDF, drawn by PDFium, and its picture."""
    pdf = folder / "out.pdf"
    htrlib.save(page.result, pdf, source=page.picture)
    picture = load_image(page.picture).astype(int)
    shown = pypdfium2.PdfDocument(pdf)[0]
    dots = Image.open(page.picture).info.get("dpi", (300, 300))[0]
    drawn = shown.render(scale=float(dots) / 72, grayscale=True).to_numpy()
    rows, columns = picture.shape
    return int(np.abs(drawn.reshape(drawn.shape[:2])[:rows, :columns] - picture).max())


def same_bytes(page: Page, folder: Path) -> bool:
    """Return whether the PDF contains the bytes of a JPEG file."""
    htrlib.save(page.result, folder / "out.pdf", source=page.picture)
    with pikepdf.open(folder / "out.pdf") as document:
        stream = document.pages[0].Resources.XObject.Picture
        return bytes(stream.read_raw_bytes()) == page.picture.read_bytes()


def schema(path: Path) -> etree.XMLSchema:
    """Load a schema, with xlink's from the same folder."""

    class Beside(etree.Resolver):
        def resolve(self, url: str, public: str, context: object) -> object:
            if url.endswith("xlink.xsd"):
                return self.resolve_filename(str(path.parent / "xlink.xsd"), context)
            return None

    parser = etree.XMLParser()
    parser.resolvers.add(Beside())
    return etree.XMLSchema(etree.parse(str(path), parser))


def print_valid(pages: Sequence[Page], schemas: Path, folder: Path) -> None:
    for format, file in SCHEMAS.items():
        wanted, path, valid = schema(schemas / file), folder / "out.xml", 0
        for page in pages:
            htrlib.save(page.result, path, format)
            valid += wanted.validate(etree.parse(str(path)))
        print(f"{format}: {valid} of {len(pages)} files follow {file}")
    if shutil.which("hocr-check") is None:
        print("hocr: not checked, hocr-check is not installed")
        return
    checks, clean = (("structure", "-o"), ("and overlap of lines", None)), []
    for page in pages:
        htrlib.save(page.result, folder / "out.hocr")
        for name, option in checks:
            command = ["hocr-check", str(folder / "out.hocr"), *([option] if option else [])]
            told = subprocess.run(command, capture_output=True, text=True)
            if told.returncode == 0 and "not ok" not in told.stdout + told.stderr:
                clean.append(name)
    for name, _ in checks:
        print(f"hocr: {clean.count(name)} of {len(pages)} files pass hocr-check: {name}")


def print_kraken(pages: Sequence[Page], python: Path, folder: Path) -> None:
    """Compare lines and baselines with those found by kraken's parser."""
    for format in SCHEMAS:
        files = [folder / f"{page.picture.stem}.{format}.xml" for page in pages]
        for page, file in zip(pages, files):
            shutil.copy(page.picture, folder)
            htrlib.save(page.result, file, format)
        told = program(python, "-c", READ_BY_KRAKEN, *files)
        same, lines, far = 0, 0, 0.0
        for page, row in zip(pages, told.splitlines()):
            read_back, ours = json.loads(row), page.result.lines
            # It leaves out what ALTO has in HYP.
            wanted = [re.sub(HYPHEN, "", x.text) if format == "alto" else x.text for x in ours]
            same += wanted == [text for text, _ in read_back]
            lines += len(read_back)
            for (_, points), line in zip(read_back, ours):
                apart = np.abs(np.subtract(points, line.line.baseline or points))
                far = max(far, float(apart.max(initial=0.0)))
        texts = f"the texts of {same} of {len(pages)} pages, {lines} lines"
        print(f"{format}: kraken finds {texts}; baselines differ by {far:.1f} pixels at most")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the collections")
    parser.add_argument("--schemas", type=Path, required=True, help="folder of the XML schemas")
    parser.add_argument("--kraken", type=Path, help="Python of an environment with kraken")
    parser.add_argument("--results", type=Path, help="keep what was read in this folder")
    arguments = parser.parse_args()
    pictures = dev_pictures(arguments.data)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        results = arguments.results or folder
        results.mkdir(parents=True, exist_ok=True)
        print("| pages | | bytes added | size, of the input's | CER | -raw | inside | clean |")
        print("|---|---|---|---|---|---|---|---|")
        jpegs = []
        for collection in ("csafe", "copiste"):
            pages = [read(picture, results) for picture in pictures[collection][:10]]
            jpegs += [page for page in pages if page.picture.suffix == ".jpg"]
            for way in ("as it is", "sloping", "turned 90", "turned 180", "turned 270"):
                print_searchable(collection, pages, way, folder)
        kept = sum(same_bytes(page, folder) for page in jpegs)
        most = max(greatest_difference(page, folder) for page in jpegs)
        print(f"JPEG: {kept} of {len(jpegs)} kept byte by byte; pixels differ by {most} at most")
        chosen = [*pictures["csafe"], *pictures["copiste"], *pictures["testaments"]][:50]
        read_pages = [read(picture, results) for picture in chosen]
        print_valid(read_pages, arguments.schemas, folder)
        if arguments.kraken is not None:
            print_kraken(read_pages, arguments.kraken, folder)


if __name__ == "__main__":
    main()
