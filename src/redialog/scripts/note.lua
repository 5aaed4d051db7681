-- Note an activity of a session in a catalogue that lies in another slot than its log.
-- Before a write, so that a crash between the two leaves an entry without a session, which a listing
-- drops, and never a session that no listing finds; after one, for an owner whom the handle did not
-- name, and for a session that began with it. It can be repeated as it is.
--
-- KEYS[1] sessions  KEYS[2] user, absent without a user
-- ARGV[1] member
-- ARGV[2] 'XX' to note it only where the session is known already, else ''
--
-- Returns 1. Errors: WRONGTYPE, OOM, READONLY, before the first change.

-- include include/companions.lua
-- include include/keeping.lua

local member, only = ARGV[1], ARGV[2]

for _, key in ipairs(KEYS) do
  redis.call('ZSCORE', key, member)
end
local now = clock()
for _, key in ipairs(KEYS) do
  if only == 'XX' then
    redis.call('ZADD', key, 'XX', now, member)
  else
    redis.call('ZADD', key, now, member)
  end
end
return 1
