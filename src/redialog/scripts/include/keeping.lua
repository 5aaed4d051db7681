-- How the scripts that change a log keep its companions, its TTL and the catalogue in step with
-- it. Needs companions.lua.

-- Milliseconds by the server's clock, as text that a sorted set takes as it is.
local function clock()
  local time = redis.call('TIME')
  return string.format('%d', time[1] * 1000 + (time[2] - time[2] % 1000) / 1000)
end

-- Makes an answer from a token a write of its own. Whoever asks the replicas next (WAIT) asks for
-- what this connection wrote, and the write that the token stands for came over another one.
local function confirmable(op, token_ttl)
  redis.call('PEXPIRE', op, token_ttl)
end

-- What the operation answered the first time, if there was one.
local function answered(op, token_ttl)
  local seen = redis.call('GET', op)
  if seen then
    confirmable(op, token_ttl)
  end
  return seen
end

-- The error for a user who may not run one of these commands, known before the first change: a write
-- that is refused in the middle would be left half done. nil where all are allowed.
local function forbidden(...)
  for _, command in ipairs({...}) do
    if not redis.acl_check_cmd(unpack(command)) then
      return redis.error_reply('NOPERM ' .. command[1])
    end
  end
end

-- Anchors the companions in the log as it is now and sets some of their fields; stale ones go
-- first, and those that hold nothing more. Returns whether there are companions then.
local function keep(log, meta, kept, stale, fields)
  if stale then
    redis.call('UNLINK', meta)
  end
  local there = kept[1] and not stale
  if #fields == 0 and not there then
    return false
  end
  redis.call('HSET', meta, 'layout', LAYOUT, 'anchor', anchor(log, MARKED), unpack(fields))
  if #fields == 0 and redis.call('HLEN', meta) == 2 then
    redis.call('UNLINK', meta)
    return false
  end
  return true
end

-- Gives the log its TTL, and its companions the same. A fixed TTL is set only where none runs.
local function renew(log, meta, has_meta, ttl, fixed)
  if ttl ~= '' and not (fixed == '1' and redis.call('PTTL', log) >= 0) then
    redis.call('PEXPIRE', log, ttl)
    if has_meta then
      redis.call('PEXPIRE', meta, ttl)
    end
  elseif has_meta then
    local left = redis.call('PTTL', log)
    if left >= 0 then
      redis.call('PEXPIRE', meta, left)
    else
      redis.call('PERSIST', meta)
    end
  end
end
