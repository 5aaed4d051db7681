-- Drop an entry of a catalogue that leads to no session, or to one that is another user's.
--
-- KEYS[1] sessions  the catalogue, of a namespace or of a user
-- KEYS[2] log       absent where it lies in another slot; then the caller has looked for it
-- KEYS[3] meta      the same
-- ARGV[1] member
-- ARGV[2] score  that the entry had; an activity since then keeps it
-- ARGV[3] owner  whose catalogue it is, '' for that of a namespace
-- ARGV[4] grace  ms; a younger entry is kept
--
-- Returns 1 where it was dropped, else 0. Errors: VERSION, WRONGTYPE, READONLY, before the
-- first change.

-- include include/companions.lua
-- include include/keeping.lua

local sessions, log, meta = KEYS[1], KEYS[2], KEYS[3]
local member, owner = ARGV[1], ARGV[3]

local score = tonumber(redis.call('ZSCORE', sessions, member))
if score ~= tonumber(ARGV[2]) or score > clock() - ARGV[4] then
  return 0
end
if log and redis.call('LLEN', log) == 0 then
  -- Companions that another client's deletion left behind.
  redis.call('UNLINK', meta)
elseif log then
  if owner == '' then
    return 0
  end
  local kept, stale, problem = companions(log, meta, '')
  if problem then
    return problem
  end
  if kept[3] == owner and not stale then
    return 0
  end
end
return redis.call('ZREM', sessions, member)
