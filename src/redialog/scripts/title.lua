-- Set or remove the title of a session. It renews the TTL; the catalogue notes no activity.
--
-- KEYS[1] log  KEYS[2] meta  KEYS[3] op
-- ARGV[1] token_ttl, ms  ARGV[2] ttl, ms, or ''  ARGV[3] fixed, '1' or ''  ARGV[4] owner, or ''
-- ARGV[5] title, '' to remove it  ARGV[6] said: digest of what was asked for, for the token
--
-- Returns {0, "said:1"}, {0, "said:0"} where there is no such session, or {1, the same of the first
-- time} where the token was seen.
-- Errors: OWNER (the session is another user's), VERSION, WRONGTYPE, OOM, READONLY, before the
-- first change.

-- include include/companions.lua
-- include include/keeping.lua

local log, meta, op, title = KEYS[1], KEYS[2], KEYS[3], ARGV[5]

local seen = answered(op, ARGV[1])
if seen then
  return {1, seen}
end
local exists = redis.call('LLEN', log) > 0
local answer = ARGV[6] .. (exists and ':1' or ':0')
local kept, stale, problem = companions(log, meta, ARGV[4])
if problem then
  return problem
end
redis.call('SET', op, answer, 'PX', ARGV[1])
if not exists then
  return {0, answer}
end

if title == '' then
  redis.call('HDEL', meta, 'title')
end
local has_meta = keep(log, meta, kept, stale, title ~= '' and {'title', title} or {})
renew(log, meta, has_meta, ARGV[2], ARGV[3])
return {0, answer}
