/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of revocations share: revoked.c adds them, revoked_feed.c reads databases. */
#ifndef DTH_REVOKED_FEED_H
#define DTH_REVOKED_FEED_H

#include "httpd/revoked.h"

#include <stdatomic.h>

#define DTH_FEEDS 16 /* databases of one httpd */

typedef _Atomic(apr_int64_t) dth_shared_t;

/*
 * How far a database has been read, by whichever child. Rows get their ids before they can be seen,
 * so that a lower one may come after a higher one: what came in the last half minute, or up to a
 * whole one, is read again each time. To read a row twice changes nothing.
 */
typedef struct dth_feed_t {
    dth_shared_t key;     /* which database; 0: none yet */
    dth_shared_t due;     /* nobody reads before; while a child reads, when it is taken for dead */
    dth_shared_t reader;  /* the child that reads, by its process id; 0: none */
    dth_shared_t since;   /* when it was first tried */
    dth_shared_t read_at; /* when it was last read to its end; 0: never */
    dth_shared_t failed;  /* the last try did */
    dth_shared_t told;    /* that it has not been read for long */
    dth_shared_t after;   /* the id behind which reading begins */
    dth_shared_t mark;    /* the next one of these */
    dth_shared_t marked_at;
    dth_shared_t forgot_at; /* when rows that nobody needs were deleted, or the clock was set */
} dth_feed_t;

/* In front of the table. */
typedef struct dth_revoked_memory_t {
    dth_feed_t feeds[DTH_FEEDS];
    dth_shared_t coarser_at; /* when it was last told */
} dth_revoked_memory_t;

/* One database as this generation knows it. */
typedef struct dth_source_t {
    const dt_memory_t *memory;
    dt_db_t *db;
    dth_feed_t *feed;
    apr_interval_time_t poll;
} dth_source_t;

struct dth_revoked_t {
    server_rec *server;
    dth_revoked_memory_t *shared;
    dt_revoke_t *table;
    apr_interval_time_t longest; /* life of a session of any site */
    apr_array_header_t *sources; /* of dth_source_t */
};

/**
 * Whether last is at least this long ago, or after now, since the clock was set back; then it is
 * now. For one caller only, of all threads and children that ask.
 */
bool dth_revoked_is_time(dth_shared_t *last, apr_interval_time_t after, apr_time_t now);

/** Add to the table alone, and tell the administrator when it grows coarser. */
dt_revoke_added_t dth_revoked_put(const dth_revoked_t *revoked, dt_subject_t subject,
                                  apr_time_t not_before, apr_time_t now);

#endif
