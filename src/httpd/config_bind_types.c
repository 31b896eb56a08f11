/* SPDX-License-Identifier: Apache-2.0 */
/* How the values of the binding directives are read. */
#include "httpd/config_types.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

/* --- line: everything behind the directive --- */

static const char *set_line(apr_pool_t *p, const dth_row_t *row, void *member, const char *args)
{
    dth_line_t *line = member;

    (void)row;
    if (*args == '\0') {
        return "a value is missing; give one";
    }
    *line = apr_pstrdup(p, args);
    return NULL;
}

const dth_type_t dth_type_line = {sizeof(dth_line_t), sizeof(dth_line_t), set_line, NULL};

/* --- pairs: name=value words in order --- */

static const char *set_pairs(apr_pool_t *p, const dth_row_t *row, void *member, const char *args)
{
    const dth_pair_check_t *details = row->details;
    dth_pairs_t *pairs = member;
    dth_pairs_t list = apr_array_make(p, 4, sizeof(dth_pair_t));

    if (details->can_be_off && ap_cstr_casecmp(args, "off") == 0) {
        *pairs = list;
        return NULL;
    }
    while (*args != '\0') {
        char *word = ap_getword_conf(p, &args);
        char *value = strchr(word, '=');
        dth_pair_t *pair = apr_array_push(list);
        const char *wrong;

        if (value == NULL || value == word || value[1] == '\0') {
            return apr_psprintf(p, "\"%s\" must be name=value", word);
        }
        *value = '\0';
        *pair = (dth_pair_t){word, value + 1};
        wrong = details->check(p, pair);
        if (wrong != NULL) {
            return wrong;
        }
    }
    if (list->nelts == 0) {
        return "a value is missing; give one or more name=value";
    }
    *pairs = list;
    return NULL;
}

const dth_type_t dth_type_pairs = {sizeof(dth_pairs_t), sizeof(dth_pairs_t), set_pairs, NULL};

/* --- one or two words, and exactly two --- */

static const char *set_two(apr_pool_t *p, const dth_row_t *row, void *member, const char *args)
{
    dth_two_t two = {{NULL, NULL}};
    const char *wrong = dth_take_words(p, args, 2, two.word);

    (void)row;
    if (wrong == NULL) {
        *(dth_two_t *)member = two;
    }
    return wrong;
}

static const char *set_one_or_two(apr_pool_t *p, const dth_row_t *row, void *member,
                                  const char *args)
{
    dth_one_or_two_t *one = member;
    const char *rest = args;

    ap_getword_conf(p, &rest);
    return *rest != '\0' ? set_two(p, row, member, args)
                         : dth_take_words(p, args, 1, &one->word[0]);
}

const dth_type_t dth_type_two = {sizeof(dth_two_t), sizeof(dth_two_t), set_two, NULL};
const dth_type_t dth_type_one_or_two = {sizeof(dth_one_or_two_t), sizeof(dth_one_or_two_t),
                                        set_one_or_two, NULL};

/* --- database: driver and parameters --- */

static const char *set_database(apr_pool_t *p, const dth_row_t *row, void *member, const char *args)
{
    static const char *const drivers[] = {"sqlite3", "pgsql", "mysql", NULL};
    dth_database_t *database = member;
    const char *word[2] = {NULL, NULL};

    (void)row;
    if (dth_take_words(p, args, 2, word) !=
        NULL) { /* and repeat nothing: there is a password in it */
        return "must be a driver and its parameters in quotes, such as pgsql \"host=db "
               "dbname=intra\"";
    }
    for (int i = 0; drivers[i] != NULL; i++) {
        if (strcmp(word[0], drivers[i]) == 0) {
            *database = (dth_database_t){word[0], word[1]};
            return NULL;
        }
    }
    return apr_psprintf(p, "\"%s\" must be %s", word[0], dth_listed(p, drivers));
}

const dth_type_t dth_type_database = {sizeof(dth_database_t), sizeof(dth_database_t), set_database,
                                      NULL};

/* --- accounts: none, dbd, dbd:table=T,key=C, ldap:URL --- */

static const char *set_table(apr_pool_t *p, char *options, dth_accounts_t *accounts)
{
    char *state;

    for (char *word = apr_strtok(options, ",", &state); word != NULL;
         word = apr_strtok(NULL, ",", &state)) {
        if (strncmp(word, "table=", 6) == 0) {
            accounts->table = word + 6;
        }
        else if (strncmp(word, "key=", 4) == 0) {
            accounts->key = word + 4;
        }
        else {
            return apr_psprintf(p, "\"%s\" must be table=TABLE or key=COLUMN", word);
        }
    }
    return accounts->table != NULL && accounts->key != NULL
               ? NULL
               : "dbd: needs table=TABLE,key=COLUMN; dbd alone is the module's own table";
}

static const char *set_accounts(apr_pool_t *p, const dth_row_t *row, void *member, const char *args)
{
    dth_accounts_t accounts = {0};
    const char *word, *wrong = dth_take_words(p, args, 1, &word);

    (void)row;
    if (wrong != NULL) {
        return wrong;
    }
    if (strcmp(word, "none") == 0) {
        accounts.kind = DTH_ACCOUNTS_NONE;
    }
    else if (strcmp(word, "dbd") == 0) {
        accounts.kind = DTH_ACCOUNTS_DBD;
    }
    else if (strncmp(word, "dbd:", 4) == 0) {
        accounts.kind = DTH_ACCOUNTS_DBD;
        wrong = set_table(p, apr_pstrdup(p, word + 4), &accounts);
    }
    else if (strncmp(word, "ldap:", 5) == 0 || strncmp(word, "ldaps:", 6) == 0) {
        accounts.kind = DTH_ACCOUNTS_LDAP;
        /* ldap:ldap://host/… by the book; most will write the URL itself. */
        accounts.url = strncmp(word + 5, "ldap", 4) == 0 ? word + 5 : word;
    }
    else {
        wrong = apr_psprintf(p, "\"%s\" must be none, dbd, dbd:table=TABLE,key=COLUMN or ldap:URL",
                             word);
    }
    if (wrong == NULL) {
        *(dth_accounts_t *)member = accounts;
    }
    return wrong;
}

const dth_type_t dth_type_accounts = {sizeof(dth_accounts_t), sizeof(dth_accounts_t), set_accounts,
                                      NULL};

/* --- login: a name and a secret --- */

static const char *set_login(apr_pool_t *p, const dth_row_t *row, void *member, const char *args)
{
    const char *user = ap_getword_conf(p, &args);
    dth_login_t *login = member;
    dth_secret_t secret = NULL;
    const char *wrong;

    if (*user == '\0') {
        return "a value is missing; give a DN and its password";
    }
    wrong = dth_type_secret.set(p, row, &secret, args);
    if (wrong == NULL) {
        *login = (dth_login_t){user, secret};
    }
    return wrong;
}

const dth_type_t dth_type_login = {sizeof(dth_login_t), sizeof(dth_login_t), set_login, NULL};

/* --- code: length=6 lifetime=5min attempts=5 resend=60s --- */

/* A whole number from min to max, up to the end of text. */
static const char *parse_number(apr_pool_t *p, const char *text, const char *end, int min, int max,
                                int *number)
{
    char *rest;
    apr_int64_t value = apr_isdigit(*text) ? apr_strtoi64(text, &rest, 10) : -1;

    if (value < min || value > max || rest != end) {
        return apr_psprintf(p, "\"%.*s\" must be a number from %d to %d", (int)(end - text), text,
                            min, max);
    }
    *number = (int)value;
    return NULL;
}

static const char *set_code_word(apr_pool_t *p, const char *word, dth_code_t *code)
{
    static const dth_time_range_t lifetime = {30 * APR_USEC_PER_SEC, 600 * APR_USEC_PER_SEC};
    static const dth_time_range_t resend = {0, 3600 * APR_USEC_PER_SEC};
    const char *end = word + strlen(word);

    if (strncmp(word, "length=", 7) == 0) {
        return parse_number(p, word + 7, end, 4, 10, &code->length);
    }
    if (strncmp(word, "attempts=", 9) == 0) {
        return parse_number(p, word + 9, end, 1, 20, &code->attempts);
    }
    if (strncmp(word, "lifetime=", 9) == 0) {
        return dth_parse_time(p, word + 9, &lifetime, &code->lifetime);
    }
    if (strncmp(word, "resend=", 7) == 0) {
        return dth_parse_time(p, word + 7, &resend, &code->resend);
    }
    return apr_psprintf(p, "\"%s\" must be length=N, lifetime=TIME, attempts=N or resend=TIME",
                        word);
}

static const char *set_code(apr_pool_t *p, const dth_row_t *row, void *member, const char *args)
{
    dth_code_t code = {1, 6, 5, 300 * APR_USEC_PER_SEC, 60 * APR_USEC_PER_SEC};

    (void)row;
    if (*args == '\0') {
        return "a value is missing; give length=6, lifetime=5min, attempts=5 or resend=60s";
    }
    while (*args != '\0') {
        const char *wrong = set_code_word(p, ap_getword_conf(p, &args), &code);

        if (wrong != NULL) {
            return wrong;
        }
    }
    *(dth_code_t *)member = code;
    return NULL;
}

const dth_type_t dth_type_code = {sizeof(dth_code_t), sizeof(dth_code_t), set_code, NULL};

/* --- limits: phone=5/h phone=10/d ip=30/h person=10/h --- */

/* "5/h", or "5/10min". */
static const char *parse_limit(apr_pool_t *p, const char *text, dt_limit_t *limit)
{
    static const dth_time_range_t window = {APR_USEC_PER_SEC, 30 * 24 * APR_TIME_C(3600000000)};
    const char *slash = strchr(text, '/');
    const char *wrong;

    if (slash == NULL) {
        return apr_psprintf(p, "\"%s\" must be a number and a span of time, such as 5/h or 10/d",
                            text);
    }
    wrong = parse_number(p, text, slash, 1, DT_LIMIT_COUNT_MAX, &limit->count);
    if (wrong != NULL) {
        return wrong;
    }
    if (strcmp(slash + 1, "d") == 0) {
        limit->window = 24 * APR_TIME_C(3600000000);
        return NULL;
    }
    return dth_parse_time(p,
                          apr_isdigit(slash[1]) ? slash + 1 : apr_pstrcat(p, "1", slash + 1, NULL),
                          &window, &limit->window);
}

static const char *set_limits(apr_pool_t *p, const dth_row_t *row, void *member, const char *args)
{
    static const char *const subjects[DTH_LIMIT_SUBJECTS] = {"phone=", "ip=", "person="};
    dth_limits_t limits = {0};
    int counts[DTH_LIMIT_SUBJECTS] = {0};

    (void)row;
    if (*args == '\0') {
        return "a value is missing; give limits such as phone=5/h ip=30/h person=10/h";
    }
    while (*args != '\0') {
        const char *word = ap_getword_conf(p, &args), *wrong;
        int i = 0;

        while (i < DTH_LIMIT_SUBJECTS && strncmp(word, subjects[i], strlen(subjects[i])) != 0) {
            i++;
        }
        if (i == DTH_LIMIT_SUBJECTS) {
            return apr_psprintf(p, "\"%s\" must be phone=N/TIME, ip=N/TIME or person=N/TIME", word);
        }
        if (counts[i] == DTH_LIMITS_MAX) {
            return apr_psprintf(p, "\"%s\" is one too many: %d of a kind are enough", word,
                                DTH_LIMITS_MAX);
        }
        wrong = parse_limit(p, word + strlen(subjects[i]), &limits.of[i][counts[i]++]);
        if (wrong != NULL) {
            return wrong;
        }
    }
    *(dth_limits_t *)member = limits;
    return NULL;
}

/* Each of phone, ip and person is set, or keeps what it was. */
const dth_type_t dth_type_limits = {sizeof(dth_limits_t), sizeof(dt_limit_t[DTH_LIMITS_MAX + 1]),
                                    set_limits, NULL};
