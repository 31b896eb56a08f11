/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration as httpd keeps it: what the administrator wrote, merged, read-only later. */
#ifndef DTH_CONFIG_H
#define DTH_CONFIG_H

#include "core/limit.h"
#include "httpd/log.h"

#include <apr_tables.h>

/*
 * The kinds of values. All zero means "not set" in each of them, so that creating is clearing
 * and merging is copying what is set.
 */
typedef const char *dth_text_t;
typedef int dth_choice_t; /* 1-based index into the row's words; 0, not set, means the first */
typedef struct dth_duration_t {
    int set;
    apr_interval_time_t time;
} dth_duration_t;
typedef struct dth_timeout_t {
    int set;
    apr_interval_time_t connect;
    apr_interval_time_t total;
} dth_timeout_t;
typedef apr_array_header_t *dth_words_t; /* of const char * */
typedef struct dth_secret_ref_t {
    const char *text;      /* as written: the secret, or file:, env:, exec: and where it is */
    const char *directive; /* whose value it is */
} dth_secret_ref_t;
typedef const dth_secret_ref_t *dth_secret_t;
typedef apr_array_header_t *dth_secrets_t; /* of dth_secret_ref_t */
typedef enum { DTH_LOGIN, DTH_API, DTH_OAPI, DTH_ENDPOINTS } dth_endpoint_id_t;
typedef struct dth_endpoints_t {
    const char *url[DTH_ENDPOINTS];
} dth_endpoints_t;
typedef apr_table_t *dth_params_t;
typedef const char *dth_line_t; /* all words of a directive, as written */
typedef struct dth_pair_t {
    const char *name;
    const char *value;
} dth_pair_t;
typedef apr_array_header_t *dth_pairs_t; /* of dth_pair_t: name=value, in order; "off" is empty */
typedef struct dth_one_or_two_t {
    const char *word[2]; /* [1] may be NULL */
} dth_one_or_two_t;
typedef dth_one_or_two_t dth_two_t;
typedef struct dth_database_t {
    const char *driver;
    const char *params; /* may hold a password */
} dth_database_t;
enum { DTH_ACCOUNTS_NONE = 1, DTH_ACCOUNTS_DBD, DTH_ACCOUNTS_LDAP };
typedef struct dth_accounts_t {
    dth_choice_t kind; /* 0: not set, which means none */
    const char *table; /* dbd; NULL: our own */
    const char *key;   /* dbd, with table */
    const char *url;   /* ldap */
} dth_accounts_t;
typedef struct dth_login_t {
    const char *user;
    dth_secret_t secret;
} dth_login_t;
typedef struct dth_code_t {
    int set;
    int length;
    int attempts;
    apr_interval_time_t lifetime;
    apr_interval_time_t resend;
} dth_code_t;
enum { DTH_LIMIT_PHONE, DTH_LIMIT_ADDRESS, DTH_LIMIT_PERSON, DTH_LIMIT_SUBJECTS };
#define DTH_LIMITS_MAX 4 /* of one subject */
typedef struct dth_limits_t {
    dt_limit_t of[DTH_LIMIT_SUBJECTS][DTH_LIMITS_MAX + 1]; /* each up to count 0 */
} dth_limits_t;

/* The words of the choices, 1-based in the order of the word lists. */
enum { DTH_UNAUTH_AUTO = 1, DTH_UNAUTH_LOGIN, DTH_UNAUTH_401, DTH_UNAUTH_PASS };
enum { DTH_EXPORT_ENV = 1, DTH_EXPORT_NONE, DTH_EXPORT_HEADERS, DTH_EXPORT_BOTH };
enum { DTH_ENCODE_PERCENT = 1, DTH_ENCODE_BASE64URL, DTH_ENCODE_RAW };
enum { DTH_SAMESITE_LAX = 1, DTH_SAMESITE_STRICT, DTH_SAMESITE_NONE };
enum { DTH_SECURE_AUTO = 1, DTH_SECURE_ON, DTH_SECURE_OFF };
enum { DTH_UNBOUND_BIND = 1, DTH_UNBOUND_CREATE, DTH_UNBOUND_DENY };
enum { DTH_SENDER_ALIYUN = 1, DTH_SENDER_TENCENT, DTH_SENDER_HTTP };

/** The word that counts: the first one when nothing was set. */
static inline int dth_choice(dth_choice_t value)
{
    return value != 0 ? value : 1;
}

extern const char *const dth_unauthenticated_words[];
extern const char *const dth_export_words[];
extern const char *const dth_encoding_words[];
extern const char *const dth_samesite_words[];
extern const char *const dth_secure_words[];
extern const char *const dth_unbound_words[];
extern const char *const dth_sender_type_words[];
extern const char *const dth_login_params_of_ours[];

/** What a session store that is one of httpd's shared object caches begins with. */
#define DTH_SOCACHE "socache:"

#define DTH_SERVER_IN_SERVER(type, member) dth_##type##_t member;
#define DTH_DIR_IN_SERVER(type, member)
#define DTH_SENDER_IN_SERVER(type, member)
#define DTH_SERVER_IN_DIR(type, member)
#define DTH_DIR_IN_DIR(type, member) dth_##type##_t member;
#define DTH_SENDER_IN_DIR(type, member)
#define DTH_SERVER_IN_SENDER(type, member)
#define DTH_DIR_IN_SENDER(type, member)
#define DTH_SENDER_IN_SENDER(type, member) dth_##type##_t member;

struct dth_site_t;

/** A <DingTalkSender> section. */
typedef struct dth_sender_t {
    const char *name;
#define DIRECTIVE(directive, scope, type, member, details, fallback, help) \
    DTH_##scope##_IN_SENDER(type, member)
#include "httpd/config.def"
#undef DIRECTIVE
} dth_sender_t;

/** Server-level directives. Populated while the configuration is read, read-only after that. */
typedef struct dth_server_t {
#define DIRECTIVE(name, scope, type, member, details, fallback, help) \
    DTH_##scope##_IN_SERVER(type, member)
#include "httpd/config.def"
#undef DIRECTIVE
    apr_array_header_t *senders; /* of dth_sender_t *, in the order of the file; or NULL */
    dth_sender_t *open_sender;   /* whose section is being read; NULL outside of one */
    struct dth_site_t *site;     /* made of them by check_config; NULL without DingTalkClientID */
} dth_server_t;

/** Directory-level directives. Merged at request time: small, and no work in the merge. */
typedef struct dth_dir_t {
#define DIRECTIVE(name, scope, type, member, details, fallback, help) \
    DTH_##scope##_IN_DIR(type, member)
#include "httpd/config.def"
#undef DIRECTIVE
} dth_dir_t;

/** httpd's hooks of the module record. */
void *dth_config_create_server(apr_pool_t *p, server_rec *s);
void *dth_config_merge_server(apr_pool_t *p, void *base, void *add);
void *dth_config_create_dir(apr_pool_t *p, char *dir);
void *dth_config_merge_dir(apr_pool_t *p, void *base, void *add);
extern const command_rec dth_directives[];

/**
 * Fill what is not set in a merged server configuration with the defaults of config.def.
 * Start-up only. NULL, or the name of a directive whose default does not pass its own check.
 */
const char *dth_config_defaults(apr_pool_t *p, dth_server_t *conf);

/** The configuration of a server, or of the directory a request is in; never NULL. */
static inline dth_server_t *dth_server_conf(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &auth_dingtalk_module);
}

static inline const dth_dir_t *dth_dir_conf(const request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, &auth_dingtalk_module);
}

#endif
