/* SPDX-License-Identifier: Apache-2.0 */
/* Limits: at most so many in any span of so long, exact on all nodes. */
#include "core/limit.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define SUBJECT_MAX 190
#define TRIES 32     /* as others may be faster: each lost race is a take of somebody else's */
#define TAKE_SIZE 21 /* characters of an instant with comma or NUL, at most */
#define RETRY_MIN APR_USEC_PER_SEC
#define NETWORK_SIZE 8 /* bytes of an IPv6 address that name a customer's network */

/* The instants of takes in milliseconds, oldest first. */
typedef struct takes_t {
    apr_int64_t at[DT_LIMIT_COUNT_MAX];
    int count;
} takes_t;

static apr_interval_time_t longest_window(const dt_limit_t *limits)
{
    apr_interval_time_t longest = 0;

    for (; limits->count; limits++) {
        longest = limits->window > longest ? limits->window : longest;
    }
    return longest;
}

/*
 * Reads the takes after since; false when anything stands there that was not written here. One from
 * the future, by a node whose clock is ahead, counts as of now: it must not shut anybody out for
 * longer than a window.
 */
static bool read_takes(const char *value, apr_int64_t now, apr_int64_t since, takes_t *takes)
{
    takes->count = 0;
    while (*value) {
        char *end;
        apr_int64_t at;
        if (!apr_isdigit(*value)) {
            return false;
        }
        at = apr_strtoi64(value, &end, 10);
        if (*end != '\0' && (*end != ',' || !end[1])) {
            return false;
        }
        value = end + (*end == ',');
        if (at <= since) {
            continue;
        }
        at = at < now ? at : now;
        if (takes->count == DT_LIMIT_COUNT_MAX ||
            (takes->count > 0 && at < takes->at[takes->count - 1])) {
            return false;
        }
        takes->at[takes->count++] = at;
    }
    return true;
}

static const char *write_takes(apr_pool_t *pool, const takes_t *takes, apr_int64_t now)
{
    const apr_size_t size = (apr_size_t)(takes->count + 1) * TAKE_SIZE;
    char *value = apr_palloc(pool, size);
    apr_size_t len = 0;

    for (int i = 0; i < takes->count; i++) {
        len += (apr_size_t)apr_snprintf(value + len, size - len, "%" APR_INT64_T_FMT ",",
                                        takes->at[i]);
    }
    apr_snprintf(value + len, size - len, "%" APR_INT64_T_FMT, now);
    return value;
}

/* How many milliseconds until there is room in every limit: 0 when there is. */
static apr_int64_t time_to_room(const takes_t *takes, const dt_limit_t *limits, apr_int64_t now)
{
    apr_int64_t longest = 0;

    for (; limits->count; limits++) {
        if (takes->count >= limits->count) {
            /* This one must have left the window when another comes. */
            const apr_int64_t oldest = takes->at[takes->count - limits->count];
            const apr_int64_t left = oldest + apr_time_as_msec(limits->window) - now;
            longest = left > longest ? left : longest;
        }
    }
    return longest;
}

/* One try; APR_EAGAIN when somebody else was faster. */
static apr_status_t take(const dt_memory_t *memory, const dt_call_t *call, const char *subject,
                         const dt_limit_t *limits, bool *allowed, apr_interval_time_t *retry_in)
{
    const apr_interval_time_t longest = longest_window(limits);
    const apr_int64_t now = apr_time_as_msec(call->now);
    const char *value;
    apr_int64_t version;
    apr_int64_t left;
    takes_t takes;
    apr_status_t rv = memory->load_limit(memory->plug.self, call, subject, &value, &version);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    /*
     * Who wrote something else there is unknown, and so is how often was taken. The memory forgets
     * it when it expires; until then the log tells the administrator, which a plain no would not.
     */
    if (!read_takes(value, now, now - apr_time_as_msec(longest), &takes)) {
        return APR_EGENERAL;
    }
    left = time_to_room(&takes, limits, now);
    if (left > 0) {
        *retry_in = left * 1000 > RETRY_MIN ? left * 1000 : RETRY_MIN;
        return APR_SUCCESS;
    }
    rv = memory->store_limit(memory->plug.self, call, subject, write_takes(call->pool, &takes, now),
                             version, call->now + longest);
    *allowed = rv == APR_SUCCESS;
    return rv;
}

static bool is_subject(const char *subject)
{
    const apr_size_t len = strlen(subject);

    for (apr_size_t i = 0; i < len; i++) {
        if (subject[i] < 0x20 || subject[i] >= 0x7f) {
            return false;
        }
    }
    return len <= SUBJECT_MAX;
}

apr_status_t dt_limit_take(const dt_memory_t *memory, const dt_call_t *call, const char *subject,
                           const dt_limit_t *limits, bool *allowed, apr_interval_time_t *retry_in)
{
    apr_status_t rv = APR_EAGAIN;

    *allowed = !limits || limits->count == 0;
    *retry_in = 0;
    if (*allowed) {
        return APR_SUCCESS;
    }
    if (!is_subject(subject)) {
        return APR_EINVAL;
    }
    for (int i = 0; i < TRIES && rv == APR_EAGAIN; i++) {
        rv = take(memory, call, subject, limits, allowed, retry_in);
    }
    return rv;
}

const char *dt_limit_address(apr_pool_t *pool, const char *address)
{
    struct in6_addr bytes;
    char text[INET6_ADDRSTRLEN];
    const char *zone;

    if (!address) {
        return NULL;
    }
    zone = address + strcspn(address, "%"); /* that of a link: fe80::1%eth0 */
    if (inet_pton(AF_INET6, apr_pstrmemdup(pool, address, (apr_size_t)(zone - address)), &bytes) !=
        1) {
        return apr_pstrcat(pool, "address:", address, NULL);
    }
    if (IN6_IS_ADDR_V4MAPPED(&bytes)) {
        inet_ntop(AF_INET, bytes.s6_addr + 12, text, sizeof(text));
        return apr_pstrcat(pool, "address:", text, NULL);
    }
    memset(bytes.s6_addr + NETWORK_SIZE, 0, sizeof(bytes.s6_addr) - NETWORK_SIZE);
    inet_ntop(AF_INET6, &bytes, text, sizeof(text));
    return apr_pstrcat(pool, "address:", text, "/64", zone, NULL);
}
