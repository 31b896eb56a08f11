/* SPDX-License-Identifier: Apache-2.0 */
/* The member record: its attributes by name, and all of it as text. */
#ifndef DT_CORE_MEMBER_H
#define DT_CORE_MEMBER_H

#include "core/dt.h"

#include <apr_errno.h>

/** The member record of this corp: who the person is here (topapi/v2/user/get). */
typedef struct dt_member_t {
    const char *user_id;
    const char *union_id;
    const char *name;
    const char *mobile; /* E.164 */
    const char *email;
    const char *org_email;
    const char *job_number;
    const char *title;
    const char *avatar;
    const char *dept_ids; /* decimal, comma-separated */
    const char *manager_userid;
    bool active;
    bool disabled;
} dt_member_t;

/** Names of the attributes an administrator may use: a NULL-terminated list. */
extern const char *const dt_member_attributes[];

/**
 * The attribute of that name ("userid" and "unionid" included), or NULL when the record does not
 * have it or there is no such attribute.
 */
const char *dt_member_attribute(const dt_member_t *member, const char *name);

/** Where member keeps the attribute of that name, or NULL when there is no such attribute. */
const char **dt_member_slot(dt_member_t *member, const char *name);

/**
 * A member record as text and back, to be remembered: JSON with the attributes it has. Two records
 * have the same text exactly when all of them are the same.
 * @return APR_EINVAL when text is none
 */
const char *dt_member_text(apr_pool_t *pool, const dt_member_t *member);
apr_status_t dt_member_read(apr_pool_t *pool, const char *text, dt_member_t *member);

#endif
