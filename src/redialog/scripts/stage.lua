-- Stage a part of what is too large for one call, in a list of its own that expires.
--
-- KEYS[1] stage  list, newest first, as the log will be
-- KEYS[2] op     the token of the operation that will publish it
-- ARGV[1] offset     how many elements the parts before this one had
-- ARGV[2] stage_ttl  ms
-- ARGV[3..] elements, oldest first, at most some 1,000
--
-- Returns {0, length} of the stage, also where this part was staged before; {1, 0} where the
-- operation is done; {2, length} where parts before this one are missing: nothing was staged.
-- Errors: WRONGTYPE, OOM, READONLY, before the first change.

local stage, op = KEYS[1], KEYS[2]

if redis.call('EXISTS', op) == 1 then
  return {1, 0}
end
local length = redis.call('LLEN', stage)
if length < tonumber(ARGV[1]) then
  return {2, length}
end
if length == tonumber(ARGV[1]) then
  length = redis.call('LPUSH', stage, unpack(ARGV, 3))
end
redis.call('PEXPIRE', stage, ARGV[2])
return {0, length}
