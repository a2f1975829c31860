"""Rollouts: how a running endpoint switches to a new model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple

from htrlib.errors import ConfigError

KINDS = ("all-at-once", "canary", "linear", "rolling")

_PERCENT = {"canary": (1, 50), "linear": (10, 50), "rolling": (5, 50)}
"""Smallest and largest percentage of machines per step that SageMaker accepts."""

_STEPS = {"all-at-once": "ALL_AT_ONCE", "canary": "CANARY", "linear": "LINEAR"}
_LONGEST_WAIT = 3600


@dataclass(frozen=True)
class Rollout:
    """Settings for switching to a new model.

    Attributes:
        kind: "all-at-once", "canary" (first a part, then the rest) and "linear" (part by part) set
            up new machines beside the old; "rolling" replaces them part by part.
        percent: percentage of machines in a part.
        wait_seconds: seconds between parts, and before old machines are removed.
        alarms: CloudWatch alarms; if one goes off, the old model is restored.
    Raises:
        ConfigError: SageMaker does not support such a rollout.
    """

    kind: str = "all-at-once"
    percent: int = 20
    wait_seconds: int = 300
    alarms: Tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"kind must be one of {', '.join(KINDS)}; found {self.kind!r}")
        least, most = _PERCENT.get(self.kind, (1, 100))
        if not least <= self.percent <= most:
            raise ConfigError(
                f"a {self.kind} rollout needs parts of {least} to {most} percent, found "
                f"{self.percent}"
            )
        if not 0 <= self.wait_seconds <= _LONGEST_WAIT:
            raise ConfigError(
                f"a rollout can wait 0 to {_LONGEST_WAIT} seconds, found {self.wait_seconds}"
            )

    def check_machines(self, count: Optional[int]) -> None:
        """Check that the endpoint's machines can be divided into parts.

        Args:
            count: number of its machines; None if unknown.
        Raises:
            ConfigError: it has only one machine.
        """
        if self.kind != "all-at-once" and count is not None and count < 2:
            raise ConfigError(
                f"a {self.kind} rollout goes machine by machine, and the endpoint has {count}: "
                "give it two (--instances 2), or roll out all at once"
            )

    @property
    def request(self) -> Dict[str, Any]:
        """Convert the rollout to the form used in requests."""
        part = {"Type": "CAPACITY_PERCENT", "Value": self.percent}
        if self.kind == "rolling":
            policy = {"MaximumBatchSize": part, "WaitIntervalInSeconds": self.wait_seconds}
            deployment: Dict[str, Any] = {"RollingUpdatePolicy": policy}
        else:
            routing: Dict[str, Any] = {
                "Type": _STEPS[self.kind],
                "WaitIntervalInSeconds": self.wait_seconds,
            }
            if self.kind == "canary":
                routing["CanarySize"] = part
            elif self.kind == "linear":
                routing["LinearStepSize"] = part
            deployment = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}}
        if self.alarms:
            alarms = [{"AlarmName": name} for name in self.alarms]
            deployment["AutoRollbackConfiguration"] = {"Alarms": alarms}
        return deployment
