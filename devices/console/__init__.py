"""The console's device page: what it shows (page, tabs) and what it does (views, bulk). An interface, not core."""
