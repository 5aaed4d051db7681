-- Set or remove the TTL of a session, the same for its log and its companions.
--
-- KEYS[1] log  KEYS[2] meta  KEYS[3] op  KEYS[4] sessions, absent where it lies in another slot
-- KEYS[5] user, absent without a user
-- ARGV[1] ttl: milliseconds, 'persist' to remove it, or '' to leave it alone
-- ARGV[2] member  ARGV[3] token_ttl, ms
-- ARGV[4] '1' where the call is an activity that the catalogue notes
-- ARGV[5] owner: user id, or ''
--
-- Returns {0, '1'}, {0, '0'} where there is no such session, or {1, the same of the first time}
-- where the token was seen.
-- Errors: OWNER (the session is another user's), VERSION, WRONGTYPE, before the first change.

local log, meta, op, sessions, user = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local ttl = ARGV[1]

local seen = redis.call('GET', op)
if seen then
  return {1, seen}
end
local exists = redis.call('LLEN', log) > 0 and '1' or '0'
-- include include/companions.lua

local _, _, problem = companions(log, meta, ARGV[5])
if problem then
  return problem
end
if sessions then
  redis.call('ZSCORE', sessions, ARGV[2])
end
if user then
  redis.call('ZSCORE', user, ARGV[2])
end

if exists == '1' then
  if ttl == 'persist' then
    redis.call('PERSIST', log)
    redis.call('PERSIST', meta)
  elseif ttl ~= '' then
    redis.call('PEXPIRE', log, ttl)
    redis.call('PEXPIRE', meta, ttl)
  end
  if sessions and ARGV[4] == '1' then
    local time = redis.call('TIME')
    local now = string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))
    redis.call('ZADD', sessions, now, ARGV[2])
    if user then
      redis.call('ZADD', user, now, ARGV[2])
    end
  end
end
redis.call('SET', op, exists, 'PX', ARGV[3])
return {0, exists}
