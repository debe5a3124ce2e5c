"""What the cache in Redis may hold: bytes. Django's own serializer is pickle, which runs what it reads."""


class BytesSerializer:
    """Django's RedisCache asks for ``dumps`` and ``loads``."""

    def dumps(self, value: bytes) -> bytes:
        if not isinstance(value, bytes):
            raise TypeError(f"the cache holds bytes, not {type(value).__name__}")
        return value

    def loads(self, data: bytes) -> bytes:
        return data
