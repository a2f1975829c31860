"""Pages as pictures that browsers show."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageOps

from htrlib.errors import ImageError
from htrlib.images.loading import image_size, load_image

LARGEST = 3200  # pixels of the longer side
_QUALITY = 85


def jpeg(path: Path, largest: int = LARGEST) -> bytes:
    """The upright page as a JPEG in color, made smaller where its longer side is longer than that.

    Raises:
        ImageError: the file cannot be read.
    """
    image_size(path)  # refuses what is no picture, or too large a one, before it is decoded
    try:
        with Image.open(path) as opened:
            opened.draft("RGB", (largest, largest))
            picture = ImageOps.exif_transpose(opened)
            if picture.mode not in ("RGB", "L"):
                picture = Image.fromarray(load_image(path))
    except (OSError, ValueError, SyntaxError) as error:
        raise ImageError(f"{path.name}: {error}") from error
    picture.thumbnail((largest, largest), Image.Resampling.BILINEAR, reducing_gap=2.0)
    target = io.BytesIO()
    picture.save(target, "JPEG", quality=_QUALITY)
    return target.getvalue()
