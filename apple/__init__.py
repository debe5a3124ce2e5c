"""Clients of Apple's services besides push: values in and out, no models."""
