-- Set, renew or remove the TTL of a session, the same for its log and its companions.
--
-- KEYS[1] log  KEYS[2] meta  KEYS[3] op  KEYS[4] sessions, absent where it lies in another slot
-- KEYS[5] user, absent without a user
-- ARGV[1] ttl: milliseconds, 'persist' to remove it, or '' to leave it alone
-- ARGV[2] member  ARGV[3] token_ttl, ms
-- ARGV[4] '1' where the call is an activity that the catalogue notes
-- ARGV[5] owner: user id, or ''  ARGV[6] fixed: '1' where a running ttl is left alone, else ''
-- ARGV[7] said: digest of what was asked for, for the token
--
-- Returns {0, "said:1", owner or ''}, {0, "said:0", ''} where there is no such session, or {1, the
-- same of the first time, owner} where the token was seen.
-- Errors: OWNER (the session is another user's), VERSION, WRONGTYPE, OOM, READONLY,
-- before the first change.

-- include include/companions.lua
-- include include/keeping.lua

local log, meta, op, sessions, user = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local ttl = ARGV[1]

local kept, stale, problem = companions(log, meta, ARGV[5])
local whose = not stale and kept[3] or ''
local seen = answered(op, ARGV[3])
if seen then
  return {1, seen, whose}
end
local exists = redis.call('LLEN', log) > 0
local answer = ARGV[7] .. (exists and ':1' or ':0')
if problem then
  return problem
end
local catalogue = {sessions, user}
for _, key in ipairs(catalogue) do
  redis.call('ZSCORE', key, ARGV[2])
end

if exists then
  local has_meta = kept[1] and not stale
  if ttl == 'persist' then
    redis.call('PERSIST', log)
    redis.call('PERSIST', meta)
  elseif ttl ~= '' then
    renew(log, meta, has_meta, ttl, ARGV[6])
  end
  if ARGV[4] == '1' then
    for _, key in ipairs(catalogue) do
      redis.call('ZADD', key, clock(), ARGV[2])
    end
  end
end
redis.call('SET', op, answer, 'PX', ARGV[3])
return {0, answer, whose}
