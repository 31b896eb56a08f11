/* SPDX-License-Identifier: Apache-2.0 */
/* The vocabulary every layer speaks: byte slices, the call context, and results. */
#ifndef DT_CORE_DT_H
#define DT_CORE_DT_H

#include <apr_atomic.h>
#include <apr_pools.h>
#include <apr_time.h>
#include <stdbool.h>

/**
 * Bytes somebody else owns. Not necessarily NUL-terminated; a function that promises a
 * terminator says so. data may be NULL only when len is 0.
 */
typedef struct dt_slice_t {
    const char *data;
    apr_size_t len;
} dt_slice_t;

typedef struct dt_scratch_t dt_scratch_t; /* cipher contexts of one thread: seal.h */
typedef struct dt_opened_t dt_opened_t;   /* what one connection has opened: opened.h */

/** How far the end has come of whoever works beside the requests. */
typedef enum dt_end_t {
    DT_GOES_ON,
    DT_ENDS,    /* what is under way may come to its end, nothing is begun */
    DT_GIVES_UP /* and nothing is waited for any more */
} dt_end_t;

/**
 * What every call of the core is given. The core has no clock, no allocator and no idea where
 * it runs: it asks this.
 */
typedef struct dt_call_t {
    apr_pool_t *pool;      /* everything a call returns lives here, unless its header says else */
    apr_time_t now;        /* microseconds since 1970, UTC */
    const char *host;      /* the audience of cookies: public host in lower case without port, or
                              "." and the cookie's Domain; bound into everything sealed */
    dt_scratch_t *scratch; /* this thread's cipher contexts, or NULL: slower, but right */
    dt_opened_t *opened;   /* this connection's, or NULL: every token is decrypted */
    apr_uint32_t turn;     /* differs between calls that run at the same time, as far as that can
                              be had; not a secret */
    const char *address;   /* of the client, as numbers; NULL when there is none */
    void *glue;            /* what the glue's own providers need of the request; the core passes it
                              on without a look */
    /* A dt_end_t of work beside the requests, which another thread sets by apr_atomic; NULL for a
     * request, which takes as long as it takes. */
    volatile apr_uint32_t *end;
    /* How long databases and directories may still be waited for, which is taken off it, so that
     * what has many questions does not take many times as long as one; NULL: each answer has its
     * own time-out, and no more. */
    apr_interval_time_t *patience;
} dt_call_t;

/** How long a call has for an answer that may take limit at most; 0: it may wait no more. */
static inline apr_interval_time_t dt_patience(const dt_call_t *call, apr_interval_time_t limit)
{
    if (!call->patience || *call->patience > limit) {
        return limit;
    }
    return *call->patience > 0 ? *call->patience : 0;
}

/** The call has waited, by a clock that may have been set meanwhile. */
static inline void dt_waited(const dt_call_t *call, apr_interval_time_t how_long)
{
    if (call->patience && how_long > 0) {
        *call->patience -= how_long;
    }
}

/** Whether to give up a call, whose end is this. What comes of it then is no trouble to tell. */
static inline bool dt_gives_up(volatile apr_uint32_t *end)
{
    return end && apr_atomic_read32(end) == DT_GIVES_UP;
}

/** What a use case found. The glue knows which HTTP status that is; the core does not. */
typedef enum dt_what_t {
    DT_SIGNED_IN, /* the person may come in */
    DT_BIND,      /* the person may come in once we know which account is theirs */
    DT_DENIED,    /* we know, and the answer is no */
    DT_UNSURE,    /* we could not find out, so the answer is no for now */
    DT_AGAIN,     /* this sign-in cannot end well, a new one can */
    DT_NOTHING,   /* there is nothing here to continue */
    DT_NOTICE     /* a page that tells something: signed out, please sign in */
} dt_what_t;

/** Two texts of one meaning. */
typedef struct dt_words_t {
    const char *title;
    const char *text;
} dt_words_t;

/** The languages end users see; indexes into dt_why_t.words. */
typedef enum dt_language_t { DT_EN, DT_ZH, DT_LANGUAGES } dt_language_t;

/** One reason: a row of why.def. All members are constants. */
typedef struct dt_why_t {
    const char *name;               /* for log and tests, e.g. "stranger" */
    dt_what_t what;                 /* what this reason amounts to */
    const char *admin;              /* what the administrator must know or do; NULL when nothing */
    dt_words_t words[DT_LANGUAGES]; /* what the person sees and can do */
} dt_why_t;

/** Index of each reason in dt_whys. */
typedef enum dt_why_id_t {
#define WHY(id, name, what, admin, en_title, en_text, zh_title, zh_text) DT_WHY_##id,
#include "core/why.def"
#undef WHY
    DT_WHYS
} dt_why_id_t;

extern const dt_why_t dt_whys[DT_WHYS];

/** How a use case ended. */
typedef struct dt_result_t {
    dt_what_t what;
    const dt_why_t *why;
    const char *detail; /* for the log only: numbers, call names, DingTalk's codes and request
                           ids; printable ASCII, never a secret; NULL when there is none */
} dt_result_t;

/** The result of reason id, with detail for the log (or NULL). */
dt_result_t dt_result(dt_why_id_t id, const char *detail);

#endif
