/* SPDX-License-Identifier: Apache-2.0 */
/* The table of directives, and the loops over it: create, set, merge, defaults. */
#include "httpd/config.h"

#include "httpd/config_types.h"

#include <apr_strings.h>

#include <http_core.h>

#include <string.h>

#define DTH_SERVER_OFFSET(member) APR_OFFSETOF(dth_server_t, member), DTH_IN_SERVER
#define DTH_DIR_OFFSET(member) APR_OFFSETOF(dth_dir_t, member), DTH_IN_DIR
#define DTH_SENDER_OFFSET(member) APR_OFFSETOF(dth_sender_t, member), DTH_IN_SENDER

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
    dth_server_t *server = dth_server_conf(cmd->server);
    void *conf = row->scope == DTH_IN_DIR ? dir : server;
    const char *wrong = NULL;

    if (row->scope == DTH_IN_SENDER) {
        conf = server->open_sender;
        wrong = conf == NULL ? " stands inside of <DingTalkSender> only" : NULL;
    }
    else if (row->scope == DTH_IN_SERVER) {
        wrong = ap_check_cmd_context(cmd, NOT_IN_DIR_CONTEXT);
    }
    if (wrong != NULL) {
        return apr_pstrcat(cmd->pool, *wrong == ' ' ? row->name : "", wrong, NULL);
    }
    wrong = row->type->set(cmd->pool, row, member_of(conf, row), args);
    return wrong == NULL ? NULL : apr_pstrcat(cmd->pool, row->name, ": ", wrong, NULL);
}

/* --- the section --- */

static dth_sender_t *find_sender(const apr_array_header_t *senders, const char *name)
{
    for (int i = 0; senders != NULL && i < senders->nelts; i++) {
        dth_sender_t *sender = APR_ARRAY_IDX(senders, i, dth_sender_t *);

        if (strcmp(sender->name, name) == 0) {
            return sender;
        }
    }
    return NULL;
}

/* Anything else inside would be a directive of the server in disguise. */
static const char *check_inside(apr_pool_t *p, const ap_directive_t *directive)
{
    for (; directive != NULL; directive = directive->next) {
        if (ap_cstr_casecmpn(directive->directive, "DingTalkSender", 14) != 0) {
            return apr_psprintf(p, "DingTalkSender: %s cannot stand inside of it",
                                directive->directive);
        }
    }
    return NULL;
}

/* <DingTalkSender "name">, as mod_authn_core reads its section. */
static const char *open_section(cmd_parms *cmd, void *dir, const char *args)
{
    dth_server_t *conf = dth_server_conf(cmd->server);
    const char *end = strrchr(args, '>');
    const char *wrong = ap_check_cmd_context(cmd, NOT_IN_DIR_CONTEXT);
    const char *name;

    if (wrong != NULL) {
        return wrong;
    }
    if (end == NULL || end[1] != '\0') {
        return "DingTalkSender: the section's \">\" is missing";
    }
    args = apr_pstrmemdup(cmd->pool, args, (apr_size_t)(end - args));
    wrong = dth_take_words(cmd->pool, args, 1, &name);
    if (wrong != NULL || *name == '\0') {
        return "DingTalkSender: must have one name, as in <DingTalkSender \"sms\">";
    }
    if (find_sender(conf->senders, name) != NULL) {
        return apr_psprintf(cmd->pool, "DingTalkSender: there are two named \"%s\"", name);
    }
    wrong = check_inside(cmd->pool, cmd->directive->first_child);
    if (wrong != NULL) {
        return wrong;
    }
    if (conf->senders == NULL) {
        conf->senders = apr_array_make(cmd->pool, 2, sizeof(dth_sender_t *));
    }
    conf->open_sender = apr_pcalloc(cmd->pool, sizeof(*conf->open_sender));
    conf->open_sender->name = name;
    APR_ARRAY_PUSH(conf->senders, dth_sender_t *) = conf->open_sender;
    wrong = ap_walk_config(cmd->directive->first_child, cmd, cmd->context);
    conf->open_sender = NULL;
    (void)dir;
    return wrong;
}

/* Those of the virtual host, and those of the main server that it does not name anew. */
static apr_array_header_t *merge_senders(apr_pool_t *p, const apr_array_header_t *old,
                                         apr_array_header_t *new)
{
    apr_array_header_t *merged;

    if (old == NULL || new == NULL) {
        return new != NULL ? new : old == NULL ? NULL : apr_array_copy(p, old);
    }
    merged = apr_array_copy(p, new);
    for (int i = 0; i < old->nelts; i++) {
        dth_sender_t *sender = APR_ARRAY_IDX(old, i, dth_sender_t *);

        if (find_sender(new, sender->name) == NULL) {
            APR_ARRAY_PUSH(merged, dth_sender_t *) = sender;
        }
    }
    return merged;
}

#define DTH_SERVER_WHERE RSRC_CONF
#define DTH_DIR_WHERE (RSRC_CONF | ACCESS_CONF | OR_AUTHCFG)
#define DTH_SENDER_WHERE RSRC_CONF

const command_rec dth_directives[] = {
#define SECTION(name, help) AP_INIT_RAW_ARGS("<" #name, open_section, NULL, RSRC_CONF, help),
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

/* What is set of new, else of old, unit by unit. to may be new itself. */
static void merge_units(const dth_type_t *type, char *to, const char *old, const char *new)
{
    for (apr_size_t at = 0; at < type->size; at += type->unit) {
        memmove(to + at, is_set(new + at, type->unit) ? new + at : old + at, type->unit);
    }
}

void *dth_config_merge_server(apr_pool_t *p, void *base, void *add)
{
    dth_server_t *conf = apr_pcalloc(p, sizeof(*conf));
    const dth_server_t *old = base, *new = add;

    for (const dth_row_t *row = rows; row < rows + ROWS; row++) {
        if (row->scope != DTH_IN_SERVER) {
            continue;
        }
        if (row->type->merge != NULL) {
            row->type->merge(p, member_of(conf, row), member_of(base, row), member_of(add, row));
        }
        else {
            merge_units(row->type, member_of(conf, row), member_of(base, row), member_of(add, row));
        }
    }
    conf->senders = merge_senders(p, old->senders, new->senders);
    return conf;
}

/* Without the loop, as this one runs for requests: three numbers. */
void *dth_config_merge_dir(apr_pool_t *p, void *base, void *add)
{
    static const dth_dir_t nothing;
    const dth_dir_t *old = base, *new = add;
    dth_dir_t *conf;

    if (memcmp(old, &nothing, sizeof(nothing)) == 0) { /* twice in most requests */
        return add;
    }
    conf = apr_palloc(p, sizeof(*conf));
#define DTH_SERVER_MERGE(member)
#define DTH_SENDER_MERGE(member)
#define DTH_DIR_MERGE(member) conf->member = new->member != 0 ? new->member : old->member;
#define DIRECTIVE(name, scope, type, member, details, fallback, help) DTH_##scope##_MERGE(member)
#include "httpd/config.def"
#undef DIRECTIVE
    return conf;
}

const char *dth_config_defaults(apr_pool_t *p, dth_server_t *conf)
{
    for (const dth_row_t *row = rows; row < rows + ROWS; row++) {
        void *value;

        if (row->fallback == NULL) {
            continue;
        }
        value = apr_pcalloc(p, row->type->size);
        if (row->type->set(p, row, value, row->fallback) != NULL) {
            return row->name;
        }
        if (row->scope == DTH_IN_SERVER) {
            merge_units(row->type, member_of(conf, row), value, member_of(conf, row));
        }
        /* Directory values are read without this loop: there, "not set" means the first word. */
        else if (row->scope == DTH_IN_DIR && dth_choice(*(dth_choice_t *)value) != 1) {
            return row->name;
        }
    }
    return NULL;
}
