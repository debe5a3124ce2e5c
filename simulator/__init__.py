"""A fleet of pretend Apple devices and pretend Apple services that speak the real protocols over the network.

Owns the device's and Apple's side of the wire. Imports no app of the server and not mdm_project: whatever it knows
about the server it learned over HTTP, as a device does.
"""
