"""What a device should have: payload catalogue, profiles, assignments. Its issue brings it to life."""
