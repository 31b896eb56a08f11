/* SPDX-License-Identifier: Apache-2.0 */
/* DingTalk's encrypted pushes: opened, read, answered; no I/O. */
#ifndef DT_CORE_EVENT_H
#define DT_CORE_EVENT_H

#include "core/dt.h"

#include <apr_errno.h>

/*
 * Source: DingTalk's open platform documentation, "Configure event push over HTTP". The body of a
 * push is {"encrypt": base64}, which envelope.h describes.
 */

#define DT_EVENT_BODY_MAX (128 * 1024) /* bytes of a push's body */
#define DT_EVENT_AES_KEY 43            /* letters and digits of the console's aes_key */
#define DT_EVENT_KEY 64                /* characters of dt_event_t.key: SHA-256 in hex */
#define DT_EVENT_MEMORY apr_time_from_sec(7 * 24 * 3600) /* how long keys are remembered */

/** One event subscription. Made once per configuration, read-only; any thread. */
typedef struct dt_subscription_t {
    const char *token;
    unsigned char aes_key[32];
    const char *client_id; /* the owner key of today's subscriptions */
    const char *corp_id;   /* that of old ones */
} dt_subscription_t;

/**
 * The AES key of the console's aes_key. Its last character may carry spare bits.
 * @return APR_SUCCESS; APR_EINVAL when text has not DT_EVENT_AES_KEY letters and digits
 */
apr_status_t dt_event_aes_key(dt_slice_t text, unsigned char key[32]);

/** What a push is worth. */
typedef enum dt_push_t {
    DT_PUSH_GENUINE,
    DT_PUSH_MALFORMED, /* not a push at all */
    DT_PUSH_FORGED     /* by somebody without token or key, or for another app */
} dt_push_t;

/**
 * Open a push.
 * @param query  of the request: signature or msg_signature, timestamp or timeStamp, nonce
 * @param body   of the request, at most DT_EVENT_BODY_MAX bytes
 * @param text   the message, NUL-terminated in call->pool; only when it is genuine
 * @param owner  whose it is, for the answer; only when it is genuine
 * @param detail otherwise: what is wrong, a constant for the log
 */
dt_push_t dt_event_open(const dt_subscription_t *subscription, const dt_call_t *call,
                        dt_slice_t query, dt_slice_t body, dt_slice_t *text, const char **owner,
                        const char **detail);

/**
 * The answer to a push: JSON with the encrypted word "success", NUL-terminated in call->pool.
 * @param owner of the push
 * @return APR_SUCCESS; APR_EGENERAL when OpenSSL refuses
 */
apr_status_t dt_event_answer(const dt_subscription_t *subscription, const dt_call_t *call,
                             const char *owner, const char **json);

/** What is to be done about an event. */
typedef enum dt_effect_t {
    DT_EFFECT_NONE,
    DT_EFFECT_LEFT,        /* sessions of the persons die; ids are user ids */
    DT_EFFECT_CORP,        /* all sessions of the corp die */
    DT_EFFECT_MEMBERS,     /* member records are read again; ids are user ids */
    DT_EFFECT_DEPARTMENTS, /* those of departments' members are; ids are department ids */
    DT_EFFECTS
} dt_effect_t;

/** The events we know, for counting; the last one stands for all others. NULL-terminated. */
extern const char *const dt_event_types[];
#define DT_EVENT_TYPES 17 /* with the last one, "other" */

/** An event as it is understood. Texts live in the pool of the call that read it. */
typedef struct dt_event_t {
    const char *type; /* as DingTalk wrote it, made fit for a log; "" when there is none */
    int number;       /* index into dt_event_types */
    dt_effect_t effect;
    const char *corp_id;        /* NULL when it does not say */
    apr_time_t time;            /* 0 when it does not say */
    const char *const *ids;     /* of the effect, bytewise as DingTalk wrote them; up to NULL */
    char key[DT_EVENT_KEY + 1]; /* one per event: of its eventId, or of its text without one */
} dt_event_t;

/**
 * Read an event: a push's message, or an entry of the list of failed pushes, which has its type in
 * "call_back_tag", its time in "event_time", and its other members either beside them or in an
 * object named like the type. Names of members match in any case, old and new spellings alike;
 * numbers are taken as texts and texts as numbers; a time in seconds is understood.
 * @return APR_SUCCESS; APR_EINVAL when text is no JSON object; APR_EGENERAL when OpenSSL refuses
 */
apr_status_t dt_event_read(const dt_call_t *call, dt_slice_t text, dt_event_t *event);

/** Whether DingTalk only wants to know that somebody answers (check_url and its like). */
bool dt_event_is_check(const dt_event_t *event);

#endif
