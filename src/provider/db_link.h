/* SPDX-License-Identifier: Apache-2.0 */
/* What a driver is asked over one connection, so that nobody waits for ever for its answer. */
#ifndef DT_PROVIDER_DB_LINK_H
#define DT_PROVIDER_DB_LINK_H

#include "provider/db.h"

#include <apr_thread_mutex.h>

/*
 * The clients of PostgreSQL and MySQL wait for an answer as long as the connection is there, and it
 * is there as long as something at the other end acknowledges what it gets: a server that is
 * stopped, a proxy whose own server is gone, a firewall that has forgotten. apr_dbd has no limit.
 * So each connection has a thread of its own which calls the driver, and whoever asks waits for the
 * thread, and only so long. A thread that does not come back keeps the connection, and is left.
 *
 * SQLite has nobody to wait for, and is called at once.
 */
typedef struct dt_link_t dt_link_t;

/** The links of one database that were left, until their threads have come back. */
typedef struct dt_left_t {
    dt_link_t *first;
    apr_thread_mutex_t *lock;
} dt_left_t;

typedef enum dt_link_verb_t {
    DT_LINK_OPEN,    /* text: the driver's parameters; the first order, and only that */
    DT_LINK_COMMAND, /* text, as it is */
    DT_LINK_EXECUTE, /* text prepared, with values: rows are changed */
    DT_LINK_SELECT,  /* the same: rows are returned */
    DT_LINK_CLOSE    /* dt_link_close only */
} dt_link_verb_t;

/** What is asked. Copied. */
typedef struct dt_link_order_t {
    dt_link_verb_t verb;
    const char *text;
    const char *name;          /* dt_sql_t's */
    const char *const *values; /* as many as text has arguments */
    apr_interval_time_t patience;
    volatile apr_uint32_t *end; /* of dt_call_t: patience ends with it */
} dt_link_order_t;

/** What came of it; lives until the link is asked again, forgets it or is closed. */
typedef struct dt_link_answer_t {
    const char *error; /* the driver's words; NULL: none */
    int changed;
    int rows;
    int columns;
    const char **values; /* row after row */
} dt_link_answer_t;

/**
 * Make a link, which is not open. Any thread, as are all of these; a link is used by one at a time.
 * @param left where it goes when its thread does not come back; lives longer
 */
apr_status_t dt_link_create(dt_db_kind_t kind, const apr_dbd_driver_t *driver, dt_left_t *left,
                            dt_link_t **link);

/**
 * @return APR_TIMEUP when there was no answer in order->patience, or it was given up: then the link
 *         is gone, and must not be used or closed; APR_EGENERAL with answer->error; APR_EINVAL for
 *         too many arguments
 */
apr_status_t dt_link_ask(dt_link_t *link, const dt_link_order_t *order, dt_link_answer_t *answer);

/** Give back the memory of the last answer. */
void dt_link_forget(dt_link_t *link);

/** Disconnect and destroy; what is not committed is undone. */
void dt_link_close(dt_link_t *link);

/** How many have not come back; those that have are destroyed. */
int dt_left_count(dt_left_t *left);

/** An empty list. */
apr_status_t dt_left_create(apr_pool_t *pool, dt_left_t **left);

/** The number of arguments of a statement, as apr_dbd counts them. */
int dt_link_args(const char *text);

#endif
