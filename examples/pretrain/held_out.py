"""What no network trains on: it serves choosing and tests."""

from __future__ import annotations

from pathlib import Path
from typing import Tuple

from texts import CHARACTERS

from htrlib.synthesis.handwriting import HandwritingFont, load_fonts

HELD_OUT_FONTS = (
    *("beth-ellen", "covered-by-your-grace", "give-you-glory", "homemade-apple", "kristi"),
    *("marck-script", "nothing-you-could-do", "reenie-beanie", "shadows-into-light"),
    *("waiting-for-the-sunrise", "pinyon-script", "mr-de-haviland", "allison", "bilbo"),
    "meie-script",
    # print
    *("im-fell-great-primer", "libre-baskerville", "gfs-didot", "GFSDidot", "URWBookman"),
    "league-gothic",
    # typewriters
    *("courier-prime", "cutive-mono"),
)
HELD_OUT_TEXTS = ("alice", "katrine")


def held_out(path: Path) -> bool:
    """Whether a font is kept for validation and tests."""
    return any(path.name.startswith(name) for name in HELD_OUT_FONTS)


def fonts_below(folder: Path, *, kept: bool = False) -> Tuple[HandwritingFont, ...]:
    """Load the fonts below a folder that serve training, or those `kept` for validation."""
    fonts = load_fonts(folder, [c for c in CHARACTERS if c != " "])
    return tuple(font for font in fonts if held_out(font.path) == kept)
