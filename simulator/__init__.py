"""A fleet of pretend Apple devices and pretend Apple services that speak the real protocols over the network.

Owns the device's and Apple's side of the wire. Imports no app of the server and not mdm_project: whatever it knows
about the server it learned over HTTP, as a device does.

Where to add: a command is a function under simulator/answers/ registered with @command; another source of identities
is registered with @source in identity.py; another way in overrides one step of PretendDevice (download_profile,
obtain_identity, check_in); another pretend Apple service stands beside apns.py.
"""
