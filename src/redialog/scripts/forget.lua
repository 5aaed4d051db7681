-- Drop a cleared session from a catalogue that lies in another slot than its log, unless it was
-- written again since.
--
-- KEYS[1] sessions  KEYS[2] user, absent without a user
-- ARGV[1] member
-- ARGV[2] cleared_at  ms by the server's clock; an activity from then on keeps the entry
--
-- Returns 1. Errors: WRONGTYPE, READONLY, before the first change.

local member, cleared_at = ARGV[1], tonumber(ARGV[2])

local scores = {}
for i, key in ipairs(KEYS) do
  scores[i] = tonumber(redis.call('ZSCORE', key, member) or 'inf')
end
for i, key in ipairs(KEYS) do
  if scores[i] and scores[i] < cleared_at then
    redis.call('ZREM', key, member)
  end
end
return 1
