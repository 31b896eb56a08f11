/* SPDX-License-Identifier: Apache-2.0 */
/* What targets share that look behind a seal: the key that their corpora were sealed with. */
#ifndef DT_FUZZ_SEALED_H
#define DT_FUZZ_SEALED_H

#include "core/bytes.h"
#include "core/seal.h"

#include <apr_general.h>
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW APR_INT64_C(1795305600000000) /* 2026-11-22 00:00:00 */

static apr_pool_t *pool; /* cleared by the target at the end of a round */
static dt_keyring_t *keys;
static dt_call_t call;

/*
 * Begins a round. Keys and call are new in every one: LeakSanitizer does not look into pools, and
 * would take what is kept there from round to round for lost.
 */
static inline void set_up(void)
{
    dt_slice_t text = DT_SLICE("an administrator's key text of 32 bytes or more");
    dt_slice_t owner = DT_SLICE("dingcorp client");

    if (!pool) {
        apr_initialize();
        apr_pool_create(&pool, NULL);
    }
    if (dt_keyring_create(pool, &text, 1, owner, &keys) != APR_SUCCESS) {
        abort();
    }
    call = (dt_call_t){.pool = pool,
                       .now = NOW,
                       .host = "intranet.example.com",
                       .scratch = dt_scratch_create(pool)};
}

#endif
