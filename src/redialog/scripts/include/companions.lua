-- What the companions of a log say, for the scripts that include this file.
--
-- Companions speak for the log that they were written for. Another client can have deleted it and
-- started a new one under the same key: then its oldest elements are others, and they count as
-- absent. More than one element is looked at, since conversations begin alike: LangChain stores a
-- "hi" as the same bytes each time.

local LAYOUT = 1
local MARKED, ENDS = 4, 512

-- A number that stands in a field; 0 for what only another client can have left there.
local function count(text)
  return text and #text < 16 and tonumber(text:match('^%d+$')) or 0
end

-- "number:digest" of the oldest elements, of each its length and both its ends. Joined at once: of
-- the 20 µs that this takes with a string for each element, a third was making those.
local function anchor(log, number)
  local oldest = redis.call('LRANGE', log, -number, -1)
  local parts, size = {}, 0
  for i = 1, #oldest do
    local element = oldest[i]
    local head, tail = element, element
    if #element > ENDS then
      head, tail = element:sub(1, ENDS), element:sub(-ENDS)
    end
    parts[size + 1], parts[size + 2], parts[size + 3] = #element, ':', head
    parts[size + 4], parts[size + 5] = tail, '\n'
    size = size + 5
  end
  parts[size] = nil
  return #oldest .. ':' .. redis.sha1hex(table.concat(parts)):sub(1, 16)
end

-- Returns the fields layout, anchor and owner, whether they are stale, and the error for a caller
-- who names another owner or does not know the layout.
local function companions(log, meta, owner)
  local kept = redis.call('HMGET', meta, 'layout', 'anchor', 'owner')
  if not kept[1] then
    return kept, false, nil
  end
  if (tonumber(kept[1]) or math.huge) > LAYOUT then
    return kept, false, redis.error_reply('VERSION ' .. kept[1])
  end
  local number = tonumber((kept[2] or ''):match('^%d'))
  local stale = not number or number < 1 or kept[2] ~= anchor(log, number)
  if not stale and kept[3] and owner ~= '' and kept[3] ~= owner then
    return kept, false, redis.error_reply('OWNER')
  end
  return kept, stale, nil
end
