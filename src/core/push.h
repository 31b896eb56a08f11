/* SPDX-License-Identifier: Apache-2.0 */
/* DingTalk's encrypted pushes: opened where DingTalk has sent them. */
#ifndef DT_CORE_PUSH_H
#define DT_CORE_PUSH_H

#include "core/dt.h"
#include "core/envelope.h"

#include <apr_errno.h>

/*
 * Source: DingTalk's open platform documentation, "Configure event push over HTTP". The body of a
 * push is {"encrypt": base64}, which envelope.h describes.
 */

#define DT_PUSH_BODY_MAX (128 * 1024) /* bytes of a push's body */
#define DT_PUSH_AES_KEY 43            /* letters and digits of the console's aes_key */

/** One event subscription. Made once per configuration, read-only; any thread. */
typedef struct dt_subscription_t {
    const char *token;
    unsigned char aes_key[DT_ENVELOPE_KEY];
    const char *client_id; /* the owner key of today's subscriptions */
    const char *corp_id;   /* that of old ones */
} dt_subscription_t;

/**
 * The AES key of the console's aes_key. Its last character may carry spare bits.
 * @return APR_SUCCESS; APR_EINVAL when text has not DT_PUSH_AES_KEY letters and digits
 */
apr_status_t dt_push_aes_key(dt_slice_t text, unsigned char key[DT_ENVELOPE_KEY]);

/** What a push is worth. */
typedef enum dt_push_t {
    DT_PUSH_GENUINE,
    DT_PUSH_MALFORMED, /* not a push at all */
    DT_PUSH_FORGED     /* by somebody without token or key, or for another app */
} dt_push_t;

/**
 * Open a push.
 * @param query  of the request: signature or msg_signature, timestamp or timeStamp, nonce
 * @param body   of the request, at most DT_PUSH_BODY_MAX bytes
 * @param text   the message, NUL-terminated in call->pool; only when it is genuine
 * @param owner  whose it is, for the answer; only when it is genuine
 * @param detail otherwise: what is wrong, a constant for the log
 */
dt_push_t dt_push_open(const dt_subscription_t *subscription, const dt_call_t *call,
                       dt_slice_t query, dt_slice_t body, dt_slice_t *text, const char **owner,
                       const char **detail);

/**
 * The answer to a push: JSON with the encrypted word "success", NUL-terminated in call->pool.
 * @param owner of the push
 * @return APR_SUCCESS; APR_EGENERAL when OpenSSL refuses
 */
apr_status_t dt_push_answer(const dt_subscription_t *subscription, const dt_call_t *call,
                            const char *owner, const char **json);

#endif
