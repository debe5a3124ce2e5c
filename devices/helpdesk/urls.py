"""URLs of the helpdesk, behind the console's sign-in."""

from django.contrib import admin
from django.urls import path

from devices.helpdesk import device
from devices.helpdesk.views import search_view

_signed_in = admin.site.admin_view

urlpatterns = [
    path("helpdesk/", _signed_in(search_view), name="helpdesk"),
    path("helpdesk/devices/<int:pk>/", _signed_in(device.device_view), name="helpdesk_device"),
    path("helpdesk/devices/<int:pk>/live/", _signed_in(device.live_view), name="helpdesk_live"),
    path("helpdesk/devices/<int:pk>/retry/", _signed_in(device.retry_view), name="helpdesk_retry"),
    path("helpdesk/devices/<int:pk>/reveal/", _signed_in(device.reveal_view), name="helpdesk_reveal"),
]
