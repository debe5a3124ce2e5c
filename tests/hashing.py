"""Password hashing that does not cost every user of a test a quarter of a second."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class QuickPasswordHasher(PBKDF2PasswordHasher):
    """Django's first hasher with one iteration: processes of the product, with their own settings, verify it too."""

    iterations = 1
