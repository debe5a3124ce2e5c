"""URLs of ways in: enrollment pages and profiles, SCEP."""

urlpatterns: list = []
