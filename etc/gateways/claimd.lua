-- Asks claimd about each request, for haproxy.cfg, which loads it.

local claimd = {url = "http://127.0.0.1:4180/auth"}
-- or: local claimd = {url = "http://claimd/auth", dst = "unix@/run/claimd-gateway/server.sock"}

-- The identity headers, as [server.headers] of claimd.toml names them, in lower case.
local identity = {"remote-user", "remote-email", "remote-name", "remote-groups", "remote-roles", "remote-admin", "remote-provider"}

local answer_within = 1250 -- milliseconds; HAProxy asks up to four times

-- Programs behind HAProxy take some spellings of a header's name for one: these all become the same here.
local function fold(name)
    return (string.lower(name):gsub("[_.]", "-"))
end

local is_identity = {}
for _, name in ipairs(identity) do
    is_identity[fold(name)] = true
end

-- Takes the client's identity headers out of the request, in every spelling. claimd gets to see them, and refuses the
-- request.
local function question(txn)
    local ask = {
        ["x-original-method"] = {txn.sf:method()},
        ["x-original-host"] = {txn.sf:req_fhdr("host")},
        ["x-original-uri"] = {txn.sf:pathq()},
    }
    for name, values in pairs(txn.http:req_get_headers()) do
        if is_identity[fold(name)] then
            txn.http:req_del_header(name)
        end
        if is_identity[fold(name)] or name == "authorization" then
            ask[name] = {}
            for i = 0, #values do
                table.insert(ask[name], values[i])
            end
        end
    end
    return ask
end

-- The first value of a header; "" where there is none.
local function value_of(headers, name)
    return headers[name] and headers[name][0] or ""
end

-- Gives claimd's refusal to the client.
local function refuse(txn, answer)
    local reply = txn:reply({status = answer.status, body = answer.body})
    for _, name in ipairs({"content-type", "cache-control", "www-authenticate", "retry-after", "x-claimd-decision"}) do
        if value_of(answer.headers, name) ~= "" then
            reply:add_header(name, value_of(answer.headers, name))
        end
    end
    txn:done(reply)
end

core.register_action("claimd", {"http-req"}, function(txn)
    local request = {url = claimd.url, dst = claimd.dst, headers = question(txn), timeout = answer_within}
    local answer = core.httpclient():get(request)
    if not answer or not answer.headers or not answer.headers["x-claimd-decision"] then
        return -- claimd did not answer: haproxy.cfg denies what this let in by no word
    end
    if answer.status ~= 200 then
        return refuse(txn, answer)
    end
    txn.http:req_del_header("authorization") -- which makes room
    for _, name in ipairs(identity) do
        if value_of(answer.headers, name) ~= "" then
            txn.http:req_set_header(name, value_of(answer.headers, name))
        end
    end
    local passed = txn.http:req_get_headers()
    for _, name in ipairs(identity) do
        if value_of(passed, name) ~= value_of(answer.headers, name) then
            return -- tune.bufsize has no room for it: half an identity is none
        end
    end
    txn:set_var("txn.claimd_allowed", true)
end, 0)
