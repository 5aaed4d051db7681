-- Append messages to a log, with TTL, token and catalogue, or do nothing at all.
--
-- KEYS[1] log       list, newest first
-- KEYS[2] meta      hash of companions
-- KEYS[3] op        text: what the operation answered, kept for a minute
-- KEYS[4] sessions  sorted set, the catalogue; absent where it lies in another slot
-- KEYS[5] user      sorted set, the user's catalogue; absent without a user
--
-- ARGV[1] ttl       milliseconds, or '' to leave a running one alone
-- ARGV[2] digest    of the elements
-- ARGV[3] at        when the caller made the elements, ms
-- ARGV[4] token_ttl milliseconds
-- ARGV[5] owner     user id, or ''
-- ARGV[6] member    the session in the catalogue
-- ARGV[7..] elements, oldest first
--
-- Returns {0, "length:digest:at"}, or {1, the same of the first time} where the token was seen.
-- Errors: OWNER (the session is another user's), VERSION (a newer layout), WRONGTYPE, OOM,
-- READONLY. All of them come before the first change: reads check the types, and Redis refuses
-- the first write of a script where it may not write.

local log, meta, op, sessions, user = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local ttl, owner, member = ARGV[1], ARGV[5], ARGV[6]
local FIRST, CHUNK, LAYOUT = 7, 1000, 1

local seen = redis.call('GET', op)
if seen then
  return {1, seen}
end

-- Companions speak for the log that they were written for. Another client can have deleted it and
-- started a new one under the same key: then its oldest element is another.
local function anchor()
  local oldest = redis.call('LINDEX', log, -1)
  if not oldest then
    return ''
  end
  return #oldest .. ':' .. redis.sha1hex(oldest:sub(1, 512) .. oldest:sub(-512))
end

local length = redis.call('LLEN', log)
local kept = redis.call('HMGET', meta, 'layout', 'anchor', 'owner')
local stale = false
if kept[1] then
  if tonumber(kept[1]) > LAYOUT then
    return redis.error_reply('VERSION ' .. kept[1])
  end
  stale = length == 0 or kept[2] ~= anchor()
  if not stale and kept[3] and owner ~= '' and kept[3] ~= owner then
    return redis.error_reply('OWNER')
  end
end
if user then
  redis.call('ZSCORE', user, member)
end

if sessions then
  -- The first change: it is the one to fail where its key has another type.
  local time = redis.call('TIME')
  local now = string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))
  redis.call('ZADD', sessions, now, member)
  if user then
    redis.call('ZADD', user, now, member)
  end
end
for i = FIRST, #ARGV, CHUNK do
  length = redis.call('LPUSH', log, unpack(ARGV, i, math.min(i + CHUNK - 1, #ARGV)))
end
if stale then
  redis.call('UNLINK', meta)
end
if owner ~= '' and (stale or not kept[3]) then
  redis.call('HSET', meta, 'layout', LAYOUT, 'anchor', anchor(), 'owner', owner)
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

local answer = string.format('%d:%s:%s', length, ARGV[2], ARGV[3])
redis.call('SET', op, answer, 'PX', ARGV[4])
return {0, answer}
