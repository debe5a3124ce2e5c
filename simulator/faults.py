"""How a device misbehaves on request: away, slow, losing answers, refusing a command, putting one off.

Owns the switches that tests and stories set on a device.
"""

from dataclasses import dataclass, field


@dataclass
class Faults:
    """How a device misbehaves just now."""

    is_offline: bool = False
    lost_responses: int = 0  # of how many coming reports the answer is lost
    delay_s: float = 0  # before each report
    refuse: dict[str, list[dict]] = field(default_factory=dict)  # the ErrorChain given to a RequestType
    not_now: dict[str, int] = field(default_factory=dict)  # how often a RequestType is put off

    def take_lost_response(self) -> bool:
        if self.lost_responses <= 0:
            return False
        self.lost_responses -= 1
        return True

    def take_not_now(self, request_type: str) -> bool:
        if self.not_now.get(request_type, 0) <= 0:
            return False
        self.not_now[request_type] -= 1
        return True
