"""The REST API's foundation: authentication, permissions, pages, errors, idempotency. Apps bring the endpoints."""
