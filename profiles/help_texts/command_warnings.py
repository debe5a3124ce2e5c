"""What a command loses or cannot undo, and what has replaced a command; said above its form and in the list."""

_UPDATES = (
    "Apple has replaced it by declarations: \u201cSoftware update to a version\u201d installs a version by a date, "
    "\u201cSoftware update settings\u201d says what is offered to users and when. Declarations can be composed here "
    "and are not sent to devices yet: until then this command is the way."
)

WARNINGS = {
    "device-erase": "Everything on the device is deleted, and it cannot be undone. Without an eSIM or a network at "
    "setup it does not come back by itself.",
    "device-lock": "A Mac restarts: unsaved work is lost, and only the PIN opens it.",
    "device-lostmode-enable": "The person holding the device can do nothing with it until Lost Mode is ended.",
    "device-activationlock-clearbypasscode": "The code cannot be asked for again. Read it first.",
    "device-restart": "Unsaved work may be lost.",
    "device-restrictions-clearpassword": "What the Screen Time passcode restricted is free afterwards.",
    "device-shutdown": "Unsaved work may be lost, and nothing reaches the device until somebody switches it on.",
    "application-remove": "The app's data on the device is deleted with it.",
    "media-remove": "Notes and highlights in the book may go with it.",
    "lom-devicerequest": "Switching off and resetting cut the power: unsaved work is lost.",
    "managed-application-feedback": "With DeleteFeedback the report is gone from the device once it was read.",
    "passcode-clear": "Whoever holds the device can open it. A new passcode has to be set on it by hand.",
    "passcode-firmware-set": "A Mac whose firmware password nobody knows has to go to Apple or its repairers.",
    "passcode-recovery-set": "Who does not know the password cannot get into recoveryOS on the Mac.",
    "profile-remove": "Accounts that the profile set up go with their data. Without its last network the device is "
    "out of reach. Removing the enrollment profile ends management for good.",
    "profile-provisioning-remove": "Apps that need it no longer start.",
    "remotedesktop-enable": "Whoever may use Remote Management sees and controls the Mac.",
    "rotate-file-vault-key": "The recovery key of before opens nothing afterwards.",
    "set-auto-admin-password": "The password of before no longer works.",
    "settings": "Settings of an app replace all that it was given before. Without Bluetooth, a wireless keyboard and "
    "mouse stop working.",
    "system-update-schedule": "InstallForceRestart restarts a Mac at once: unsaved work is lost.",
    "user-delete": "The user's data on the device is deleted, and it cannot be undone.",
    "user-logout": "Unsaved work may be lost.",
}

REPLACED = {
    "system-update-schedule": _UPDATES,
    "system-update-scan": _UPDATES,
    "system-update-available": _UPDATES,
    "system-update-status": f"{_UPDATES} Devices report how far they are by status items.",
    "passcode-unlocktoken": "Devices hand the token over when they enroll; asking for it is no longer needed.",
}
