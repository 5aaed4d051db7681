-- Copy a log, whole or up to one of its messages, into a list of its own that expires: the first
-- step of a fork. The copy is one command of the server, so no write comes between.
--
-- KEYS[1] log  KEYS[2] meta  KEYS[3] stage  list, newest first
-- ARGV[1] owner: user id, or ''  ARGV[2] stage_ttl, ms
-- ARGV[3] position  of the newest message to copy, negative, counted from the oldest; '' for all
-- ARGV[4] expected  the element that must lie there
--
-- Returns {number of messages, PTTL of the log, owner or '', names and values of the companions
-- that speak for the copy too}; {0} where there is no such session.
-- Errors: OWNER (the session is another user's), VERSION, CHANGED (another element lies there),
-- WRONGTYPE, OOM, READONLY, before the first change.

-- include include/companions.lua
-- include include/folds.lua

local log, meta, stage = KEYS[1], KEYS[2], KEYS[3]
local position, expected = ARGV[3], ARGV[4]

local kept, stale, problem = companions(log, meta, ARGV[1])
if problem then
  return problem
end
if redis.call('LLEN', log) == 0 then
  return {0}
end
if position ~= '' and redis.call('LINDEX', log, position) ~= expected then
  return redis.error_reply('CHANGED')
end
redis.call('COPY', log, stage, 'REPLACE')
if position ~= '' then
  redis.call('LTRIM', stage, position, -1)
end
redis.call('PEXPIRE', stage, ARGV[2])
local copied, companion = redis.call('LLEN', stage), {}
local function also(name, value)
  if value then
    companion[#companion + 1] = name
    companion[#companion + 1] = value
  end
end
if kept[1] and not stale then
  also('title', redis.call('HGET', meta, 'title'))
  also('trimmed', redis.call('HGET', meta, 'trimmed'))
  local ids, shift, spare = listed(meta)
  local theirs = {}
  for _, id in ipairs(ids) do
    local one = summary(meta, id, shift, spare)
    -- As after a rewind: where the copy ends with what it covers, or within, it does not stand.
    if one and (one.covers < copied or position == '') then
      theirs[#theirs + 1] = id
      also('summary:' .. id, redis.call('HGET', meta, 'summary:' .. id))
    end
  end
  if #theirs > 0 then
    also('summaries', table.concat(theirs, ' '))
    also('shift', string.format('%d', shift))
    also('spare', string.format('%d', spare))
  end
end
return {copied, redis.call('PTTL', log), not stale and kept[3] or '', companion}
