"""One Redis or Valkey server, or one node of several, over connections of redis-py."""
