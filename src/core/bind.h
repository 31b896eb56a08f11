/* SPDX-License-Identifier: Apache-2.0 */
/* The rules by which a person becomes an account. */
#ifndef DT_CORE_BIND_H
#define DT_CORE_BIND_H

#include "core/dt.h"
#include "core/member.h"
#include "core/ports.h"
#include "core/template.h"

/** One way to bind without asking: the person's source is the account's attribute. */
typedef struct dt_autobind_t {
    const char *source; /* a member attribute, or "userid", "unionid" */
    const char *attribute;
    dt_match_t match;
} dt_autobind_t;

/** What becomes of somebody whom nothing matched. */
typedef enum dt_unbound_t { DT_UNBOUND_DENY, DT_UNBOUND_BIND, DT_UNBOUND_CREATE } dt_unbound_t;

/** One attribute of an account that is made; its names are dt_bind_names. */
typedef struct dt_create_t {
    const char *attribute;
    const dt_template_t *value;
} dt_create_t;

/** How one site binds. Made once per configuration, read-only; any thread. */
typedef struct dt_bind_t {
    const char *corp_id;
    const dt_accounts_t *accounts; /* NULL: there are none, every member comes in as such */
    const dt_memory_t *memory;     /* never NULL */
    const dt_autobind_t *autobind; /* in order, up to a NULL source; or NULL */
    dt_unbound_t unbound;
    const dt_create_t *create;   /* up to a NULL attribute; or NULL; also what keeps managed
                                    accounts up to date */
    const char *key_attribute;   /* of accounts, e.g. "uid" */
    const char *phone_attribute; /* of accounts */
} dt_bind_t;

/** The names a template of DingTalkCreate may use: userid, unionid and the member attributes. */
extern const char *const dt_bind_names[];

/**
 * Whether a member attribute may bind at all, and how it compares: mobile, email, org_email,
 * job_number, userid, unionid. A name, a title or a department never does.
 */
bool dt_bind_source(const char *source, dt_match_t *match);

/**
 * Write a row of the audit about a person, of whom as much is written as is known.
 * @param uid the account; NULL when there is none
 */
apr_status_t dt_bind_audit(const dt_bind_t *bind, const dt_call_t *call, const char *what,
                           const dt_member_t *person, const char *uid, const char *why);

/**
 * The account of a person who has just been seen as an active member.
 *
 * Bound already: that account; one that is gone or does not count is refused. A managed one is
 * brought up to date when the member record differs: account->values must have the attributes of
 * create for that. Otherwise each auto-bind in order: exactly one account matches, and it has no
 * other person, or nothing is bound and the next is tried; a source that is empty or blank is
 * passed over; several matches, or an account that has another person, refuse at once: a later
 * rule must not find somebody else. Otherwise what DingTalkUnbound says; an account is made only
 * under a key that is neither there nor bound, and together with its binding. Whom a parallel
 * sign-in has bound meanwhile comes in as bound already, and so does who signs in again after the
 * database went away in between. "bound" is audited with "auto:" and the source, or with "create",
 * unless the database went away just then.
 *
 * A returning, bound person costs one statement here, where the store can read_bound.
 *
 * @param account set with DT_SIGNED_IN; unset when there are no accounts at all. With DT_DENIED
 *                its key is the account that the reason is about, for the audit, or NULL
 * @param result  DT_SIGNED_IN; DT_BIND (phone and code, please); DT_DENIED; DT_UNSURE when a store
 *                could not be asked. detail names rule and attribute, never a value
 * @return APR_SUCCESS; an error exactly with DT_UNSURE
 */
apr_status_t dt_bind_person(const dt_bind_t *bind, const dt_call_t *call, const dt_member_t *person,
                            dt_account_t *account, dt_result_t *result);

/**
 * Bind a person to the account key, because they proved to have its phone. An account that does not
 * count any more is refused; so is one that has another person, or a person who has another account
 * (REFUSED). A managed account is brought up to date by the next sign-in, which has the whole
 * member record. Audited as "bound".
 * @param method how it was proved, for binding and audit, e.g. "code"
 * @param account as for dt_bind_person
 */
apr_status_t dt_bind_to(const dt_bind_t *bind, const dt_call_t *call, const dt_member_t *person,
                        const char *key, const char *method, dt_account_t *account,
                        dt_result_t *result);

#endif
