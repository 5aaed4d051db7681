-- The summaries of a log, among its companions. Needs companions.lua.
--
-- A summary speaks for the oldest messages, up to one that it marks. Places are counted from the
-- oldest, so appends do not change them; `shift` counts what was removed beneath, so that a cut
-- changes none of the summaries. The first `spare` messages are system messages, which stay when
-- others are folded: no summary speaks for them. `summaries` lists the ids, the newest last;
-- `summary:ID` is "end:mark:time:text": `end` and the shift tell how many messages it covers. Where
-- all that it speaks for was removed, it is gone from the log and covers but the spare ones.

local function mark(element)
  return redis.sha1hex(element):sub(1, 16)
end

-- The ids, oldest first, the shift, and how many messages are spare.
local function listed(meta)
  local ids, fields = {}, redis.call('HMGET', meta, 'summaries', 'shift', 'spare')
  for id in (fields[1] or ''):gmatch('%S+') do
    ids[#ids + 1] = id
  end
  return ids, count(fields[2]), count(fields[3])
end

-- A summary as {id, covers, gone, mark, time, text}; nil where it is not readable.
local function summary(meta, id, shift, spare)
  local text = redis.call('HGET', meta, 'summary:' .. id) or ''
  local last, edge, time, rest = text:match('^(%d+):(%x+):(%d+):(.*)$')
  if not last then
    return nil
  end
  local covers = count(last) - shift
  return {id = id, covers = math.max(covers, spare), gone = covers <= spare, mark = edge,
    time = time, text = rest}
end

-- Whether the message that a summary ends with still lies where it was. Another client may have
-- cut the log or changed it.
local function stands(log, one)
  if one.gone then
    return one.covers <= redis.call('LLEN', log)
  end
  local edge = redis.call('LINDEX', log, -one.covers)
  return edge and mark(edge) == one.mark
end

-- The newest summary that stands, or nil; which of the ids it has; and what `listed` returns.
local function newest(log, meta)
  local ids, shift, spare = listed(meta)
  for number = #ids, 1, -1 do
    local one = summary(meta, ids[number], shift, spare)
    if one and stands(log, one) then
      return one, number, ids, shift, spare
    end
  end
  return nil, 0, ids, shift, spare
end

-- Removes the newest summaries until no more than `number` are left.
local function shorten(meta, ids, number)
  if number >= #ids then
    return
  end
  for i = number + 1, #ids do
    redis.call('HDEL', meta, 'summary:' .. ids[i])
  end
  if number == 0 then
    redis.call('HDEL', meta, 'summaries', 'shift', 'spare')
  else
    redis.call('HSET', meta, 'summaries', table.concat(ids, ' ', 1, number))
  end
end

-- After a message was changed, removed, or became the newest: no summary may speak for what it
-- was. `place` is counted from the oldest, from 1.
local function edited(meta, place, action)
  local ids, shift, spare = listed(meta)
  local number, one = #ids, nil
  while number > 0 do
    one = summary(meta, ids[number], shift, spare)
    -- What takes the place of a spare message and is no system message must be folded some day; it
    -- would not be, below a summary of more than the spare ones.
    local spared = place <= spare and action ~= 'rewind'
    if one and (place > one.covers or spared and (action ~= 'replace' or one.gone)) then
      break
    end
    number = number - 1
  end
  shorten(meta, ids, number)
  if number == 0 or place > one.covers or action == 'reword' then
    return
  end
  local left = action == 'remove' and spare - 1 or place - 1
  redis.call('HSET', meta, 'shift', string.format('%d', shift + spare - left), 'spare', left)
end
