-- A limit of a log's length. Where it may be cut, between groups of messages, is for the caller
-- to find out, who can read elements: a script must not. So it answers that the log is full, and
-- is called again with a cut. Needs companions.lua.

-- The parts of "cap" or "cap:spare:drop:length": of a log of that length, the oldest `spare`
-- elements stay and the next `drop` go.
local function cut_of(text)
  local cap, spare, drop, length = text:match('^(%d+):?(%d*):?(%d*):?(%d*)$')
  return {cap = tonumber(cap), spare = tonumber(spare), drop = tonumber(drop),
    length = tonumber(length)}
end

-- Whether so many more elements can be added to a log of this length with this cut. `edge` shows
-- that the log is still the one that was read: the oldest element after the cut, or, where that is
-- among the added ones, the newest that stays before it.
local function fits(log, length, cut, edge, adding)
  if not cut.drop then
    return length + adding <= cut.cap
  end
  local after = cut.spare + cut.drop
  local place = after < cut.length and after + 1 or math.min(cut.spare, cut.length)
  return length == cut.length and (place == 0 or redis.call('LINDEX', log, -place) == edge)
end

-- The elements where a full log will probably be cut, newest first: as many as are added and a few
-- more, but no more than a megabyte and one.
local function oldest(log, adding)
  local found, size = {}, 0
  for i = 1, math.min(adding, 100) + 8 do
    local element = redis.call('LINDEX', log, -i)
    if not element or size > 1048576 then
      break
    end
    table.insert(found, 1, element)
    size = size + #element
  end
  return found
end

-- Cuts the log after the elements were added. Returns the fields of the companions that count what
-- went and, where there are summaries (include/folds.lua), what stays before it.
local function trim(log, meta, cut, stale)
  if not cut.drop or cut.drop == 0 then
    return {}
  end
  local spared = {}
  if cut.spare > 0 then
    spared = redis.call('LRANGE', log, -cut.spare, -1)
  end
  redis.call('LTRIM', log, 0, -(cut.spare + cut.drop + 1))
  if #spared > 0 then
    redis.call('RPUSH', log, unpack(spared))
  end
  local before = {}
  if not stale then
    before = redis.call('HMGET', meta, 'trimmed', 'summaries', 'shift', 'spare')
  end
  local fields = {'trimmed', string.format('%d', count(before[1]) + cut.drop)}
  if before[2] then
    local spare = math.max(cut.spare, count(before[4]) - cut.drop)
    fields[3], fields[4] = 'shift', string.format('%d', count(before[3]) + cut.drop)
    fields[5], fields[6] = 'spare', string.format('%d', spare)
  end
  return fields
end
