-- What is looked at of a session to find out whether it is sound. It changes nothing.
--
-- KEYS[1] log  KEYS[2] meta
-- ARGV[1] most  how many of the newest elements
-- ARGV[2] size  bytes of them that are worth sending
--
-- Returns {number of messages, PTTL of the log, PTTL of the companions, elements, newest first}; an
-- element that is too large stands there as nil.
-- Errors: WRONGTYPE.

local log, meta = KEYS[1], KEYS[2]
local left = tonumber(ARGV[2])

local length = redis.call('LLEN', log)
local elements = {}
for place = 1, math.min(length, tonumber(ARGV[1])) do
  local element = redis.call('LINDEX', log, place - 1)
  elements[place] = #element <= left and element
  left = elements[place] and left - #element or left
end
return {length, redis.call('PTTL', log), redis.call('PTTL', meta), elements}
