-- What a context is made of besides the newest messages. It changes nothing.
--
-- KEYS[1] log  KEYS[2] meta
-- ARGV[1] newest  how many of the newest messages are read beside this
-- ARGV[2] oldest  how many of the oldest at most, where the newest are not all
-- ARGV[3] size    bytes after which no more of the oldest are sent
--
-- Returns {number of messages, mark of the newest or '', the oldest, oldest first, summary, failure
-- or '', server's time, ms, or 0 without a failure, shift, ids of all summaries}; the summary is {}
-- or {id, covers, time, text}. The ids are what is stored, whether or not it speaks for the log. Of
-- the oldest those are sent that may be system messages, and the one after them.
-- Errors: VERSION, WRONGTYPE.

local log, meta = KEYS[1], KEYS[2]
local wanted, most, size = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

-- Whoever reads them knows for certain; here it is only guessed, so that what begins with other
-- messages, as most conversations do, sends one of them.
local function maybe_system(element)
  return element:find('ystem', 1, true) or element:find('eveloper', 1, true)
    or element:find('SYSTEM', 1, true)
end

local length = redis.call('LLEN', log)
local fields = redis.call('HMGET', meta, 'layout', 'summaries', 'failed', 'shift')
local known, failed, now, shift, ids = {}, '', '0', 0, fields[2] or ''
-- Whether companions speak for this log costs more than all the rest, and without a summary nothing
-- depends on it: then not even the functions are made.
if fields[1] and (fields[1] ~= '1' or fields[2] or fields[3] or fields[4]) then
-- include include/companions.lua
-- include include/keeping.lua
-- include include/folds.lua
  local _, stale, problem = companions(log, meta, '')
  if problem then
    return problem
  end
  if not stale then
    local one
    one, _, _, shift = newest(log, meta)
    known = one and {one.id, one.covers, one.time, one.text} or {}
    failed = fields[3] or ''
    now = failed ~= '' and clock() or '0'
  end
end
local oldest = {}
while length > wanted and #oldest < most and size > 0 do
  local element = redis.call('LINDEX', log, -#oldest - 1)
  if not element then
    break
  end
  oldest[#oldest + 1] = element
  size = maybe_system(element) and size - #element or 0
end
local top = redis.call('LINDEX', log, 0)
local edge = top and redis.sha1hex(top):sub(1, 16) or ''
return {length, edge, oldest, known, failed, now, shift, ids}
