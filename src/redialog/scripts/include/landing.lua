-- How new elements land in a log: what append.lua and publish.lua have in common. Needs
-- companions.lua, keeping.lua and cap.lua; defines `land`.
--
-- Both have log, meta and op as their first keys, and as their first arguments written, token_ttl,
-- ttl, fixed, owner, member, cut and edge. `adding` is the number of elements; `push` adds them and
-- returns the log's length or an error; `fields` are further companions to set.
--
-- None of its errors leaves anything behind: Redis refuses the first write of a script where it
-- may not write, and that write is the token's; what can fail after it takes it back.

local function land(sessions, user, adding, push, fields)
  local log, meta, op = KEYS[1], KEYS[2], KEYS[3]
  local written, owner, member = ARGV[1], ARGV[5], ARGV[6]
  local kept, stale, problem = companions(log, meta, owner)
  local whose = not stale and kept[3] or ''
  local cut = ARGV[7] ~= '' and cut_of(ARGV[7])
  local before = redis.call('LLEN', log)
  local seen = redis.call('SET', op, written, 'PX', ARGV[2], 'NX', 'GET')
  if seen then
    confirmable(op, ARGV[2])
    return {1, seen, whose}
  end
  local function refused(why)
    redis.call('DEL', op)
    return why
  end
  if problem then
    return refused(problem)
  end
  if cut and not fits(log, before, cut, ARGV[8], adding) then
    return refused({2, tostring(before), oldest(log, adding)})
  end
  local denied = cut and cut.drop and forbidden({'LTRIM', log, 0, 0}, {'RPUSH', log, 'e'},
    {'HSET', meta, 'f', 'v'})
  if denied then
    return refused(denied)
  end

  local added, now = 0, sessions and clock()
  if sessions then
    if user then
      local found = redis.pcall('ZSCORE', user, member)
      if type(found) == 'table' and found.err then
        return refused(found)
      end
    end
    added = redis.pcall('ZADD', sessions, now, member)
    if type(added) == 'table' then
      return refused(added)
    end
  end
  local length = push()
  if type(length) == 'table' then
    if added == 1 then
      redis.call('ZREM', sessions, member)
    end
    return refused(length)
  end
  if user then
    redis.call('ZADD', user, now, member)
  end

  fields = fields or {}
  if cut then
    fields = trim(log, meta, cut, stale)
  end
  if owner ~= '' and (stale or not kept[3]) then
    fields[#fields + 1] = 'owner'
    fields[#fields + 1] = owner
  end
  local has_meta = kept[1] and not stale
  if stale or #fields > 0 or (has_meta and tonumber(kept[2]:sub(1, 1)) < MARKED) then
    has_meta = keep(log, meta, kept, stale, fields)
  end
  renew(log, meta, has_meta, ARGV[3], ARGV[4])
  return {0, written, whose, before == 0 and 1 or 0}
end
