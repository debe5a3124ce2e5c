"""A4: the line of an answer reads what matters, not "8 values"."""

import re

from commands.summaries import summarise
from profiles import catalogue
from profiles.catalogue.examples import example_of


def test_no_answer_of_apples_schema_is_told_by_the_number_of_its_values():
    for entry in catalogue.commands():
        answer = {key.name: example_of(key, is_full=True) for key in entry.response_keys if not key.is_any}
        if entry.type == "Settings":  # a list on the wire
            answer = {"Settings": [answer["Settings"]]}
        if answer:
            told = summarise(entry.type, answer)
            assert told and not re.fullmatch(r"\d+ values?", told), (entry.type, told)


def test_what_matters_is_said():
    settings = [{"Item": "Bluetooth", "Status": "Error"}, {"Item": "DeviceName", "Status": "Acknowledged"}]
    for request_type, answer, words in (
        ("DeviceLock", {"MessageResult": "NoPasscodeSet"}, "message not shown: no passcode"),
        ("DeviceLocation", {"Latitude": "(hidden)", "HorizontalAccuracy": 65.0}, "located within 65 m"),
        ("Settings", {"Settings": settings}, "1 setting done, not: Bluetooth"),
        ("ScheduleOSUpdate", {"UpdateResults": []}, "nothing was scheduled"),
        ("VerifyFirmwarePassword", {"VerifyFirmwarePassword": {"PasswordVerified": False}}, "password wrong"),
        ("InstallApplication", {"Identifier": "a.b", "State": "Installing"}, "a.b · Installing"),
        ("OSUpdateStatus", {"OSUpdateStatus": [{"ProductKey": "k", "Status": "Downloading",
                                               "DownloadPercentComplete": 0.45}]}, "k: Downloading 45%"),
    ):  # fmt: skip
        assert summarise(request_type, answer) == words
