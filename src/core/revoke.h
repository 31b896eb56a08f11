/* SPDX-License-Identifier: Apache-2.0 */
/* The revocation table: whose sessions are dead although their lifetimes are not over. */
#ifndef DT_CORE_REVOKE_H
#define DT_CORE_REVOKE_H

#include "core/dt.h"
#include "core/session.h"

/**
 * A table of fixed size over memory that the caller gives, such as memory shared by processes. It
 * holds no address, so that each process may see it elsewhere.
 *
 * Any thread of any process may read and write at any time: there is no lock, nobody waits, and a
 * process that dies within a function leaves nothing broken.
 *
 * It never forgets. While 100,000 subjects are revoked they are told apart; where there is no room
 * for one more, the table grows coarser: the oldest of a group of seven gives way, and from then on
 * whatever belongs to that group is dead if it began no later than what gave way. Whoever is signed
 * out by that signs in again. The same happens to one in millions of those who are not revoked,
 * since a subject is known by 41 bits of its hash. What no session is old enough for makes room.
 */
typedef struct dt_revoke_t dt_revoke_t;

/** A subject as its table knows it; means nothing to another table. */
typedef apr_uint64_t dt_subject_t;

/** Bytes of a table; a page that nobody was revoked in is never touched. */
apr_size_t dt_revoke_size(void);

/**
 * Make an empty table.
 * @param memory  dt_revoke_size() bytes, all zero; faster when they begin a cache line
 * @param longest the longest life of any session
 * @return APR_SUCCESS; APR_EGENERAL when the system has no random bytes: nobody must be able to
 *         choose subjects that crowd into one group
 */
apr_status_t dt_revoke_create(void *memory, apr_interval_time_t longest, apr_time_t now,
                              dt_revoke_t **table);

/** The longest life of any session is at least this: after a change of the configuration. */
void dt_revoke_stretch(dt_revoke_t *table, apr_interval_time_t longest);

/* --- subjects; everything about a session but its id belongs to a corp --- */

dt_subject_t dt_subject_session(const dt_revoke_t *table, const unsigned char id[DT_SESSION_ID]);
dt_subject_t dt_subject_corp(const dt_revoke_t *table, dt_slice_t corp_id);
dt_subject_t dt_subject_person(const dt_revoke_t *table, dt_subject_t corp, dt_slice_t user_id);
dt_subject_t dt_subject_account(const dt_revoke_t *table, dt_subject_t corp, dt_slice_t key);
/** Not a revocation: the member record of a person has changed. Read by dt_revoke_covers only. */
dt_subject_t dt_subject_changed(const dt_revoke_t *table, dt_subject_t corp, dt_slice_t user_id);

/*
 * The same as texts, which all nodes understand: "session:" and the id in hex, "corp:CORP",
 * "person:CORP:USERID", "account:CORP:KEY", "changed:CORP:USERID". A corp's id has no colon. Ids
 * are compared bytewise.
 */
const char *dt_subject_session_text(apr_pool_t *pool, const unsigned char id[DT_SESSION_ID]);
const char *dt_subject_corp_text(apr_pool_t *pool, const char *corp_id);
const char *dt_subject_person_text(apr_pool_t *pool, const char *corp_id, const char *user_id);
const char *dt_subject_account_text(apr_pool_t *pool, const char *corp_id, const char *key);
const char *dt_subject_changed_text(apr_pool_t *pool, const char *corp_id, const char *user_id);

/** The subject of a text. APR_EINVAL when it is none: somebody else's, or of a newer version. */
apr_status_t dt_subject_read(const dt_revoke_t *table, const char *text, dt_subject_t *subject);

/* --- revocations --- */

/** What dt_revoke_add did. */
typedef enum dt_revoke_added_t {
    DT_REVOKE_KNOWN,  /* it was in force already, or is too old to concern anybody */
    DT_REVOKE_NEW,    /* it is in force now */
    DT_REVOKE_COARSER /* it is in force now, and others of its group may be signed out for it */
} dt_revoke_added_t;

/**
 * Sessions of subject that began at or before not_before, in milliseconds, are dead from now on;
 * never takes anything back. A not_before later than any session alive can have begun
 * (DT_SESSION_AHEAD) is taken as that: one wrong clock locks nobody out for years.
 */
dt_revoke_added_t dt_revoke_add(dt_revoke_t *table, dt_subject_t subject, apr_time_t not_before,
                                apr_time_t now);

/**
 * Whether session is revoked: itself, its person, its account or its corp. The hot path: no system
 * call, no allocation, and hardly an instruction when it began after the newest revocation.
 * @param corp    subject of the session's corp
 * @param account key of its account; empty when there are no accounts
 */
bool dt_revoke_is_dead(const dt_revoke_t *table, dt_subject_t corp, const dt_session_t *session,
                       dt_slice_t account);

/** Whether there is an entry for subject, or for its group, at or after time. */
bool dt_revoke_covers(const dt_revoke_t *table, dt_subject_t subject, apr_time_t time);

/** How many subjects the table tells apart at now. Reads all of it: not for every request. */
apr_size_t dt_revoke_count(const dt_revoke_t *table, apr_time_t now);

#endif
