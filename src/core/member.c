/* SPDX-License-Identifier: Apache-2.0 */
/* The member record: its attributes by name, and all of it as text. */
#include "core/member.h"

#include "core/bytes.h"
#include "core/json.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

const char *const dt_member_attributes[] = {"name",           "mobile", "email",  "org_email",
                                            "job_number",     "title",  "avatar", "dept_ids",
                                            "manager_userid", NULL};

const char **dt_member_slot(dt_member_t *member, const char *name)
{
    const struct {
        const char *name;
        const char **slot;
    } rows[] = {
        {"userid", &member->user_id},
        {"unionid", &member->union_id},
        {"name", &member->name},
        {"mobile", &member->mobile},
        {"email", &member->email},
        {"org_email", &member->org_email},
        {"job_number", &member->job_number},
        {"title", &member->title},
        {"avatar", &member->avatar},
        {"dept_ids", &member->dept_ids},
        {"manager_userid", &member->manager_userid},
    };

    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return rows[i].slot;
        }
    }
    return NULL;
}

const char *dt_member_attribute(const dt_member_t *member, const char *name)
{
    dt_member_t copy = *member;
    const char **slot = dt_member_slot(&copy, name);

    return slot ? *slot : NULL;
}

/* --- as text --- */

static void put(json_t *object, const dt_member_t *member, const char *name)
{
    const char *value = dt_member_attribute(member, name);

    if (value) {
        json_object_set_new(object, name, json_string(value));
    }
}

const char *dt_member_text(apr_pool_t *pool, const dt_member_t *member)
{
    json_t *object =
        json_pack("{s:b,s:b}", "active", member->active, "disable_status", member->disabled);
    char *text;
    const char *kept;

    put(object, member, "userid");
    put(object, member, "unionid");
    for (const char *const *name = dt_member_attributes; *name; name++) {
        put(object, member, *name);
    }
    text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    kept = apr_pstrdup(pool, text ? text : "{}");
    free(text);
    json_decref(object);
    return kept;
}

apr_status_t dt_member_read(apr_pool_t *pool, const char *text, dt_member_t *member)
{
    json_t *object = dt_json_parse(dt_slice(text));

    memset(member, 0, sizeof(*member));
    member->user_id = dt_json_text(pool, object, "userid");
    member->union_id = dt_json_text(pool, object, "unionid");
    member->active = dt_json_bool(object, "active") == DT_TRUE;
    member->disabled = dt_json_bool(object, "disable_status") != DT_FALSE;
    for (const char *const *name = dt_member_attributes; *name; name++) {
        *dt_member_slot(member, *name) = dt_json_text(pool, object, *name);
    }
    json_decref(object);
    return member->user_id ? APR_SUCCESS : APR_EINVAL;
}
