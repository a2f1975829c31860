from __future__ import annotations

import struct

from htrlib.training.events import EventFile, crc32c


def records(content):
    """Return the records of a file, after checking their checksums."""
    while content:
        length = content[:8]
        size = struct.unpack("<Q", length)[0]
        data = content[12 : 12 + size]
        for part, at in ((length, 8), (data, 12 + size)):
            (masked,) = struct.unpack("<I", content[at : at + 4])
            turned = (masked - 0xA282EAD8) & 0xFFFFFFFF
            assert ((turned >> 17) | (turned << 15)) & 0xFFFFFFFF == crc32c(part)
        yield data
        content = content[16 + size :]


def test_scalars_stand_in_records_with_checksums(tmp_path):
    events = EventFile(tmp_path)
    events.scalars(300, {"loss": 0.5})
    events.close()
    (path,) = tmp_path.iterdir()
    first, second = records(path.read_bytes())
    assert first.endswith(b"brain.Event:2")
    assert b"\x10\xac\x02" in second  # step 300
    assert second.endswith(b"\x0a\x04loss\x15" + struct.pack("<f", 0.5))
