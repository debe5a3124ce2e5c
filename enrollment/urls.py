"""URLs of ways in: enrollment pages and profiles, SCEP."""

from django.urls import path

from enrollment import views
from enrollment.scep_views import scep

urlpatterns = [
    path("enroll/<slug:slug>/", views.enrollment_page, name="enroll-page"),
    path("enroll/<slug:slug>/profile", views.enrollment_profile, name="enroll-profile"),
    path("scep", scep, name="scep"),
]
