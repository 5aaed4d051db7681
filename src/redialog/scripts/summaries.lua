-- The summaries of a session. It changes nothing.
--
-- KEYS[1] log  KEYS[2] meta
--
-- Returns {id, covers, time, text} of each that still speaks for the log, oldest first.
-- Errors: VERSION, WRONGTYPE.

-- include include/companions.lua
-- include include/folds.lua

local log, meta = KEYS[1], KEYS[2]

local length = redis.call('LLEN', log)
local kept, stale, problem = companions(log, meta, '')
if problem then
  return problem
end
local standing = {}
if length > 0 and kept[1] and not stale then
  local ids, shift, spare = listed(meta)
  for _, id in ipairs(ids) do
    local one = summary(meta, id, shift, spare)
    if one and stands(log, one) then
      standing[#standing + 1] = {one.id, one.covers, one.time, one.text}
    end
  end
end
return standing
