"""URLs of /api/v1/."""

from django.urls import path, re_path

from apns import api as apns
from commands import api as commands
from devices import api as devices
from enrollment import api as enrollment
from mdm_project.api.errors import no_such_address
from mdm_project.api.views import SchemaView

urlpatterns = [
    path("schema/", SchemaView.as_view(), name="api-schema"),
    path("devices/", devices.DeviceList.as_view(), name="api-devices"),
    path("devices/<int:pk>/", devices.DeviceDetail.as_view(), name="api-device"),
    path("devices/<int:pk>/inventory/", devices.DeviceInventory.as_view(), name="api-device-inventory"),
    path("devices/<int:pk>/applications/", devices.DeviceApplications.as_view(), name="api-device-applications"),
    path("devices/<int:pk>/profiles/", devices.DeviceProfiles.as_view(), name="api-device-profiles"),
    path("devices/<int:pk>/certificates/", devices.DeviceCertificates.as_view(), name="api-device-certificates"),
    path("devices/<int:pk>/commands/", commands.DeviceCommands.as_view(), name="api-device-commands"),
    path("devices/<int:pk>/timeline/", devices.DeviceTimeline.as_view(), name="api-device-timeline"),
    path("commands/", commands.CommandList.as_view(), name="api-commands"),
    path("commands/<int:pk>/", commands.CommandDetail.as_view(), name="api-command"),
    path("commands/<int:pk>/results/", commands.CommandResults.as_view(), name="api-command-results"),
    path("commands/<int:pk>/cancel/", commands.CancelCommand.as_view(), name="api-command-cancel"),
    path("push-certificates/", apns.PushCertificateList.as_view(), name="api-push-certificates"),
    path("push-certificates/<int:pk>/", apns.PushCertificateDetail.as_view(), name="api-push-certificate"),
    path("push-states/", apns.PushStateList.as_view(), name="api-push-states"),
    path("enrollment-profiles/", enrollment.EnrollmentProfileList.as_view(), name="api-enrollment-profiles"),
    path("enrollment-profiles/<int:pk>/", enrollment.EnrollmentProfileDetail.as_view(), name="api-enrollment-profile"),
    # The last: whatever else is asked for below /api/v1/ is answered in JSON too.
    re_path(r"", no_such_address),
]
