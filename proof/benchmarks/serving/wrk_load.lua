-- A load for wrk: posts one body, checks each answer, notes the ids of recorded executions.
-- The environment holds LOAD_BODY, LOAD_STATUS and LOAD_EXPECTED of right answers, LOAD_IDS (a file,
-- may be empty) and LOAD_HEADERS (name: value, one a line). At the end one line of JSON is printed.

local expected = os.getenv("LOAD_EXPECTED")
local expected_status = tonumber(os.getenv("LOAD_STATUS"))
local ids_path = os.getenv("LOAD_IDS")
local threads = {}

wrk.method = "POST"
wrk.body = os.getenv("LOAD_BODY")
for name, value in os.getenv("LOAD_HEADERS"):gmatch("([^\n:]+): ([^\n]*)") do
   wrk.headers[name] = value
end

function setup(thread)
   table.insert(threads, thread)
end

function init()
   wrong = 0
   first_wrong = ""
   if ids_path ~= "" then
      -- Closed, and so written, when the process exits.
      ids = io.open(ids_path, "w")
   end
end

function response(status, headers, body)
   if status ~= expected_status or not body:find(expected, 1, true) then
      wrong = wrong + 1
      if wrong == 1 then
         first_wrong = status .. " " .. body:sub(1, 200)
      end
   elseif ids then
      ids:write(body:match('"execution_id":"([^"]+)"'), "\n")
   end
end

function done(summary, latency)
   local wrongs, said = 0, ""
   for _, thread in ipairs(threads) do
      wrongs = wrongs + thread:get("wrong")
      said = said .. thread:get("first_wrong")
   end
   local errors = summary.errors
   io.write(string.format(
      '\n{"answers": %d, "wrong": %d, "errors": %d, "seconds": %.6f, "p50_s": %.6f, ' ..
      '"p99_s": %.6f, "first_wrong": "%s"}\n',
      summary.requests, wrongs, errors.connect + errors.read + errors.write + errors.timeout,
      summary.duration / 1e6, latency:percentile(50) / 1e6, latency:percentile(99) / 1e6,
      said:gsub('[%c"\\]', " ")
   ))
end
