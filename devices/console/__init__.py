"""The console's device page: what it shows (page, tabs), what it does (actions). An interface: no core code imports it."""
