"""The console's admin site at /console/ (django-unfold). Apps register their pages on it in their admin modules."""

from unfold.sites import UnfoldAdminSite


class ConsoleSite(UnfoldAdminSite):
    site_title = "Espalier"
    site_header = "Espalier"
    index_title = "Dashboard"
    enable_nav_sidebar = True

