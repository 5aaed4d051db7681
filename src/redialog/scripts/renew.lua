-- Renew the TTL of a session, for a read that does. It can be repeated as it is.
--
-- KEYS[1] log  KEYS[2] meta  ARGV[1] ttl, ms
--
-- Returns 1, or 0 where there is no such session. Errors: READONLY; WRONGTYPE, before the first
-- change: what is no session must not expire.

if redis.call('LLEN', KEYS[1]) == 0 then
  return 0
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return 1
