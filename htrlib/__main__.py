"""`python -m htrlib` is `htr`."""

from __future__ import annotations

import sys

from htrlib.cli.main import main

sys.exit(main())
