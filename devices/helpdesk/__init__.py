"""The helpdesk at /helpdesk/: one search box, and what is done most often a click away from each result."""
