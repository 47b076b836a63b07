-- Asks Gatehouse about a request before HAProxy forwards it: http-request lua.gatehouse URL IDENTITY,... CREDENTIAL,...
-- URL is .../authz/forward of listen.forwardAuth; then names of fields that the answer speaks of: those of identity, which are set even where they
-- are empty, since signatures cover them, and those that are taken out where they are. HAProxy 2.6 or later.

-- Of one connection, or said by HAProxy alone.
local NOT_ASKED_WITH = {
  ["connection"] = true, ["keep-alive"] = true, ["proxy-connection"] = true, ["transfer-encoding"] = true,
  ["te"] = true, ["trailer"] = true, ["upgrade"] = true, ["expect"] = true, ["content-length"] = true, ["host"] = true,
}
-- Of the answer's connection.
local NOT_ANSWERED_WITH = {
  ["connection"] = true, ["keep-alive"] = true, ["transfer-encoding"] = true, ["content-length"] = true, ["date"] = true,
}

-- HAProxy counts the values of a field from 0, its HTTP client from 1.
local function values_of(field)
  local values = {}
  for index = 0, #field do
    if field[index] ~= nil then values[#values + 1] = field[index] end
  end
  return values
end

local function refuse(txn, status, fields, body)
  local reply = txn:reply({ status = status })
  for name, field in pairs(fields) do
    if not NOT_ANSWERED_WITH[name] then
      for _, value in ipairs(values_of(field)) do reply:add_header(name, value) end
    end
  end
  if body ~= nil then reply:set_body(body) end
  txn:done(reply)
end

local function outage(txn, why)
  core.Alert("gatehouse: " .. why)
  refuse(txn, 503, { ["retry-after"] = { "2" }, ["cache-control"] = { "no-store" } }, nil)
end

local function ask(txn, url, identity, credentials)
  local fields = {}
  for name, field in pairs(txn.http:req_get_headers()) do
    if not NOT_ASKED_WITH[name] then fields[name] = values_of(field) end
  end
  fields["x-forwarded-method"] = { txn.f:method() }
  fields["x-forwarded-uri"] = { txn.f:url() }
  fields["x-forwarded-host"] = { txn.f:req_hdr("host") or "" }
  fields["x-forwarded-proto"] = { txn.f:ssl_fc() == 1 and "https" or "http" }
  fields["x-forwarded-for"] = { txn.f:src() }

  local answer = core.httpclient():get({ url = url, headers = fields, timeout = 5000 })
  if answer == nil or answer.status == nil or answer.status == 0 then return outage(txn, "no answer") end
  if answer.status ~= 200 then return refuse(txn, answer.status, answer.headers or {}, answer.body) end

  local values = {}
  for name in (identity .. "," .. credentials):gmatch("[^,]+") do
    local field = answer.headers[name:lower()]
    -- An answer that is silent about a field comes from another configuration: the client's own must not pass for it.
    if field == nil then return outage(txn, "the answer does not speak of " .. name) end
    values[name] = values_of(field)[1] or ""
    txn.http:req_del_header(name)
  end
  for name in identity:gmatch("[^,]+") do txn.http:req_set_header(name, values[name]) end
  for name in credentials:gmatch("[^,]+") do
    if values[name] ~= "" then txn.http:req_set_header(name, values[name]) end
  end
end

core.register_action("gatehouse", { "http-req" }, ask, 3)
