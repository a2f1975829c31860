"""What no network trains on: it serves choosing and tests."""

from __future__ import annotations

from pathlib import Path

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
