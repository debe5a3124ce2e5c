"""What of the product itself needs a person: a part that is silent."""

from django.urls import reverse

from mdm_project.attention import ATTENTION, BAD, Need, needs
from mdm_project.heartbeat import Silence, silences


@needs("devices.view_device")
def silent_parts(_user) -> list[Need]:
    """Return which of scheduler, workers and periodic work are silent, and what that means."""
    return [_silence(silence) for silence in silences()]


def _silence(silence: Silence) -> Need:
    tone, key = ATTENTION if silence.host else BAD, f"silent:{silence.part}:{silence.host}"
    return Need(tone, "monitor_heart", silence.words, silence.consequence, reverse("readyz"), "Health", key)
