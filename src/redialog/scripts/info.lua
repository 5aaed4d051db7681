-- What is known of a session without reading its messages. It changes nothing.
--
-- KEYS[1] log  KEYS[2] meta  KEYS[3] sessions, absent where it lies in another slot
-- ARGV[1] member
-- ARGV[2] largest  bytes of the oldest message that are worth sending
--
-- Returns {number of messages, PTTL, oldest message or '' where it is larger, score or '', owner,
-- title, trimmed, messages that a summary covers, failure to write one}, the last five '' where
-- there are none; {0} where there is no such session.
-- Errors: VERSION, WRONGTYPE.

-- include include/companions.lua
-- include include/folds.lua

local log, meta, sessions = KEYS[1], KEYS[2], KEYS[3]

local length = redis.call('LLEN', log)
if length == 0 then
  return {0}
end
local kept, stale, problem = companions(log, meta, '')
if problem then
  return problem
end
local owner, title, trimmed, failed, known = false, false, false, false, nil
if kept[1] and not stale then
  owner = kept[3]
  title, trimmed, failed = unpack(redis.call('HMGET', meta, 'title', 'trimmed', 'failed'))
  known = newest(log, meta)
end
local oldest = redis.call('LINDEX', log, -1)
return {length, redis.call('PTTL', log), #oldest <= tonumber(ARGV[2]) and oldest or '',
  sessions and redis.call('ZSCORE', sessions, ARGV[1]) or '', owner or '', title or '',
  trimmed or '', known and tostring(known.covers) or '', failed or ''}
