-- Note an activity of a session in a catalogue that lies in another slot than its log.
-- Run before the write, so that a crash between the two leaves an entry without a session, which a
-- listing drops, and never a session that no listing finds. It can be repeated as it is.
--
-- KEYS[1] sessions  KEYS[2] user, absent without a user
-- ARGV[1] member
--
-- Returns 1. Errors: WRONGTYPE, before the first change.

redis.call('ZSCORE', KEYS[1], ARGV[1])
if KEYS[2] then
  redis.call('ZSCORE', KEYS[2], ARGV[1])
end
local time = redis.call('TIME')
local now = string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('ZADD', KEYS[1], now, ARGV[1])
if KEYS[2] then
  redis.call('ZADD', KEYS[2], now, ARGV[1])
end
return 1
