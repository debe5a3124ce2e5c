"""The project as a Django app: it owns the staff-side models only."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class ConsoleConfig(AdminConfig):
    """Django's admin with the console as its site, so that ``admin.register`` registers there."""

    default_site = "mdm_project.console.ConsoleSite"


class ProjectConfig(AppConfig):
    name = "mdm_project"
    verbose_name = "Administration"

    def ready(self):
        from mdm_project import sign_in_audit

        sign_in_audit.connect()
