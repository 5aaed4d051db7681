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
-- ARGV[4] fixed     '1' where a running ttl is left alone, else ''
-- ARGV[5] owner     user id, or ''
-- ARGV[6] member    the session in the catalogue
-- ARGV[7] cut       "cap" or "cap:spare:drop:length" (include/cap.lua), or ''
-- ARGV[8] edge      an element at the cut (include/cap.lua), or ''
-- ARGV[9..] elements, oldest first
--
-- Returns {0, written, owner or '', 1 where the log began with it, else 0}; {1, written the first
-- time, owner} where the token was seen; {2, length, oldest elements, newest of them first} where the
-- log is full and the cut is not given or no longer right.
-- Errors: OWNER (the session is another user's), VERSION (a newer layout), WRONGTYPE, OOM,
-- READONLY. None of them leaves anything behind.

-- include include/companions.lua
-- include include/keeping.lua
-- include include/cap.lua
-- include include/landing.lua

local FIRST, CHUNK = 9, 1000

return land(KEYS[4], KEYS[5], #ARGV - FIRST + 1, function()
  if #ARGV <= CHUNK then
    return redis.pcall('LPUSH', KEYS[1], unpack(ARGV, FIRST))
  end
  -- Lua cannot unpack thousands. Only the first push can fail: the others find a list.
  local length
  for i = FIRST, #ARGV, CHUNK do
    length = redis.pcall('LPUSH', KEYS[1], unpack(ARGV, i, math.min(i + CHUNK - 1, #ARGV)))
    if type(length) == 'table' then
      break
    end
  end
  return length
end)
