"""Apps, books and operating system updates. Its issue brings it to life."""
