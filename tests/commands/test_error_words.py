"""B16: all of an ErrorChain is told, the deepest cause first, in words of our own; Apple's codes are not masked."""

import re
from pathlib import Path

import pytest

from commands import results
from commands.apple_errors import ERRORS, REMEDIES
from commands.causes import cause_of, failures_by_cause
from commands.error_words import words_of
from commands.models import QueuedCommand
from simulator import chains
from tests import factories

OUTER = chains.link("MCInstallationErrorDomain", 4001, "Profile Failed to Install")
CAUSE = chains.link("MCProfileErrorDomain", 1009, "must be installed on a supervised device")


def test_the_deepest_cause_comes_first_in_our_words_and_all_of_the_chain_behind():
    told = words_of([OUTER, CAUSE])
    assert told.startswith("The device does not accept this profile as it is. Compare what its payloads need")
    assert told.endswith(
        "(MCProfileErrorDomain/1009: must be installed on a supervised device;"
        " MCInstallationErrorDomain/4001: Profile Failed to Install)"
    )


def test_what_a_mac_hides_in_words_is_a_cause_too():
    told = words_of([chains.link("MCMDMErrorDomain", 12021, "Unknown command: Shutdown <MDMClientError:91>")])
    assert told.startswith("The Mac does not know this command.")
    assert "MCMDMErrorDomain/12021: Unknown command: Shutdown)" in told


def test_codes_that_are_not_known_are_told_in_the_devices_words():
    assert words_of([chains.link("a", 1, "outer"), chains.link("b", 2, "deep")]) == "deep (b/2) (a/1: outer)"
    assert words_of([chains.link("SWUErrorDomain", 7, "no")]).startswith(
        "no (SWUErrorDomain/7) See that the device has"
    )


@pytest.mark.parametrize("chain", [None, [], ["text"], "text", {"a": 1}, 7, [{"ErrorCode": True}]])
def test_odd_chains_have_words_too(chain):
    assert words_of(chain) == "The device gave no reason."


def test_every_text_of_the_table_is_a_sentence():
    for domain, codes in ERRORS.items():
        for code, (cause, remedy) in codes.items():
            assert re.fullmatch(r"-?\d+", code), (domain, code)
            assert cause.endswith(".") and remedy.endswith("."), (domain, code)
    assert all(text.endswith(".") for text in REMEDIES.values())


def test_what_the_pretend_devices_answer_is_in_the_table():
    """Every refusal that is written in the simulator with a number."""
    names = ("MDM", "PROFILE", "PAYLOAD", "INSTALLATION", "SCEP", "MDM_CLIENT", "POSIX")
    sources = [path.read_text() for path in Path(chains.__file__).parent.rglob("*.py")]
    written = {found for source in sources for found in re.findall(r"refuse\((\w+), (\d+)", source)}
    assert len(written) > 40
    assert {domain for domain, _code in written} <= set(names)
    assert [found for found in written if found[1] not in ERRORS[getattr(chains, found[0])]] == []


def test_digits_of_apples_codes_are_kept_and_those_of_devices_are_not():
    note = (
        "Serial 123456789 of 1E2C3D4F5A6B7C8D9E0F failed (MCMDMErrorDomain/12021: x; MDMClientError/100000; 12345678)"
    )
    assert cause_of(note) == "Serial … of … failed (MCMDMErrorDomain/12021: x; MDMClientError/100000; …)"


@pytest.mark.django_db
def test_failures_of_two_codes_are_two_causes():
    command = factories.make_command("RestartDevice")
    for code in (12021, 12080, 12080):
        queued = factories.make_queued(command=command, state=QueuedCommand.State.FAILED)
        chain = [chains.link("MCMDMErrorDomain", code, "no")]
        factories.make_report(answer={"ErrorChain": chain}, status="Error", queued=queued)
    results.drain_reports()
    assert [cause["count"] for cause in failures_by_cause(command.targets)] == [2, 1]
