"""QR codes as SVG, for URLs that people point a camera at."""

import segno


def svg(text: str) -> str:
    """Return an inline SVG element of the QR code of a text."""
    return segno.make(text, error="m").svg_inline(scale=6, border=2, omitsize=True)
