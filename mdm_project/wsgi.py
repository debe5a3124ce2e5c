"""The WSGI application: devices first (mdm_project.device_endpoint), then Django."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mdm_project.settings")

django_application = get_wsgi_application()

from mdm_project.device_endpoint import device_endpoint  # noqa: E402 - models need Django to be set up


def application(environ, start_response):
    if environ["PATH_INFO"].startswith("/mdm"):
        return device_endpoint(environ, start_response)
    return django_application(environ, start_response)
