"""What a browser would send for the forms of a page, read from its HTML."""

from html.parser import HTMLParser

from django.http import QueryDict


class FormFields(HTMLParser):
    """Collects the successful controls of everything it is fed, in document order."""

    def __init__(self):
        super().__init__()
        self.fields: list[tuple[str, str]] = []
        self.names: set[str] = set()
        self._select = self._area = None
        self._options: list[tuple[str, bool]] = []
        self._text = ""

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        name, value = given.get("name"), given.get("value") or ""
        if tag == "input" and name:
            self._input(name, value, given)
        elif tag == "select":
            self._select, self._options = name, []
        elif tag == "option" and self._select:
            self._options.append((value, "selected" in given))
        elif tag == "textarea":
            self._area, self._text = name, ""

    def _input(self, name, value, given):
        self.names.add(name)
        kind = given.get("type", "text")
        if kind in ("radio", "checkbox") and "checked" not in given:
            return
        if kind not in ("file", "submit", "button", "search"):
            self.fields.append((name, value))

    def handle_endtag(self, tag):
        if tag == "select" and self._select:
            self.names.add(self._select)
            chosen = [value for value, is_chosen in self._options if is_chosen] or [self._options[0][0]]
            self.fields.append((self._select, chosen[-1]))
            self._select = None
        elif tag == "textarea" and self._area:
            self.names.add(self._area)
            # Browsers drop the line end that begins a text area, and send line ends as CR LF.
            self.fields.append((self._area, self._text.removeprefix("\n").replace("\n", "\r\n")))
            self._area = None

    def handle_data(self, data):
        if self._area:
            self._text += data


def fields_of(html: str) -> QueryDict:
    """Return the fields of all forms in a piece of HTML as they would be posted."""
    parser = FormFields()
    parser.feed(html)
    data = QueryDict(mutable=True)
    for name, value in parser.fields:
        data.appendlist(name, value)
    return data
