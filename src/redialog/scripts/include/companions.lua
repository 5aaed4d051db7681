-- What the companions of a log say, for the scripts that include this file.
--
-- Companions speak for the log that they were written for. Another client can have deleted it and
-- started a new one under the same key: then its oldest element is another, and they count as
-- absent.

local LAYOUT = 1

local function anchor(log)
  local oldest = redis.call('LINDEX', log, -1)
  if not oldest then
    return ''
  end
  return #oldest .. ':' .. redis.sha1hex(oldest:sub(1, 512) .. oldest:sub(-512))
end

-- Returns the fields layout, anchor and owner, whether they are stale, and the error for a caller
-- who names another owner or does not know the layout.
local function companions(log, meta, owner)
  local kept = redis.call('HMGET', meta, 'layout', 'anchor', 'owner')
  if not kept[1] then
    return kept, false, nil
  end
  if tonumber(kept[1]) > LAYOUT then
    return kept, false, redis.error_reply('VERSION ' .. kept[1])
  end
  local stale = kept[2] ~= anchor(log)
  if not stale and kept[3] and owner ~= '' and kept[3] ~= owner then
    return kept, false, redis.error_reply('OWNER')
  end
  return kept, stale, nil
end
