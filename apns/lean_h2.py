"""h2's connection with the two habits removed that a sender of thousands of small requests cannot afford.

Owns no protocol: RFC 9113 stays h2's business, RFC 7541 hpack's.
"""

from h2.config import H2Configuration
from h2.connection import H2Connection
from hpack import Encoder

FORGET_STREAMS_EVERY = 256

# The request headers are ours and well formed: checking them again costs a fifth of the time of a push.
_CONFIG = {"header_encoding": None, "validate_outbound_headers": False, "normalize_outbound_headers": False}


class LeanH2(H2Connection):
    """h2 without what a sender of thousands of small requests cannot afford."""

    def __init__(self) -> None:
        super().__init__(H2Configuration(client_side=True, **_CONFIG))
        self.encoder = _PlainEncoder()
        self._headers_sent = 0

    @property
    def open_outbound_streams(self) -> int:
        # h2 asks before each request and walks over all its streams to count them; the owner already counts. The walk
        # also forgets closed streams, so it is still made now and then.
        self._headers_sent += 1
        return 0 if self._headers_sent % FORGET_STREAMS_EVERY else super().open_outbound_streams


class _PlainEncoder(Encoder):
    """HPACK without Huffman coding, which costs more time here than the bytes it saves."""

    def encode(self, headers, huffman: bool = False) -> bytes:
        return super().encode(headers, huffman)
