-- Which commands the user of this connection may not run. It runs none of them.
--
-- ARGV[1..]  the commands, each with the number of its words before it
--
-- Returns for each command '' where it is allowed, 'denied', or 'unknown' to the server.
-- Errors: none.

local answers, at = {}, 1
while at <= #ARGV do
  local last = at + tonumber(ARGV[at])
  local known, allowed = pcall(redis.acl_check_cmd, unpack(ARGV, at + 1, last))
  answers[#answers + 1] = known and (allowed and '' or 'denied') or 'unknown'
  at = last + 1
end
return answers
