"""Words on the keys of declarations about Apple Intelligence, Siri, keyboard, calculator, accessibility and AirPods."""


def _allows(**what: str) -> dict[str, str]:
    return {name: f"No turns off {text}." for name, text in what.items()}


TEXTS: dict[str, dict[str, str]] = {
    "configuration-accessibility-settings": {
        "Vision": "Help for people who see little. Left out, nothing changes.",
        "Vision.AllowLiveRecognition": "No turns off Live Recognition, which tells what the camera sees.",
    },
    "configuration-audio-accessory-settings": {
        "TemporaryPairing": "AirPods and the like are paired for a while only and not synced through iCloud. Left out, "
        "they stay paired.",
        "TemporaryPairing.Disabled": "Yes turns that off again.",
        "TemporaryPairing.Configuration": "Details; needed unless it is turned off.",
        "TemporaryPairing.Configuration.UnpairingTime": "When the pairing ends.",
        "TemporaryPairing.Configuration.UnpairingTime.Policy": "Hour: every day at the hour below; None: never by "
        "itself, for devices that are erased between users.",
        "TemporaryPairing.Configuration.UnpairingTime.Hour": "Hour of the day in the device's time zone. Needed with "
        "Hour above.",
    },
    "configuration-external-intelligence-settings": {
        "Enabled": "No keeps Siri from asking outside services.",
        "AllowSignIn": "No keeps the user from signing in to such a service.",
        "AllowedWorkspaceIDs": "The organization's workspace at the service, one at most; users must sign in to it. "
        "Left out, any account will do.",
        "AllowedWorkspaceIDs.[]": "The workspace's ID, as the service tells it.",
    },
    "configuration-intelligence-settings": {
        **_allows(
            AllowAppleIntelligenceReport="the report of what was sent to Apple's servers",
            AllowGenmoji="making new emoji",
            AllowImagePlayground="making pictures with Image Playground",
            AllowImageWand="Image Wand, which makes pictures of sketches",
            AllowPersonalizedHandwritingResults="writing in the user's own handwriting",
            AllowVisualIntelligence="questions about what the camera or the screen shows",
            AllowVisualIntelligenceSummary="summaries of text that the camera sees",
            AllowWritingTools="help with writing and rewriting",
        ),
        "Apps": "What single apps may do. Left out, all that they can.",
        "Apps.Calendar": "Calendar and Reminders.",
        "Apps.Calendar.AllowNaturalLanguageEditing": "No turns off changing events and reminders in plain words.",
        "Apps.Mail": "Mail.",
        "Apps.Mail.AllowSmartReplies": "No turns off proposed replies.",
        "Apps.Mail.AllowSummary": "No turns off summaries of messages.",
        "Apps.Notes": "Notes.",
        "Apps.Notes.AllowTranscription": "No turns off text of recordings.",
        "Apps.Notes.AllowTranscriptionSummary": "No turns off summaries of recordings.",
        "Apps.Safari": "Safari.",
        "Apps.Safari.AllowSummary": "No turns off summaries of web pages.",
        "ForceOnDeviceOnlyDictation": "Yes keeps dictation on the device; nothing spoken goes to servers.",
        "ForceOnDeviceOnlyTranslation": "Yes keeps translation on the device; no text goes to servers.",
    },
    "configuration-keyboard-settings": _allows(
        AllowAutoCorrection="correction of words while they are typed",
        AllowDefinitionLookup="looking words up",
        AllowDictation="dictation",
        AllowPredictiveText="proposals for the next word",
        AllowSlideToType="typing by sliding over the keys",
        AllowSpellCheck="marks under misspelled words",
        AllowTextReplacement="short forms that become longer text",
    )
    | {"AllowMathKeyboardSuggestions": "No turns off proposed results of sums. Math settings can do so too."},
    "configuration-math-settings": {
        "Calculator": "The app Calculator. Left out, it does all it can.",
        "Calculator.BasicMode": "Its simple mode, which is always there.",
        "Calculator.BasicMode.AddSquareRoot": "Yes puts a square root in the place of the key for plus and minus.",
        "Calculator.ScientificMode": "Its scientific mode. Left out, it is there.",
        "Calculator.ScientificMode.Enabled": "No takes this mode away.",
        "Calculator.ProgrammerMode": "Its mode for programmers. Left out, it is there.",
        "Calculator.ProgrammerMode.Enabled": "No takes this mode away.",
        "Calculator.MathNotesMode": "Its Math Notes, which solve what is written. Left out, they are there.",
        "Calculator.MathNotesMode.Enabled": "No takes this mode away.",
        "Calculator.InputModes": "Ways to enter numbers. Left out, all are there.",
        "Calculator.InputModes.UnitConversion": "No takes conversion between units away.",
        "Calculator.InputModes.RPN": "No takes reverse Polish notation away.",
        "SystemBehavior": "Mathematics outside Calculator. Left out, all is allowed.",
        "SystemBehavior.KeyboardSuggestions": "No turns off proposed results of sums. Keyboard settings can do so too.",
        "SystemBehavior.MathNotes": "No keeps Notes and other apps from solving what is written.",
    },
    "configuration-siri-settings": {
        "Enabled": "No turns Siri off.",
        "AllowSiriAI": "No takes from Siri what Apple Intelligence adds to it.",
        "AllowUserGeneratedContent": "No keeps Siri from answering out of what people write on the web.",
        "AllowWhileLocked": "No keeps Siri silent while the screen is locked.",
        "ForceProfanityFilter": "Yes keeps swear words out of what Siri says and shows.",
        "ForceReduceSensitiveContent": "Yes makes Siri leave out more of what may disturb.",
    },
}
