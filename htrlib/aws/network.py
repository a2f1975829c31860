"""The network that jobs and endpoints run in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple

from htrlib.errors import ConfigError


@dataclass(frozen=True)
class Vpc:
    """Your own network, which must have access to S3, ECR and CloudWatch Logs.

    Raises:
        ConfigError: the subnets or the security groups are missing.
    """

    subnets: Tuple[str, ...]
    security_groups: Tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.subnets or not self.security_groups:
            raise ConfigError("a network has at least one subnet and one security group")


def vpc_request(vpc: Optional[Vpc]) -> Dict[str, Any]:
    """Return the network part of a request; empty for SageMaker's own network."""
    if vpc is None:
        return {}
    return {
        "VpcConfig": {
            "Subnets": list(vpc.subnets),
            "SecurityGroupIds": list(vpc.security_groups),
        }
    }
