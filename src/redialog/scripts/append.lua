-- Append messages to a log, with TTL, token and catalogue, or do nothing at all.
--
-- KEYS[1] log       list, newest first
-- KEYS[2] meta      hash of companions
-- KEYS[3] op        text: what this operation wrote, kept for a minute
-- KEYS[4] sessions  sorted set, the catalogue; absent where it lies in another slot
-- KEYS[5] user      sorted set, the user's catalogue; absent without a user
--
-- ARGV[1] written   "digest:at" of the elements, for the token
-- ARGV[2] token_ttl milliseconds
-- ARGV[3] ttl       milliseconds, or '' to leave a running one alone
-- ARGV[4] owner     user id, or ''
-- ARGV[5] member    the session in the catalogue
-- ARGV[6..] elements, oldest first
--
-- Returns {0, written}, or {1, what was written the first time} where the token was seen.
-- Errors: OWNER (the session is another user's), VERSION (a newer layout), WRONGTYPE, OOM,
-- READONLY. None of them leaves anything behind: Redis refuses the first write of a script where it
-- may not write, and that write is the token's; what can fail after it takes it back.

local log, meta, op, sessions, user = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local ttl, owner, member = ARGV[3], ARGV[4], ARGV[5]
local FIRST, CHUNK = 6, 1000

-- include include/companions.lua

local kept, stale, problem = companions(log, meta, owner)
local seen = redis.call('SET', op, ARGV[1], 'PX', ARGV[2], 'NX', 'GET')
if seen then
  return {1, seen}
end
local function refused(why)
  redis.call('DEL', op)
  return why
end

if problem then
  return refused(problem)
end

local added, now = 0, 0
if sessions then
  local time = redis.call('TIME')
  now = time[1] * 1000 + (time[2] - time[2] % 1000) / 1000
  if user then
    local found = redis.pcall('ZSCORE', user, member)
    if type(found) == 'table' and found.err then
      return refused(found)
    end
  end
  added = redis.pcall('ZADD', sessions, now, member)
  if type(added) == 'table' then
    return refused(added)
  end
end
local length
if #ARGV <= CHUNK then
  length = redis.pcall('LPUSH', log, unpack(ARGV, FIRST))
else
  -- Lua cannot unpack thousands. Only the first push can fail: the others find a list.
  for i = FIRST, #ARGV, CHUNK do
    length = redis.pcall('LPUSH', log, unpack(ARGV, i, math.min(i + CHUNK - 1, #ARGV)))
    if type(length) == 'table' then
      break
    end
  end
end
if type(length) == 'table' then
  if added == 1 then
    redis.call('ZREM', sessions, member)
  end
  return refused(length)
end
if user then
  redis.call('ZADD', user, now, member)
end

if stale then
  redis.call('UNLINK', meta)
end
if owner ~= '' and (stale or not kept[3]) then
  redis.call('HSET', meta, 'layout', LAYOUT, 'anchor', anchor(log), 'owner', owner)
  kept[1] = LAYOUT
  if ttl == '' then
    local left = redis.call('PTTL', log)
    if left > 0 then
      redis.call('PEXPIRE', meta, left)
    end
  end
end
if ttl ~= '' then
  redis.call('PEXPIRE', log, ttl)
  if kept[1] then
    redis.call('PEXPIRE', meta, ttl)
  end
end
return {0, ARGV[1]}
