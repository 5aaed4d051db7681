-- What a context is made of besides the newest messages. It changes nothing.
--
-- KEYS[1] log  KEYS[2] meta
-- ARGV[1] newest  how many of the newest messages are read beside this
-- ARGV[2] oldest  how many of the oldest at most, where the newest are not all
-- ARGV[3] size    bytes after which no more of the oldest are sent
--
-- Returns {number of messages, mark of the newest or '', the oldest, oldest first, summary, failure
-- or '', server's time, ms, shift, ids of all summaries}; the summary is {} or {id, covers, time,
-- text}. The ids are what is stored, whether or not it speaks for the log.
-- Errors: VERSION, WRONGTYPE.

-- include include/companions.lua
-- include include/keeping.lua
-- include include/folds.lua

local log, meta = KEYS[1], KEYS[2]
local wanted, most, size = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

local length = redis.call('LLEN', log)
local kept, stale, problem = companions(log, meta, '')
if problem then
  return problem
end
local oldest = {}
while length > wanted and #oldest < most and size > 0 do
  local element = redis.call('LINDEX', log, -#oldest - 1)
  if not element then
    break
  end
  oldest[#oldest + 1] = element
  size = size - #element
end
local known, failed, shift = {}, '', 0
if kept[1] and not stale then
  local one, _
  one, _, _, shift = newest(log, meta)
  known = one and {one.id, one.covers, one.time, one.text} or {}
  failed = redis.call('HGET', meta, 'failed') or ''
end
local ids = redis.call('HGET', meta, 'summaries') or ''
local top = redis.call('LINDEX', log, 0)
return {length, top and mark(top) or '', oldest, known, failed, clock(), shift, ids}
