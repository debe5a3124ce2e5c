"""URLs. /mdm/* is answered ahead of these, in mdm_project.wsgi."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from mdm_project import health, password_links

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("console/password/<uidb64>/<token>/", password_links.SetOwnPassword.as_view(), name="password-link"),
    path("console/", admin.site.urls),
    path("api/v1/", include("mdm_project.api.urls")),
    path("", include("devices.helpdesk.urls")),
    path("", include("enrollment.urls")),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
handler500 = "mdm_project.api.errors.server_error"
