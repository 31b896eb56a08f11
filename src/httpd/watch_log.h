/* SPDX-License-Identifier: Apache-2.0 */
/* What the watch has to say, as lines of the log. */
#ifndef DTH_WATCH_LOG_H
#define DTH_WATCH_LOG_H

#include "core/watch.h"
#include "httpd/counters.h"
#include "httpd/log.h"

/** What an httpd has told of one corp; in memory that all children share. Zero at the start. */
typedef struct dth_told_t {
    atomic_bool no_records; /* DingTalk cannot tell who is a member */
    atomic_bool no_list;    /* nor which pushes failed */
} dth_told_t;

/** Where lines about one corp go. Read-only. */
typedef struct dth_watch_log_t {
    server_rec *server;
    const char *corp_id;
    dth_told_t *told;
    dth_counters_t *counters;
} dth_watch_log_t;

/** Log and count it; what goes on for long when it begins and when it is over. Any thread. */
void dth_watch_log(const dth_watch_log_t *log, dt_said_t said, const char *about,
                   const dt_result_t *result);

#endif
