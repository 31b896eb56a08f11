/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of clients: under which subject codes are counted that somebody there asks for.
 * The first byte says what follows: t an address as text, b its 16 bytes. */
#include "core/challenge.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NETWORK 8 /* bytes: a customer has as many addresses as the others can say */
#define BYTES 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* --- a memory that is asked once, and does not answer --- */

static apr_status_t load_limit(void *self, const dt_call_t *call, const char *subject,
                               const char **value, apr_int64_t *version)
{
    const char **asked = self;

    must(!*asked);
    *asked = subject;
    return APR_EGENERAL;
}

/* The subject of an address; NULL: it is no text that is asked for. */
static const char *subject_of(apr_pool_t *pool, const char *address)
{
    static const dt_limit_t limits[] = {{1, APR_USEC_PER_SEC}, {0, 0}};
    static const dt_code_rules_t rules = {.length = 6, .attempts = 5, .per_address = limits};
    static const dt_codes_t codes = {.rules = &rules};
    const dt_call_t call = {.pool = pool,
                            .now = apr_time_from_sec(1700000000),
                            .host = "a",
                            .address = address};
    const dt_member_t person = {.user_id = "user", .union_id = "union"};
    const char *subject = NULL;
    const dt_memory_t memory = {.plug = {"fuzz", (void *)&subject, NULL}, .load_limit = load_limit};
    const dt_bind_t bind = {.corp_id = "corp", .memory = &memory};
    dt_code_asked_t asked;
    apr_interval_time_t retry_in;
    dt_result_t result;

    must(dt_challenge_send(&codes, &bind, &call, &person, NULL, "13800138000", &asked, &retry_in,
                           &result) != APR_SUCCESS);
    must(result.what == DT_UNSURE);
    return subject;
}

/* --- what must hold --- */

static const char *text_of(apr_pool_t *pool, const unsigned char *bytes, const char *zone)
{
    char text[INET6_ADDRSTRLEN];

    must(inet_ntop(AF_INET6, bytes, text, sizeof(text)) != NULL);
    return apr_pstrcat(pool, text, zone, NULL);
}

static bool is_mapped(const unsigned char *bytes)
{
    static const unsigned char prefix[12] = {[10] = 0xff, [11] = 0xff};

    return memcmp(bytes, prefix, sizeof(prefix)) == 0;
}

/* Everything of a network is one, and nothing of another. */
static void check_network(apr_pool_t *pool, const unsigned char *bytes, const char *zone)
{
    const char *subject = subject_of(pool, text_of(pool, bytes, zone));
    unsigned char other[BYTES];

    must(subject != NULL);
    memcpy(other, bytes, BYTES);
    for (int i = NETWORK; i < BYTES; i++) {
        other[i] ^= bytes[i - NETWORK] | 1;
    }
    must(is_mapped(other) || strcmp(subject_of(pool, text_of(pool, other, zone)), subject) == 0);
    memcpy(other, bytes, BYTES);
    other[bytes[BYTES - 1] % NETWORK] ^= (unsigned char)(1 << (bytes[BYTES - 2] % 8));
    must(strcmp(subject_of(pool, text_of(pool, other, zone)), subject) != 0);
    must(strcmp(subject_of(pool, text_of(pool, bytes, "%other")), subject) != 0);
}

/* An address of IPv4 counts as itself, however it is written. */
static void check_mapped(apr_pool_t *pool, const unsigned char *bytes)
{
    const char *text =
        apr_psprintf(pool, "%d.%d.%d.%d", bytes[12], bytes[13], bytes[14], bytes[15]);
    const char *expected = apr_pstrcat(pool, "address:", text, NULL);

    must(strcmp(subject_of(pool, text), expected) == 0);
    must(strcmp(subject_of(pool, text_of(pool, bytes, "")), expected) == 0);
}

static void check_bytes(apr_pool_t *pool, const unsigned char *bytes)
{
    if (is_mapped(bytes)) {
        check_mapped(pool, bytes);
    }
    else {
        check_network(pool, bytes, "");
        check_network(pool, bytes, "%eth0");
    }
}

static void check_text(apr_pool_t *pool, const char *text)
{
    const char *subject = subject_of(pool, text);

    if (subject) {
        must(strncmp(subject, "address:", 8) == 0 && strlen(subject) <= 190);
        for (const char *c = subject; *c; c++) {
            must(*c >= 0x20 && *c < 0x7f);
        }
        /* What is no address of IPv6 stays what it is; what is one has no more than its network. */
        must(strcmp(subject + 8, text) == 0 || strchr(text, ':'));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool;

    if (size < 1) {
        return 0;
    }
    apr_initialize();
    apr_pool_create(&pool, NULL);
    if (data[0] != 'b') {
        check_text(pool, apr_pstrmemdup(pool, (const char *)data + 1, size - 1));
    }
    else if (size > BYTES) {
        check_bytes(pool, data + 1);
    }
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}
