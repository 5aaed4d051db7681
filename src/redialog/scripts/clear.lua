-- Delete a session: its log, its companions and its entries in the catalogue.
--
-- KEYS[1] log  KEYS[2] meta  KEYS[3] op  KEYS[4] sessions, absent where it lies in another slot
-- KEYS[5] user, absent without a user
-- ARGV[1] member  ARGV[2] token_ttl, ms
--
-- Returns {0, number of messages deleted}, or {1, the same of the first time} where the token was
-- seen: then nothing is deleted, so what was appended since stays.
-- Errors: WRONGTYPE, before the first change.

local log, meta, op, sessions, user = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]

local seen = redis.call('GET', op)
if seen then
  return {1, tonumber(seen)}
end
local length = redis.call('LLEN', log)
redis.call('HLEN', meta)
if sessions then
  redis.call('ZREM', sessions, ARGV[1])
end
if user then
  redis.call('ZREM', user, ARGV[1])
end
redis.call('UNLINK', log, meta)
redis.call('SET', op, length, 'PX', ARGV[2])
return {0, length}
