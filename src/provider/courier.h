/* SPDX-License-Identifier: Apache-2.0 */
/* The courier: tries the senders in order, in the background, and always takes as long. */
#ifndef DT_PROVIDER_COURIER_H
#define DT_PROVIDER_COURIER_H

#include "core/ports.h"

/** Copied, the list too. */
typedef struct dt_courier_config_t {
    const dt_sender_t *const *senders; /* in order of preference */
    int count;
    apr_interval_time_t answer_after; /* every send answers then, no sooner and hardly later */
    int max_threads;                  /* messages on their way at the same time, per child */
    int max_waiting;                  /* others that wait for one of these threads */
} dt_courier_config_t;

/**
 * Make it while the configuration is read; its threads begin with plug.start. A message goes to the
 * next sender only when the one before surely did not send it, and it was not the person's fault
 * (DT_SENT_ADMIN, DT_SENT_TROUBLE).
 *
 * send with a message answers after answer_after with what is known by then; a message that is
 * still on its way is DT_SENT, and goes on: its end is told to on_trouble. send without a message
 * waits as long, and answers what a message to somebody would have been answered lately: DT_SENT,
 * unless the last message of this child was answered with DT_SENT_ADMIN or DT_SENT_TROUBLE within a
 * minute. Thus neither the answer nor its time tells whether anything was sent. When there is no
 * room for another message the answer is DT_SENT_TROUBLE to either. A child that ends waits for the
 * messages on their way.
 *
 * detail names every sender that was tried, also when a later one took the message.
 */
apr_status_t dt_courier_create(apr_pool_t *pconf, const dt_courier_config_t *config,
                               const dt_sender_t **sender);

/**
 * Whom to tell of what no answer says: a sender that failed and left its message to the next, what
 * a gateway says of the number itself, a message that nobody knows the end of, and one that failed
 * after its answer. That is the glue, which logs it. Any thread; set before plug.start.
 */
void dt_courier_on_trouble(const dt_sender_t *courier,
                           void (*tell)(void *baton, dt_sent_t sent, const char *detail),
                           void *baton);

/**
 * Whom to tell what became of each message, once, when that is known: also when it is after the
 * answer, or when there was no room. Nothing is told of a send without a message. Any thread; set
 * before plug.start.
 */
void dt_courier_on_end(const dt_sender_t *courier, void (*end)(void *baton, dt_sent_t sent),
                       void *baton);

#endif
