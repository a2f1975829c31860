"""What the compiled part takes and gives; arrays and their types are listed in `_compiled.c`."""

from typing import Any, Optional, Tuple

def search(
    starts: Any,
    labels: Any,
    probabilities: Any,
    blanks: Any,
    classes: int,
    beam_width: int,
    margin: float,
    highest: float,
    log_scale: float,
    scorer: Optional[Tuple[Any, ...]],
) -> Tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes, float]: ...
def best_states(emissions: Any, may_skip: Any) -> Optional[bytes]: ...
def text_scores(levels: Tuple[Any, ...], symbols: Any, skip: int) -> bytes: ...
