"""The console's composer: pages of profiles, and forms made from the catalogue for whatever payload there is."""
