/* SPDX-License-Identifier: Apache-2.0 */
/* What DingTalk's events say: their types, their effects, whom they concern. */
#ifndef DT_CORE_EVENT_H
#define DT_CORE_EVENT_H

#include "core/dt.h"

#include <apr_errno.h>

#define DT_EVENT_KEY 64 /* characters of dt_event_t.key: SHA-256 in hex */
#define DT_EVENT_MEMORY apr_time_from_sec(7 * 24 * 3600) /* how long keys are remembered */

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
