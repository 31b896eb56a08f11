/* SPDX-License-Identifier: Apache-2.0 */
/* The table of directives, and the loops over it: create, set, merge, defaults. */
#include "httpd/config.h"

#include "httpd/config_types.h"

#include <apr_strings.h>

#include <http_core.h>

#include <string.h>

#define DTH_SERVER_OFFSET(member) APR_OFFSETOF(dth_server_t, member), 0
#define DTH_DIR_OFFSET(member) APR_OFFSETOF(dth_dir_t, member), 1

static const dth_row_t rows[] = {
#define DIRECTIVE(name, scope, type, member, details, fallback, help) \
    {#name, &dth_type_##type, DTH_##scope##_OFFSET(member), details, fallback},
#include "httpd/config.def"
#undef DIRECTIVE
};

/* Index of each row, for the commands below. */
enum {
#define DIRECTIVE(name, scope, type, member, details, fallback, help) ROW_##name,
#include "httpd/config.def"
#undef DIRECTIVE
    ROWS
};

static void *member_of(void *conf, const dth_row_t *row)
{
    return (char *)conf + row->offset;
}

static int is_set(const void *unit, apr_size_t size)
{
    const char *byte = unit;

    for (apr_size_t i = 0; i < size; i++) {
        if (byte[i] != 0) {
            return 1;
        }
    }
    return 0;
}

/* The one function behind every directive. */
static const char *set(cmd_parms *cmd, void *dir, const char *args)
{
    const dth_row_t *row = cmd->info;
    void *conf = row->in_dir ? dir : dth_server_conf(cmd->server);
    const char *wrong;

    if (!row->in_dir) {
        wrong = ap_check_cmd_context(cmd, NOT_IN_DIR_CONTEXT);
        if (wrong != NULL) {
            return wrong;
        }
    }
    wrong = row->type->set(cmd->pool, row, member_of(conf, row), args);
    return wrong == NULL ? NULL : apr_pstrcat(cmd->pool, row->name, ": ", wrong, NULL);
}

#define DTH_SERVER_WHERE RSRC_CONF
#define DTH_DIR_WHERE (RSRC_CONF | ACCESS_CONF | OR_AUTHCFG)

const command_rec dth_directives[] = {
#define DIRECTIVE(name, scope, type, member, details, fallback, help) \
    AP_INIT_RAW_ARGS(#name, set, (void *)&rows[ROW_##name], DTH_##scope##_WHERE, help),
#include "httpd/config.def"
#undef DIRECTIVE
    {NULL},
};

void *dth_config_create_server(apr_pool_t *p, server_rec *s)
{
    (void)s;
    return apr_pcalloc(p, sizeof(dth_server_t));
}

void *dth_config_create_dir(apr_pool_t *p, char *dir)
{
    (void)dir;
    return apr_pcalloc(p, sizeof(dth_dir_t));
}

void *dth_config_merge_server(apr_pool_t *p, void *base, void *add)
{
    dth_server_t *conf = apr_pcalloc(p, sizeof(*conf));

    for (const dth_row_t *row = rows; row < rows + ROWS; row++) {
        if (row->in_dir) {
            continue;
        }
        char *to = member_of(conf, row);
        const char *old = member_of(base, row);
        const char *new = member_of(add, row);

        if (row->type->merge != NULL) {
            row->type->merge(p, to, old, new);
            continue;
        }
        for (apr_size_t at = 0; at < row->type->size; at += row->type->unit) {
            memcpy(to + at, is_set(new + at, row->type->unit) ? new + at : old + at,
                   row->type->unit);
        }
    }
    return conf;
}

/* Without the loop, as this one runs for requests: three numbers. */
void *dth_config_merge_dir(apr_pool_t *p, void *base, void *add)
{
    dth_dir_t *conf = apr_palloc(p, sizeof(*conf));
    const dth_dir_t *old = base, *new = add;

#define DTH_SERVER_MERGE(member)
#define DTH_DIR_MERGE(member) conf->member = new->member != 0 ? new->member : old->member;
#define DIRECTIVE(name, scope, type, member, details, fallback, help) DTH_##scope##_MERGE(member)
#include "httpd/config.def"
#undef DIRECTIVE
    return conf;
}

const char *dth_config_defaults(apr_pool_t *p, dth_server_t *conf)
{
    for (const dth_row_t *row = rows; row < rows + ROWS; row++) {
        dth_dir_t dir = {0};
        void *member = member_of(row->in_dir ? (void *)&dir : conf, row);

        if (row->fallback == NULL || is_set(member, row->type->size)) {
            continue;
        }
        if (row->type->set(p, row, member, row->fallback) != NULL) {
            return row->name;
        }
        /* Directory values are read without this loop: there, "not set" means the first word. */
        if (row->in_dir && dth_choice(*(dth_choice_t *)member) != 1) {
            return row->name;
        }
    }
    return NULL;
}

dth_server_t *dth_server_conf(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &auth_dingtalk_module);
}

const dth_dir_t *dth_dir_conf(const request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, &auth_dingtalk_module);
}
