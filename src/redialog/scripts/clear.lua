-- Delete a session: its log, its companions and its entries in the catalogue.
--
-- KEYS[1] log  KEYS[2] meta  KEYS[3] op  KEYS[4] sessions, absent where it lies in another slot
-- KEYS[5] user, absent without a user
-- ARGV[1] member  ARGV[2] token_ttl, ms  ARGV[3] owner: user id, or ''
--
-- Returns {0, "number of messages deleted:server's time, ms:owner or nothing"}, or {1, the same of
-- the first time} where the token was seen: then nothing is deleted, so what was appended since
-- stays.
-- Errors: OWNER (the session is another user's), VERSION, WRONGTYPE, READONLY, before the
-- first change.

-- include include/companions.lua
-- include include/keeping.lua

local log, meta, op, sessions, user = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]

local seen = answered(op, ARGV[2])
if seen then
  return {1, seen}
end
local length = redis.call('LLEN', log)
local kept, stale, problem = companions(log, meta, ARGV[3])
if problem then
  return problem
end
for _, key in ipairs({sessions, user}) do
  redis.call('ZSCORE', key, ARGV[1])
end
local answer = length .. ':' .. clock() .. ':' .. (not stale and kept[3] or '')
-- First of all, since a server that is full refuses a script that begins with what takes memory.
redis.call('UNLINK', log, meta)
redis.call('SET', op, answer, 'PX', ARGV[2])
for _, key in ipairs({sessions, user}) do
  redis.call('ZREM', key, ARGV[1])
end
return {0, answer}
