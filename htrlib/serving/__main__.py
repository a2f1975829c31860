"""`python -m htrlib.serving`: start the server as SageMaker does, configured by the environment."""

from __future__ import annotations

import os
import sys

from htrlib.errors import HtrError
from htrlib.serving.config import configure
from htrlib.serving.server import serve


def main() -> int:
    """Serve on all addresses; return the exit status."""
    if len(sys.argv) > 1:
        found = " ".join(sys.argv[1:])
        sys.stderr.write(f"htrlib: the environment configures this server; found {found!r}\n")
        return 2
    try:
        return serve(configure(os.environ, host="0.0.0.0"))
    except (HtrError, OSError) as error:
        sys.stderr.write(f"htrlib: {' '.join(str(error).split())}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
