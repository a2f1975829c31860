"""htrlib's own formats; their writers are imported on first use."""

from __future__ import annotations

from htrlib.formats.saving import Format, deferred

TEXT = Format("text", (".txt",), "text/plain", deferred("htrlib.formats.text:write"))
JSON = Format("json", (".json",), "application/json", deferred("htrlib.formats.json_format:write"))
PAGE = Format(
    "page",
    (".page.xml",),
    "application/vnd.prima.page+xml",
    deferred("htrlib.formats.page_xml_writing:write"),
    one_page=True,
)
ALTO = Format(
    "alto",
    (".alto.xml", ".alto"),
    "application/alto+xml",
    deferred("htrlib.formats.alto_writing:write"),
    one_page=True,
)
HOCR = Format(
    "hocr",
    (".hocr", ".hocr.html"),
    "text/vnd.hocr+html",
    deferred("htrlib.formats.hocr_writing:write"),
)
PDF = Format(
    "pdf",
    (".pdf",),
    "application/pdf",
    deferred("htrlib.formats.searchable_pdf:write"),
    needs_picture=True,
)
TSV = Format("tsv", (".tsv",), "text/tab-separated-values", deferred("htrlib.formats.tsv:write"))
MARKDOWN = Format(
    "markdown", (".md",), "text/markdown", deferred("htrlib.formats.text:write_markdown")
)
OVERLAY = Format(
    "overlay",
    (".overlay.png",),
    "image/png",
    deferred("htrlib.formats.overlay:write"),
    needs_picture=True,
    one_page=True,
)
