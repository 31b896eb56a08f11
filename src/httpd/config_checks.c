/* SPDX-License-Identifier: Apache-2.0 */
/* What one word of a directive must be, each rule once. */
#include "httpd/config_types.h"

#include "core/bind.h"
#include "core/member.h"
#include "core/template.h"
#include "core/url.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

/* True when word has 1 to max characters, all letters, digits or of others. */
static int is_made_of(const char *word, const char *others, apr_size_t max)
{
    apr_size_t len = strlen(word);

    if (len == 0 || len > max) {
        return 0;
    }
    for (const char *c = word; *c != '\0'; c++) {
        if (!apr_isalnum(*c) && strchr(others, *c) == NULL) {
            return 0;
        }
    }
    return 1;
}

static const char *check_word(apr_pool_t *p, const char *word)
{
    (void)p;
    return is_made_of(word, "_-.", 128) ? NULL
                                        : "the id as DingTalk's console shows it: 1 to 128 "
                                          "letters, digits, \"-\", \"_\" or \".\"";
}
const dth_check_t dth_is_word = {check_word};

static const char *check_number(apr_pool_t *p, const char *word)
{
    (void)p;
    return is_made_of(word, "", 18) && strspn(word, "0123456789") == strlen(word) ? NULL
                                                                                  : "a number";
}
const dth_check_t dth_is_number = {check_number};

static const char *check_prefix(apr_pool_t *p, const char *word)
{
    apr_size_t len = strlen(word);

    (void)p;
    if (len < 2 || word[0] != '/' || word[len - 1] == '/' || !is_made_of(word, "/-_.~", 128) ||
        strstr(word, "//") != NULL || strstr(word, "/.") != NULL) {
        return "a path such as /dingtalk: it begins with \"/\", does not end with one, and has "
               "only letters, digits, \"-\", \"_\", \".\" and \"~\" between";
    }
    return NULL;
}
const dth_check_t dth_is_prefix = {check_prefix};

static const char *check_origin(apr_pool_t *p, const char *word)
{
    dt_origin_t origin;

    return dt_url_origin(p, word, &origin, NULL);
}
const dth_check_t dth_is_origin = {check_origin};

const char *dth_base_url(apr_pool_t *p, const char *word, const char **url)
{
    dt_origin_t origin;
    const char *path, *must = dt_url_origin(p, word, &origin, &path);

    if (must != NULL) {
        return must;
    }
    if (!origin.https && !origin.loopback) {
        return "an https URL: http is for 127.0.0.0/8, [::1] and localhost only";
    }
    *url = apr_pstrcat(p, origin.text, path, NULL);
    return NULL;
}

static const char *attribute_list(apr_pool_t *p, const char *more)
{
    const char *list = more;

    for (int i = 0; dt_member_attributes[i] != NULL; i++) {
        list = apr_pstrcat(p, list, *list == '\0' ? "" : ", ", dt_member_attributes[i], NULL);
    }
    return apr_pstrcat(p, "one of ", list, NULL);
}

/* A column, or an LDAP attribute with options (RFC 4512, section 2.5); which of the two is judged
 * where the store is known. */
static int is_column(const char *word)
{
    return !apr_isdigit(*word) && is_made_of(word, "_-;", 63);
}

static int is_attribute(const char *word)
{
    if (strncmp(word, "account.", 8) == 0) {
        return is_column(word + 8);
    }
    for (int i = 0; dt_member_attributes[i] != NULL; i++) {
        if (strcmp(word, dt_member_attributes[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

static const char *check_attribute(apr_pool_t *p, const char *word)
{
    return is_attribute(word)
               ? NULL
               : apr_pstrcat(p, attribute_list(p, ""), ", or account.NAME of the account", NULL);
}
const dth_check_t dth_is_attribute = {check_attribute};

static const char *check_user_attribute(apr_pool_t *p, const char *word)
{
    static const char *const names[] = {"account", "userid",     "unionid", "mobile",
                                        "email",   "job_number", NULL};

    (void)p;
    for (int i = 0; names[i] != NULL; i++) {
        if (strcmp(word, names[i]) == 0) {
            return NULL;
        }
    }
    return "account, userid, unionid, mobile, email or job_number";
}
const dth_check_t dth_is_user_attribute = {check_user_attribute};

static const char *check_directory(apr_pool_t *p, const char *word)
{
    const char *path = ap_server_root_relative(p, word);

    apr_finfo_t info;

    if (path != NULL && apr_stat(&info, path, APR_FINFO_TYPE, p) == APR_SUCCESS &&
        info.filetype != APR_DIR) {
        return "a directory, and there is something else of that name";
    }
    return path != NULL && strcmp(path, "/") != 0 && *word != '\0'
               ? NULL
               : "a directory of the module's own, such as " DT_STATE_DIR;
}
const dth_check_t dth_is_directory = {check_directory};

/* RFC 6265, section 4.1.1: a token; the rest of the specials would be legal, but nobody needs
 * them and some applications trip over them. */
static const char *check_cookie_name(apr_pool_t *p, const char *word)
{
    (void)p;
    return is_made_of(word, "_-.", 64) ? NULL : "1 to 64 letters, digits, \"-\", \"_\" or \".\"";
}
const dth_check_t dth_is_cookie_name = {check_cookie_name};

/* RFC 6265, section 4.1.2.3: a dot in front means nothing, and many write one. */
static const char *check_domain(apr_pool_t *p, const char *word)
{
    const char *domain = *word == '.' ? word + 1 : word;

    (void)p;
    return is_made_of(domain, "-.", 253) && *domain != '.' && strstr(domain, "..") == NULL &&
                   strchr(domain, '.') != NULL
               ? NULL
               : "a domain such as example.com";
}
const dth_check_t dth_is_domain = {check_domain};

static const char *check_cookie_path(apr_pool_t *p, const char *word)
{
    (void)p;
    return word[0] == '/' && is_made_of(word, "/-_.~%", 256) ? NULL : "a path such as / or /app";
}
const dth_check_t dth_is_cookie_path = {check_cookie_path};

/* The administrator's own SQL: all there is to check is that it ends where it should. */
static const char *check_filter(apr_pool_t *p, const char *word)
{
    (void)p;
    return *word != '\0' && strchr(word, ';') == NULL && strstr(word, "--") == NULL &&
                   strstr(word, "/*") == NULL
               ? NULL
               : "a condition as in WHERE, such as \"enabled = 1\", without \";\" and comments";
}
const dth_check_t dth_is_filter = {check_filter};

static const char *check_column(apr_pool_t *p, const char *word)
{
    (void)p;
    return is_column(word) ? NULL : "the name of a column or LDAP attribute";
}
const dth_check_t dth_is_column = {check_column};

/* Whether there is such a cache is found out when all modules are loaded. */
static const char *check_store(apr_pool_t *p, const char *word)
{
    const apr_size_t len = strlen(DTH_SOCACHE);

    (void)p;
    return strcmp(word, "cookie") == 0 ||
                   (strncmp(word, DTH_SOCACHE, len) == 0 && apr_isalnum(word[len]))
               ? NULL
               : "cookie or socache:PROVIDER[:ARGS], such as socache:shmcb, "
                 "socache:redis:127.0.0.1:6379, socache:memcache:127.0.0.1:11211 or "
                 "socache:dbm:/path";
}
const dth_check_t dth_is_store = {check_store};

static const char *check_autobind(apr_pool_t *p, const dth_pair_t *pair)
{
    dt_match_t match;

    if (!dt_bind_source(pair->name, &match)) {
        return apr_psprintf(p,
                            "\"%s\" must be mobile, email, org_email, job_number, userid or "
                            "unionid: nothing else tells one person from another",
                            pair->name);
    }
    return is_column(pair->value)
               ? NULL
               : apr_psprintf(p, "\"%s\" must be the name of a column or LDAP attribute",
                              pair->value);
}
const dth_pair_check_t dth_is_autobind = {check_autobind, true};

static const char *check_create(apr_pool_t *p, const dth_pair_t *pair)
{
    dt_template_t *template;
    const char *wrong = dt_template_parse(p, pair->value, dt_bind_names, &template);

    if (!is_column(pair->name)) {
        return apr_psprintf(p, "\"%s\" must be the name of a column", pair->name);
    }
    return wrong == NULL ? NULL : apr_psprintf(p, "\"%s\": %s", pair->value, wrong);
}
const dth_pair_check_t dth_is_create = {check_create, false};
