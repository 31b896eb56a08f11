/* SPDX-License-Identifier: Apache-2.0 */
/* The watch: whether persons who are signed in still may be. */
#ifndef DT_CORE_WATCH_H
#define DT_CORE_WATCH_H

#include "core/client.h"
#include "core/event.h"
#include "core/ports.h"

/** What there is to say to the log. */
typedef enum dt_said_t {
    DT_SAID_LEFT,      /* DingTalk says that this person left: sessions ended. about: userid */
    DT_SAID_CORP_GONE, /* DingTalk says that the organisation is gone: all sessions ended */
    DT_SAID_OUT,       /* read again, and may not come in any more: sessions ended. about: userid;
                          result says why */
    DT_SAID_CHANGED,   /* read again, and different. about: userid */
    DT_SAID_UNSURE,    /* could not be read again: sessions live on. about: userid, or NULL for the
                          list of failed pushes; result says why */
    DT_SAID_SURE,      /* DingTalk answered. about: as for DT_SAID_UNSURE; result: NULL */
    DT_SAID_MISSED,    /* pushes that failed were fetched. about: their number */
    DT_SAID_LOST,      /* some may have been lost between fetching and keeping them: all members
                          are read again. about: NULL */
    DT_SAID_STRANGE    /* an event cannot be understood: it was left alone, or, where it concerns
                          somebody and does not say whom, all members are read again. about: its
                          key; NULL for one of the list of failed pushes */
} dt_said_t;

/** Takes what there is to say. about and result may be NULL. */
typedef void dt_say_t(void *baton, dt_said_t said, const char *about, const dt_result_t *result);

/** How one site watches its corp. Read-only; any thread. */
typedef struct dt_watch_t {
    const dt_client_t *client;
    const dt_memory_t *memory;
    const dt_revoker_t *revoker;
    apr_interval_time_t recheck; /* DingTalkRecheck; 0: off */
    apr_interval_time_t longest; /* the longest life of any session */
    dt_say_t *say;
    void *baton;
} dt_watch_t;

/** What became of an event that arrived. */
typedef enum dt_arrived_t {
    DT_ARRIVED,          /* kept: its effect here is there, the rest will be */
    DT_ARRIVED_BEFORE,   /* it was here before: nothing new was done */
    DT_ARRIVED_TOO_LATE, /* too old to know whether it was here before: nothing was done */
    DT_ARRIVED_FOREIGN,  /* of another corp: nothing was done */
    DT_ARRIVED_NOTHING,  /* kept, and there is nothing to do about it */
    DT_ARRIVED_UNKEPT    /* the database cannot keep it: its effect here is there, and DingTalk must
                            send it again */
} dt_arrived_t;

/**
 * An event has arrived: keep it, and end the sessions here that it ends, those that began before
 * its own time without waiting for the database. One statement of the database, however many
 * persons it concerns; calls nobody. For a request of DingTalk's.
 * @param text what event was read from
 */
dt_arrived_t dt_watch_arrive(const dt_watch_t *watch, const dt_call_t *call,
                             const dt_event_t *event, dt_slice_t text);

/*
 * The rest is for a thread that may take its time. Each does one piece of work at most, so that
 * who calls it can stop in between, and sets *more when there may be another. What fails is done
 * again later, by whichever node is first.
 */

/** Do what is to be done about an event that was kept: tell all nodes, have records read. */
apr_status_t dt_watch_work(const dt_watch_t *watch, const dt_call_t *call, bool *more);

/** Read one member record that is to be read; who may not come in any more is out. */
apr_status_t dt_watch_read(const dt_watch_t *watch, const dt_call_t *call, bool *more);

#define DT_WATCH_MISSED apr_time_from_sec(600) /* how often the list of failed pushes is fetched */

/**
 * Fetch the list of failed pushes and keep what is on it, if no node has done so for
 * DT_WATCH_MISSED. What one fetch clears is never lost silently: before it is fetched, the database
 * knows that it will be. If whoever fetched died before it was kept, or got no answer, all members
 * remembered are read again.
 * @param more DingTalk has others: call again
 */
apr_status_t dt_watch_missed(const dt_watch_t *watch, const dt_call_t *call, bool *more);

/**
 * A person has signed in: remember the record. Where another one was remembered all nodes are told,
 * as by dt_watch_read. Where that was another person's with the same userid, all sessions of that
 * userid end, the new one among them: who has signed in does so once more.
 */
apr_status_t dt_watch_signed_in(const dt_watch_t *watch, const dt_call_t *call,
                                const dt_member_t *member);

/** A session of this person is older than recheck: have the record read, once for all who ask. */
apr_status_t dt_watch_recheck(const dt_watch_t *watch, const dt_call_t *call, const char *user_id);

/** A session of this person was renewed without the record that has changed: tell all nodes of it
 *  again. */
apr_status_t dt_watch_stale(const dt_watch_t *watch, const dt_call_t *call, const char *user_id);

/** Forget what is too old to matter. */
apr_status_t dt_watch_forget(const dt_watch_t *watch, const dt_call_t *call);

#endif
