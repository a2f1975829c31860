"""Tags, which the bill is split by."""

from __future__ import annotations

from typing import Dict, List, Mapping


def tag_list(tags: Mapping[str, str]) -> List[Dict[str, str]]:
    """Tags in the form that AWS takes.

    >>> tag_list({"htrlib": "hands"})
    [{'Key': 'htrlib', 'Value': 'hands'}]
    """
    return [{"Key": key, "Value": value} for key, value in tags.items()]
