"""A field for a secret that may be stored already: it shows neither what is stored nor what was typed."""

from django import forms
from django.utils.html import format_html

from commands.forms import SecretInput

# Stands for what was typed before the form was refused for another reason, and is gone.
AGAIN = object()


class _Input(SecretInput):
    """Says by a hidden field that something was typed, so that it is not forgotten in silence."""

    def value_from_datadict(self, data, files, name):
        value = super().value_from_datadict(data, files, name)
        return AGAIN if not value and f"{name}-again" in data else value

    def render(self, name, value, attrs=None, renderer=None):
        field = super().render(name, value, attrs, renderer)
        return format_html('{}<input type="hidden" name="{}-again" value="1">', field, name) if value else field


class SecretField(forms.CharField):
    """Empty means that the stored value stays."""

    def __init__(self, **options):
        attrs = {"autocomplete": "off", "spellcheck": "false"}
        super().__init__(required=False, widget=_Input(attrs=attrs), **options)

    def clean(self, value):
        if value is AGAIN:
            raise forms.ValidationError("Type it again: secrets are not shown twice.")
        return super().clean(value)
