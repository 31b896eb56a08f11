/* SPDX-License-Identifier: Apache-2.0 */
/* How each kind of directive value is read and merged. */
#include "httpd/config_types.h"

#include "core/bytes.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <http_core.h>

#include <string.h>

const char *const dth_unauthenticated_words[] = {"auto", "login", "401", "pass", NULL};
const char *const dth_export_words[] = {"env", "none", "headers", "both", NULL};
const char *const dth_encoding_words[] = {"percent", "base64url", "raw", NULL};
const char *const dth_samesite_words[] = {"Lax", "Strict", "None", NULL};
const char *const dth_secure_words[] = {"auto", "on", "off", NULL};
const char *const dth_unbound_words[] = {"bind", "create", "deny", NULL};
const char *const dth_sender_type_words[] = {"aliyun", "tencent", "http", NULL};
const char *const dth_login_params_of_ours[] = {"client_id", "redirect_uri", "response_type",
                                                "state", NULL};
static const char *const endpoint_words[] = {"login", "api", "oapi", NULL};

const dth_time_range_t dth_some_time = {APR_USEC_PER_SEC, 366 * 24 * APR_TIME_C(3600000000)};
const dth_time_range_t dth_any_time = {0, 366 * 24 * APR_TIME_C(3600000000)};
const dth_time_range_t dth_poll_time = {APR_USEC_PER_SEC / 10, 3600 * APR_USEC_PER_SEC};
static const dth_time_range_t call_time = {1000, 60 * APR_USEC_PER_SEC};

const char *dth_listed(apr_pool_t *p, const char *const *words)
{
    const char *list = words[0];

    for (int i = 1; words[i] != NULL; i++) {
        list = apr_pstrcat(p, list, words[i + 1] == NULL ? " or " : ", ", words[i], NULL);
    }
    return list;
}

const char *dth_take_words(apr_pool_t *p, const char *args, int count, const char **word)
{
    for (int i = 0; i < count; i++) {
        if (*args == '\0') {
            return count == 1 ? "a value is missing; give one"
                              : apr_psprintf(p, "values are missing; give %d", count);
        }
        word[i] = ap_getword_conf(p, &args);
    }
    if (*args != '\0') {
        return apr_psprintf(p, "too many values at \"%s\"; give %d (quote what has spaces)", args,
                            count);
    }
    return NULL;
}

static const char *check(apr_pool_t *p, const dth_row_t *row, const char *word)
{
    const dth_check_t *details = row->details;
    const char *must = details == NULL ? NULL : details->check(p, word);

    return must == NULL ? NULL : apr_psprintf(p, "\"%s\" must be %s", word, must);
}

/* --- text: one word --- */

static const char *set_text(apr_pool_t *p, const dth_row_t *row, void *member, const char *args)
{
    dth_text_t *text = member;
    const char *word, *wrong = dth_take_words(p, args, 1, &word);

    if (wrong == NULL) {
        wrong = check(p, row, word);
    }
    if (wrong == NULL) {
        *text = word;
    }
    return wrong;
}

const dth_type_t dth_type_text = {sizeof(dth_text_t), sizeof(dth_text_t), set_text, NULL};

/* --- choice: one of the row's words --- */

static const char *set_choice(apr_pool_t *p, const dth_row_t *row, void *member, const char *args)
{
    dth_choice_t *choice = member;
    const char *const *words = row->details;
    const char *word, *wrong = dth_take_words(p, args, 1, &word);

    if (wrong != NULL) {
        return wrong;
    }
    for (int i = 0; words[i] != NULL; i++) {
        if (ap_cstr_casecmp(word, words[i]) == 0) {
            *choice = i + 1;
            return NULL;
        }
    }
    return apr_psprintf(p, "\"%s\" must be %s", word, dth_listed(p, words));
}

const dth_type_t dth_type_choice = {sizeof(dth_choice_t), sizeof(dth_choice_t), set_choice, NULL};

/* --- duration: a number with ms, s, min or h --- */

/* Not ap_timeout_parameter_parse: it takes units that the documentation does not name, and
 * "5minutes" for "5mi". */
const char *dth_parse_time(apr_pool_t *p, const char *word, const dth_time_range_t *range,
                           apr_interval_time_t *time)
{
    static const struct {
        const char *name;
        apr_interval_time_t usec;
    } units[] = {{"", APR_USEC_PER_SEC},
                 {"ms", 1000},
                 {"s", APR_USEC_PER_SEC},
                 {"min", 60 * APR_USEC_PER_SEC},
                 {"h", 60 * 60 * APR_USEC_PER_SEC}};
    char *unit;
    apr_int64_t number = apr_isdigit(*word) ? apr_strtoi64(word, &unit, 10) : -1;

    for (apr_size_t i = 0; number >= 0 && i < sizeof(units) / sizeof(*units); i++) {
        if (strcmp(unit, units[i].name) != 0) {
            continue;
        }
        if (number > range->max / units[i].usec || number * units[i].usec < range->min) {
            return apr_psprintf(p,
                                "\"%s\" must be from %" APR_TIME_T_FMT "ms to %" APR_TIME_T_FMT "s",
                                word, range->min / 1000, apr_time_sec(range->max));
        }
        *time = number * units[i].usec;
        return NULL;
    }
    return apr_psprintf(p, "\"%s\" must be a whole number with ms, s, min or h, such as 30s", word);
}

static const char *set_duration(apr_pool_t *p, const dth_row_t *row, void *member, const char *args)
{
    dth_duration_t *duration = member;
    const char *word, *wrong = dth_take_words(p, args, 1, &word);

    if (wrong == NULL) {
        wrong = dth_parse_time(p, word, row->details, &duration->time);
    }
    duration->set = wrong == NULL;
    return wrong;
}

const dth_type_t dth_type_duration = {sizeof(dth_duration_t), sizeof(dth_duration_t), set_duration,
                                      NULL};

/* --- timeout: connect=d total=d, either may be left out --- */

static const char *set_timeout(apr_pool_t *p, const dth_row_t *row, void *member, const char *args)
{
    dth_timeout_t *timeout = member;
    dth_timeout_t new = {1, apr_time_from_sec(2), apr_time_from_sec(5)};

    (void)row;
    if (*args == '\0') {
        return "a value is missing; give connect=2s total=5s or one of them";
    }
    while (*args != '\0') {
        const char *word = ap_getword_conf(p, &args);
        const char *wrong;

        if (strncmp(word, "connect=", 8) == 0) {
            wrong = dth_parse_time(p, word + 8, &call_time, &new.connect);
        }
        else if (strncmp(word, "total=", 6) == 0) {
            wrong = dth_parse_time(p, word + 6, &call_time, &new.total);
        }
        else {
            wrong = apr_psprintf(p, "\"%s\" must be connect=TIME or total=TIME", word);
        }
        if (wrong != NULL) {
            return wrong;
        }
    }
    if (new.connect > new.total) {
        return "connect must not be longer than total";
    }
    *timeout = new;
    return NULL;
}

const dth_type_t dth_type_timeout = {sizeof(dth_timeout_t), sizeof(dth_timeout_t), set_timeout,
                                     NULL};

/* --- words: one or more, each checked; a later line replaces an earlier one --- */

static const char *set_words(apr_pool_t *p, const dth_row_t *row, void *member, const char *args)
{
    dth_words_t *words = member;
    dth_words_t list = apr_array_make(p, 4, sizeof(const char *));

    while (*args != '\0') {
        const char *word = ap_getword_conf(p, &args);
        const char *wrong = check(p, row, word);

        if (wrong != NULL) {
            return wrong;
        }
        APR_ARRAY_PUSH(list, const char *) = word;
    }
    if (list->nelts == 0) {
        return "a value is missing; give one or more";
    }
    *words = list;
    return NULL;
}

const dth_type_t dth_type_words = {sizeof(dth_words_t), sizeof(dth_words_t), set_words, NULL};

/* --- secret, secrets: kept as written until secret.c reads them --- */

static const char *set_secrets(apr_pool_t *p, const dth_row_t *row, void *member, const char *args)
{
    dth_secrets_t *secrets = member;
    dth_secrets_t list = apr_array_make(p, 2, sizeof(dth_secret_ref_t));

    while (*args != '\0') {
        dth_secret_ref_t *secret = apr_array_push(list);

        secret->text = ap_getword_conf(p, &args);
        secret->directive = row->name;
        if (*secret->text == '\0') {
            return "the value is empty; give a text, file:PATH, env:NAME or exec:COMMAND";
        }
    }
    if (list->nelts == 0) {
        return "a value is missing; give a text, file:PATH, env:NAME or exec:COMMAND";
    }
    *secrets = list;
    return NULL;
}

const dth_type_t dth_type_secrets = {sizeof(dth_secrets_t), sizeof(dth_secrets_t), set_secrets,
                                     NULL};

static const char *set_secret(apr_pool_t *p, const dth_row_t *row, void *member, const char *args)
{
    dth_secret_t *secret = member;
    dth_secrets_t list;
    const char *wrong = set_secrets(p, row, &list, args);

    if (wrong != NULL) {
        return wrong;
    }
    if (list->nelts > 1) { /* and say nothing of what stands there: it may be the secret */
        return "too many values; give 1 (quote what has spaces)";
    }
    *secret = (const dth_secret_ref_t *)list->elts;
    return NULL;
}

const dth_type_t dth_type_secret = {sizeof(dth_secret_t), sizeof(dth_secret_t), set_secret, NULL};

/* --- endpoints: one of three base URLs a line --- */

static const char *set_endpoints(apr_pool_t *p, const dth_row_t *row, void *member,
                                 const char *args)
{
    dth_endpoints_t *endpoints = member;
    const char *word[2] = {NULL, NULL}, *must, *wrong = dth_take_words(p, args, 2, word);

    (void)row;
    if (wrong != NULL) {
        return apr_pstrcat(p, wrong, ": login, api or oapi, and a base URL", NULL);
    }
    for (int i = 0; i < DTH_ENDPOINTS; i++) {
        if (strcmp(word[0], endpoint_words[i]) != 0) {
            continue;
        }
        must = dth_base_url(p, word[1], &endpoints->url[i]);
        return must == NULL ? NULL : apr_psprintf(p, "\"%s\" must be %s", word[1], must);
    }
    return apr_psprintf(p, "\"%s\" must be %s", word[0], dth_listed(p, endpoint_words));
}

const dth_type_t dth_type_endpoints = {sizeof(dth_endpoints_t), sizeof(const char *), set_endpoints,
                                       NULL};

/* --- params: a name and a value a line, merged by name --- */

static const char *set_params(apr_pool_t *p, const dth_row_t *row, void *member, const char *args)
{
    const char *const *ours = row->details; /* names that the module sets itself; or NULL */
    dth_params_t *params = member;
    const char *word[2] = {NULL, NULL}, *wrong = dth_take_words(p, args, 2, word);

    if (wrong != NULL) {
        return wrong;
    }
    for (int i = 0; ours != NULL && ours[i] != NULL; i++) {
        if (strcmp(word[0], ours[i]) == 0) {
            return apr_psprintf(p, "\"%s\" is set by the module itself; leave it out", word[0]);
        }
    }
    for (const char *c = word[0]; *c != '\0'; c++) {
        if (!apr_isalnum(*c) && *c != '_' && *c != '-') {
            return apr_psprintf(p, "\"%s\" must be a name of letters, digits, \"_\" and \"-\"",
                                word[0]);
        }
    }
    if (*params == NULL) {
        *params = apr_table_make(p, 4);
    }
    apr_table_set(*params, word[0], word[1]);
    return NULL;
}

static void merge_params(apr_pool_t *p, void *member, const void *base, const void *add)
{
    dth_params_t old = *(const dth_params_t *)base, new = *(const dth_params_t *)add;
    dth_params_t *merged = member;

    if (old == NULL || new == NULL) {
        *merged = new != NULL ? new : old;
        return;
    }
    *merged = apr_table_copy(p, old);
    apr_table_overlap(*merged, new, APR_OVERLAP_TABLES_SET);
}

const dth_type_t dth_type_params = {sizeof(dth_params_t), sizeof(dth_params_t), set_params,
                                    merge_params};
