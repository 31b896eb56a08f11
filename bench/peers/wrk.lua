-- SPDX-License-Identifier: Apache-2.0
-- What wrk has measured, as one line of JSON; times in microseconds.
function done(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format(
        '\n{"requests": %d, "bytes": %d, "duration": %d, "failed": %d, "p50": %d, "p99": %d}\n',
        summary.requests, summary.bytes, summary.duration,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout,
        latency:percentile(50), latency:percentile(99)))
end
