"""URLs of the helpdesk, behind the console's sign-in."""

from django.contrib import admin
from django.urls import path

from devices.helpdesk.views import search_view

urlpatterns = [path("helpdesk/", admin.site.admin_view(search_view), name="helpdesk")]
