"""A server behind HTTP: the protocol of Upstash, which a gateway speaks too."""
