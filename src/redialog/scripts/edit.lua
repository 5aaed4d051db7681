-- Change a log at one message: put another in its place, take it out, or drop what came after it.
--
-- KEYS[1] log  KEYS[2] meta  KEYS[3] op  KEYS[4] sessions, absent where it lies in another slot
-- KEYS[5] user, absent without a user
-- ARGV[1] token_ttl, ms  ARGV[2] ttl, ms, or ''  ARGV[3] fixed, '1' or ''  ARGV[4] owner, or ''
-- ARGV[5] member
-- ARGV[6] position  of the message, negative, counted from the oldest
-- ARGV[7] expected  the element that must lie there
-- ARGV[8] action    'replace', 'reword' where the new one is a system message, 'remove' or 'rewind'
-- ARGV[9] element   to replace it with; to remove it, a text that no element is; to rewind, ''
-- ARGV[10] said     digest of what was asked for, for the token
--
-- Returns {0, "said:number of messages dropped", owner or ''}, the last ''
-- where no message is left, or {1, the same of the first time, owner} where the token was seen:
-- then nothing is done, so what was appended since stays. A summary that speaks for the message
-- goes, and the one before it takes its place.
-- Errors: OWNER (the session is another user's), VERSION, CHANGED (another element lies there),
-- WRONGTYPE, OOM, READONLY. None of them leaves anything behind.

-- include include/companions.lua
-- include include/keeping.lua
-- include include/folds.lua

local log, meta, op, sessions, user = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local position, action, element = tonumber(ARGV[6]), ARGV[8], ARGV[9]

local kept, stale, problem = companions(log, meta, ARGV[4])
local whose = not stale and kept[3] or ''
local seen = answered(op, ARGV[1])
if seen then
  return {1, seen, whose}
end
if problem then
  return problem
end
if redis.call('LINDEX', log, position) ~= ARGV[7] then
  return redis.error_reply('CHANGED')
end
local catalogue = {sessions, user}
for _, key in ipairs(catalogue) do
  redis.call('ZSCORE', key, ARGV[5])
end

local before = redis.call('LLEN', log)
local dropped = action == 'remove' and 1 or action == 'rewind' and before + position or 0
local answer = ARGV[10] .. ':' .. dropped
if action == 'remove' or action == 'rewind' then
  -- First of all, since a server that is full refuses a script that begins with what takes memory.
  redis.call('LTRIM', log, action == 'rewind' and position or 0, -1)
end
redis.call('SET', op, answer, 'PX', ARGV[1])
if action ~= 'rewind' then
  redis.call('LSET', log, position, element)
  if action == 'remove' then
    -- From the nearer end.
    redis.call('LREM', log, -position * 2 > before and 1 or -1, element)
  end
end

if redis.call('EXISTS', log) == 0 then
  redis.call('UNLINK', meta)
  for _, key in ipairs(catalogue) do
    redis.call('ZREM', key, ARGV[5])
  end
  -- Nobody's: there is no activity of a session that is gone to note.
  return {0, answer, ''}
end
if kept[1] and not stale then
  edited(meta, -position, action)
end
local has_meta = (kept[1] or stale) and keep(log, meta, kept, stale, {})
renew(log, meta, has_meta, ARGV[2], ARGV[3])
for _, key in ipairs(catalogue) do
  redis.call('ZADD', key, clock(), ARGV[5])
end
return {0, answer, whose}
