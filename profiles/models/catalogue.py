"""Apple's own words about what the catalogue holds: only in installations that imported a checkout, never shipped."""

from django.db import models


class CatalogueText(models.Model):
    """Title and description of an entry (``key_path`` "") or of one of its keys.

    Keys of answers to commands are under ``response:`` and their path. The text is Apple's Markdown: make it safe
    before it becomes HTML.
    """

    kind = models.CharField(max_length=20)
    slug = models.CharField(max_length=200)
    key_path = models.TextField(blank=True)
    title = models.TextField(blank=True)
    text = models.TextField(blank=True)

    class Meta:
        verbose_name = "catalogue entry"
        verbose_name_plural = "catalogue"
        default_permissions = ("view",)
        ordering = ["kind", "slug", "key_path"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "slug", "key_path"], name="one_text_for_each_catalogue_key")
        ]

    def __str__(self):
        return f"{self.kind} {self.slug} {self.key_path}".strip()
