"""Transports: the only modules that import a client library."""
