-- Make staged messages part of a session, all at once: the last step of a bulk append and of a
-- fork.
--
-- KEYS[1] log    KEYS[2] meta   KEYS[3] op   as in append.lua
-- KEYS[4] stage  list, newest first; it is gone afterwards
-- KEYS[5] sessions, absent where it lies in another slot   KEYS[6] user, absent without a user
-- ARGV[1] written  ARGV[2] token_ttl  ARGV[3] ttl  ARGV[4] fixed  ARGV[5] owner  ARGV[6] member
-- ARGV[7] cut      ARGV[8] edge       all as in append.lua
-- ARGV[9] count    elements that were staged
-- ARGV[10] new     '1' where there must be no such session yet, else ''
-- ARGV[11..] fields and values of companions of a new session
--
-- Returns as append.lua, or {3, elements found} where the stage is not complete (it expired):
-- then nothing was done.
-- Errors: as append.lua, and EXISTS where a new session is there already.

-- include include/companions.lua
-- include include/keeping.lua
-- include include/cap.lua
-- include include/landing.lua

local log, op, stage = KEYS[1], KEYS[3], KEYS[4]
local count, CHUNK = tonumber(ARGV[9]), 1000

local fields = {}
for i = 11, #ARGV do
  fields[i - 10] = ARGV[i]
end

local function moved()
  if redis.call('EXISTS', log) == 0 then
    redis.call('RENAME', stage, log)
    redis.call('PERSIST', log)
    return count
  end
  local length
  for i = 1, count, CHUNK do
    local newest_first = redis.call('LRANGE', stage, -(i + CHUNK - 1), -i)
    local oldest_first = {}
    for j, element in ipairs(newest_first) do
      oldest_first[#newest_first + 1 - j] = element
    end
    length = redis.pcall('LPUSH', log, unpack(oldest_first))
    if type(length) == 'table' then
      return length
    end
  end
  redis.call('UNLINK', stage)
  return length
end

if redis.call('EXISTS', op) == 0 then
  local found = redis.call('LLEN', stage)
  if found ~= count then
    return {3, tostring(found)}
  end
  if ARGV[10] == '1' and redis.call('EXISTS', log) == 1 then
    return redis.error_reply('EXISTS')
  end
end

return land(KEYS[5], KEYS[6], count, moved, fields)
