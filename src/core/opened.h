/* SPDX-License-Identifier: Apache-2.0 */
/* What a connection has opened before: the same token need not be decrypted at every request. */
#ifndef DT_CORE_OPENED_H
#define DT_CORE_OPENED_H

#include "core/dt.h"

#include <apr_errno.h>

struct dt_session_t;

/**
 * One token of each kind, with the content that it had when it was opened. A token authenticates
 * itself: the same bytes, for the same keyring and host, always have the same content, so that
 * nothing is lost in trust by looking at them instead of decrypting once more. Ages and revocations
 * are judged by whoever asks, at every request as ever.
 *
 * For one connection, and so not for two threads at a time. Of a proxy's connection, which carries
 * many people's requests, it remembers the last one of them.
 */

/** Kinds of tokens that are kept apart: at least as many as there are purposes in seal.h. */
#define DT_OPENED_KINDS 4

/**
 * Nothing opened yet. Memory comes from pool: for each kind and for sessions, however many tokens
 * are remembered, less than four times what the longest takes with its host and content.
 */
dt_opened_t *dt_opened_create(apr_pool_t *pool);

/**
 * The content of token, if it is what dt_opened_remember was last given for this kind, keyring and
 * host. Takes as long wherever two tokens of the same length differ.
 * @param keyring the random number that names the keyring
 * @param plain   a copy in pool, NUL-terminated behind its length
 */
bool dt_opened_recall(const dt_opened_t *opened, int kind, apr_uint64_t keyring, dt_slice_t host,
                      dt_slice_t token, apr_pool_t *pool, dt_slice_t *plain);

/** Remember what token has just been opened to, instead of what was known for this kind. */
void dt_opened_remember(dt_opened_t *opened, int kind, apr_uint64_t keyring, dt_slice_t host,
                        dt_slice_t token, dt_slice_t plain);

/**
 * The session of token, if it is what dt_opened_remember_session was last given for this store and
 * host. Takes as long wherever two tokens of the same length differ.
 * @param store   the random number that names a store whose tokens are the sessions themselves
 * @param session its texts are copies in pool
 */
bool dt_opened_recall_session(const dt_opened_t *opened, apr_uint64_t store, dt_slice_t host,
                              dt_slice_t token, apr_pool_t *pool, struct dt_session_t *session);

/**
 * Remember what session was read behind token, instead of the one that was known.
 * @param record what all of the session's texts point into
 */
void dt_opened_remember_session(dt_opened_t *opened, apr_uint64_t store, dt_slice_t host,
                                dt_slice_t token, dt_slice_t record,
                                const struct dt_session_t *session);

#endif
