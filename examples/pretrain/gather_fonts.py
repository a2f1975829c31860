"""Collect the fonts of `fonts.tsv` in folders `hand`, `print` and `type`.

    cut -f3 fonts.tsv | grep '^fonts-' | sort -u | xargs apt-get install -y
    (cd tarballs && cut -f3 ../fonts.tsv | grep '^@' | sort -u | xargs npm pack)
    python gather_fonts.py --tarballs tarballs --out runs/fonts

The fonts of Debian's packages are looked for where these put them.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tarfile
from pathlib import Path
from typing import Dict, Iterator, List, Sequence, Tuple

TABLE = Path(__file__).with_name("fonts.tsv")
INSTALLED = tuple(Path("/usr/share", name) for name in ("fonts", "texmf", "texlive"))


def wanted(table: Path = TABLE) -> Iterator[Tuple[str, str]]:
    """Return the kind and file name of each font."""
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            for name in row["files"].split():
                yield row["kind"], name


def available(tarballs: Path, installed: Sequence[Path] = INSTALLED) -> Dict[str, bytes]:
    """Return the content of packed and installed fonts by file name."""
    names = {name for _, name in wanted()}
    roots = [root for root in installed if root.is_dir()]
    found = {
        path.name: path.read_bytes()
        for root in roots
        for path in sorted(root.rglob("*.[ot]tf"))
        if path.name in names
    }
    for path in sorted(tarballs.glob("*.tgz")):
        with tarfile.open(path) as tarball:
            for member in tarball.getmembers():
                name = Path(member.name).name
                file = tarball.extractfile(member) if name in names else None
                if file is not None:
                    found[name] = file.read()
    return found


def main(arguments: Sequence[str] = ()) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tarballs", type=Path, required=True, help="folder of what npm packed")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(arguments or None)
    contents = available(args.tarballs)
    missing: List[str] = []
    for kind, name in wanted():
        if name not in contents:
            missing.append(name)
            continue
        (args.out / kind).mkdir(parents=True, exist_ok=True)
        (args.out / kind / name).write_bytes(contents[name])
    if missing:
        print(f"not found: {' '.join(missing)}", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
