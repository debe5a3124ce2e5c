"""The project as a Django app: it owns the staff-side models only."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate
from django.utils.module_loading import autodiscover_modules


class ConsoleConfig(AdminConfig):
    """Django's admin with the console as its site, so that ``admin.register`` registers there."""

    default_site = "mdm_project.console.ConsoleSite"


class ProjectConfig(AppConfig):
    name = "mdm_project"
    verbose_name = "Administration"

    def ready(self):
        from mdm_project import beating, moments, roles, sign_in_audit

        moments.connect()
        beating.connect()
        sign_in_audit.connect()
        autodiscover_modules("needs")
        # After Django has made the permissions of an app: its own receiver was connected before, by contrib.auth.
        post_migrate.connect(roles.sync_roles, dispatch_uid="roles")
