-- Give the lease of a summary back, and keep why there is none. It can be repeated as it is: only
-- the holder of the lease does anything.
--
-- KEYS[1] log  KEYS[2] meta  KEYS[3] lease
-- ARGV[1] id      the lease's value
-- ARGV[2] owner   user id, or ''
-- ARGV[3] reason  why it failed, or '' where there was nothing to do
-- ARGV[4] pause, ms, before the next attempt; twice as long with each further failure
-- ARGV[5] longest pause, ms
--
-- Returns 1, or 0 where the lease is not held.
-- Errors: WRONGTYPE, READONLY, before the first change.

-- include include/companions.lua
-- include include/keeping.lua

local log, meta, lease = KEYS[1], KEYS[2], KEYS[3]

if redis.call('GET', lease) ~= ARGV[1] then
  return 0
end
local exists = redis.call('LLEN', log) > 0
local kept, stale, problem = companions(log, meta, ARGV[2])
redis.call('DEL', lease)
if ARGV[3] == '' or problem or not exists then
  return 1
end
local before = kept[1] and not stale and redis.call('HGET', meta, 'failed') or ''
local times = (tonumber(before:match('^%d+')) or 0) + 1
local now = clock()
local pause = math.min(ARGV[4] * 2 ^ math.min(times - 1, 30), ARGV[5])
local failed = string.format('%d:%d:%d:', times, now, now + pause) .. ARGV[3]
renew(log, meta, keep(log, meta, kept, stale, {'failed', failed}), '', '')
return 1
