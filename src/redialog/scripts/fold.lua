-- Keep a summary of the oldest messages, where they are still those that were summarised.
--
-- KEYS[1] log  KEYS[2] meta  KEYS[3] op  KEYS[4] lease
-- ARGV[1] token_ttl, ms  ARGV[2] owner: user id, or ''
-- ARGV[3] id     of the new summary; the lease's value, and the token
-- ARGV[4] base   id of the summary that it continues, or ''
-- ARGV[5] first  place of the oldest message that it adds, from the oldest, with the shift
-- ARGV[6] last   place of the newest
-- ARGV[7] digest of the messages between, both included (see below)
-- ARGV[8] spare  how many messages at the beginning are not folded
-- ARGV[9] text   what to keep
-- ARGV[10] most  how many summaries are kept
-- ARGV[11] drop  '1' where folded messages are removed, else ''
--
-- Returns {0, id}, or {1, id} where the token was seen.
-- Errors: OWNER (the session is another user's), VERSION, CHANGED (there is another summary, or
-- other messages, or none after them), WRONGTYPE, OOM, READONLY. None of them leaves anything
-- behind.

-- include include/companions.lua
-- include include/keeping.lua
-- include include/folds.lua

local log, meta, op, lease = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id, drop = ARGV[3], ARGV[11] == '1'
local CHUNK = 1000

-- The SHA-1 over the SHA-1 of each element, oldest first.
local function digest(first, last)
  local parts = {}
  for from = first, last, CHUNK do
    local to = math.min(from + CHUNK - 1, last)
    local elements = redis.call('LRANGE', log, -to, -from)
    for i = #elements, 1, -1 do
      parts[#parts + 1] = redis.sha1hex(elements[i])
    end
  end
  return redis.sha1hex(table.concat(parts))
end

local kept, stale, problem = companions(log, meta, ARGV[2])
local seen = answered(op, ARGV[1])
if seen then
  return {1, seen}
end
if problem then
  return problem
end
local base, number, ids, shift, known = nil, 0, {}, 0, 0
if kept[1] and not stale then
  base, number, ids, shift, known = newest(log, meta)
end
local spare = base and known or 0
local first, last = ARGV[5] - shift, ARGV[6] - shift
-- A summary of all that there is would leave no message to show, and with `drop` no session.
if (base and base.id or '') ~= ARGV[4] or first <= spare or last >= redis.call('LLEN', log)
  or digest(first, last) ~= ARGV[7] then
  return redis.error_reply('CHANGED')
end
local refused = forbidden({'HSET', meta, 'f', 'v'}, {'HDEL', meta, 'f'}, {'UNLINK', meta},
  {'PEXPIRE', meta, 1}, {'PERSIST', meta}, {'DEL', lease})
if not refused and drop then
  refused = forbidden({'LTRIM', log, 0, 0}, {'RPUSH', log, 'e'})
end
if refused then
  return refused
end
local holder = redis.call('GET', lease)

redis.call('SET', op, id, 'PX', ARGV[1])
while base and base.covers >= last do
  -- Its text is not readable, so that what it covers was summarised anew.
  number = number - 1
  base = number > 0 and summary(meta, ids[number], shift, spare)
end
if not base or base.gone then
  spare = math.max(spare, math.min(ARGV[8], first - 1))
end
shorten(meta, ids, number)
local edge = mark(redis.call('LINDEX', log, -last))
local record = table.concat({ARGV[6], edge, clock(), ARGV[9]}, ':')
local oldest = math.max(number - ARGV[10] + 2, 1)
for i = 1, oldest - 1 do
  redis.call('HDEL', meta, 'summary:' .. ids[i])
end
ids[number + 1] = id
local fields = {'summaries', table.concat(ids, ' ', oldest, number + 1), 'summary:' .. id, record}
local dropped = drop and last - spare or 0
if drop then
  local spared = spare > 0 and redis.call('LRANGE', log, -spare, -1) or {}
  redis.call('LTRIM', log, 0, -last - 1)
  if #spared > 0 then
    redis.call('RPUSH', log, unpack(spared))
  end
  local before = not stale and redis.call('HGET', meta, 'trimmed')
  fields[5], fields[6] = 'trimmed', string.format('%d', count(before) + dropped)
end
local now = {'shift', string.format('%d', shift + dropped), 'spare', string.format('%d', spare)}
for _, text in ipairs(now) do
  fields[#fields + 1] = text
end
if kept[1] and not stale then
  redis.call('HDEL', meta, 'failed')
end
renew(log, meta, keep(log, meta, kept, stale, fields), '', '')
if holder == id then
  redis.call('DEL', lease)
end
return {0, id}
