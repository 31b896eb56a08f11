/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a site that turns persons into accounts: its directives judged, and made of them. */
#include "httpd/site_bind.h"

#include "httpd/accounts_ldap.h"
#include "httpd/secret.h"
#include "provider/accounts_dbd.h"

#include <apr_strings.h>

#include <string.h>

static const char *const own_columns[] = {"uid",        "name",       "mobile", "email",
                                          "job_number", "title",      "status", "managed",
                                          "created_at", "updated_at", NULL};
/* What one may say of an account there: the rest is the module's own. */
static const char *const own_settable[] = {"uid",        "name",  "mobile", "email",
                                           "job_number", "title", NULL};
static const char own_create[] = "uid=%{userid} name=%{name} mobile=%{mobile} email=%{email}";

#define CREATE_MAX 12 /* attributes of a new account; with what the module adds, DT_DB_ARGS */

static bool is_listed(const char *word, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (strcmp(word, *list) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_own_table(const dth_server_t *conf)
{
    return dth_choice(conf->accounts.kind) == DTH_ACCOUNTS_DBD && conf->accounts.table == NULL;
}

/* --- judging --- */

/* The first directive that is of no use without accounts; NULL when there is none. */
static const char *find_orphan(const dth_server_t *conf)
{
    const struct {
        const char *name;
        bool given;
    } rows[] = {
        {"DingTalkAutoBind", conf->autobind != NULL && conf->autobind->nelts > 0},
        {"DingTalkUnbound", conf->unbound != 0},
        {"DingTalkCreate", conf->create != NULL},
        {"DingTalkAccountsFilter", conf->accounts_filter != NULL},
        {"DingTalkAccountsLogin", conf->accounts_login.user != NULL},
        {"DingTalkCodeVia", conf->code_via != NULL},
    };

    for (apr_size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        if (rows[i].given) {
            return rows[i].name;
        }
    }
    return NULL;
}

/* An attribute of the account, as a directive names it. */
static const char *check_attribute(apr_pool_t *p, const dth_server_t *conf, const char *directive,
                                   const char *name)
{
    if (is_own_table(conf) && !is_listed(name, own_columns)) {
        return apr_psprintf(p, "%s: \"%s\" must be a column of dingtalk_account", directive, name);
    }
    if (dth_choice(conf->accounts.kind) == DTH_ACCOUNTS_DBD &&
        !dt_accounts_dbd_is_name(name, false)) {
        return apr_psprintf(p,
                            "%s: \"%s\" must be a column: letters, digits and \"_\", not beginning "
                            "with a digit",
                            directive, name);
    }
    return NULL;
}

static const char *check_attributes(apr_pool_t *p, const dth_server_t *conf)
{
    const char *wrong = check_attribute(p, conf, "DingTalkPhoneAttribute", conf->phone_attribute);

    for (int i = 0; wrong == NULL && i < conf->attributes->nelts; i++) {
        const char *name = APR_ARRAY_IDX(conf->attributes, i, const char *);

        if (strncmp(name, "account.", 8) == 0) {
            wrong = check_attribute(p, conf, "DingTalkAttributes", name + 8);
        }
    }
    for (int i = 0; wrong == NULL && conf->autobind != NULL && i < conf->autobind->nelts; i++) {
        wrong = check_attribute(p, conf, "DingTalkAutoBind",
                                APR_ARRAY_IDX(conf->autobind, i, dth_pair_t).value);
    }
    for (int i = 0; wrong == NULL && conf->create != NULL && i < conf->create->nelts; i++) {
        wrong = check_attribute(p, conf, "DingTalkCreate",
                                APR_ARRAY_IDX(conf->create, i, dth_pair_t).name);
    }
    return wrong;
}

static const char *check_without_accounts(apr_pool_t *p, const dth_server_t *conf)
{
    const char *orphan = find_orphan(conf);

    if (orphan != NULL) {
        return apr_pstrcat(p, orphan, ": needs DingTalkAccounts: without them there is nothing to ",
                           "bind to", NULL);
    }
    if (conf->remote_user != NULL && strcmp(conf->remote_user, "account") == 0) {
        return "DingTalkRemoteUser: account needs DingTalkAccounts";
    }
    for (int i = 0; i < conf->attributes->nelts; i++) {
        const char *name = APR_ARRAY_IDX(conf->attributes, i, const char *);

        if (strncmp(name, "account.", 8) == 0) {
            return apr_psprintf(p, "DingTalkAttributes: \"%s\" needs DingTalkAccounts", name);
        }
    }
    return NULL;
}

static const char *const *wanted_attributes(apr_pool_t *p, const dth_server_t *conf,
                                            const dt_create_t *create)
{
    apr_array_header_t *names = apr_array_make(p, 8, sizeof(const char *));

    for (int i = 0; i < conf->attributes->nelts; i++) {
        const char *name = APR_ARRAY_IDX(conf->attributes, i, const char *);

        if (strncmp(name, "account.", 8) == 0) {
            APR_ARRAY_PUSH(names, const char *) = name + 8;
        }
    }
    /* What our own table is kept up to date with is compared with what it has. */
    APR_ARRAY_PUSH(names, const char *) = NULL;
    for (; is_own_table(conf) && create != NULL && create->attribute != NULL; create++) {
        if (!is_listed(create->attribute, (const char *const *)names->elts)) {
            APR_ARRAY_IDX(names, names->nelts - 1, const char *) = create->attribute;
            APR_ARRAY_PUSH(names, const char *) = NULL;
        }
    }
    return (const char *const *)names->elts;
}

/* Of a directory, as far as it can be judged without its password. */
static const char *make_ldap(apr_pool_t *p, const dth_site_t *site, const char *password,
                             const dt_accounts_t **accounts)
{
    const dth_server_t *conf = site->conf;
    const dth_accounts_ldap_config_t config = {
        .url = conf->accounts.url,
        .bind_dn = conf->accounts_login.user,
        .bind_password = password,
        .phone = conf->phone_attribute,
        .attributes = wanted_attributes(p, conf, site->login.bind.create),
    };
    const char *wrong = dth_accounts_ldap_create(p, &config, accounts);

    return wrong == NULL ? NULL : apr_pstrcat(p, "DingTalkAccounts: ", wrong, NULL);
}

static const char *check_ldap(apr_pool_t *ptemp, const dth_site_t *site)
{
    const dth_server_t *conf = site->conf;
    const dt_accounts_t *accounts;

    if (conf->accounts_filter != NULL) {
        return "DingTalkAccountsFilter: is for tables; the LDAP URL has a filter of its own";
    }
    if (conf->unbound == DTH_UNBOUND_CREATE) {
        return "DingTalkUnbound: create is not possible in LDAP, which is only read; use bind or "
               "deny";
    }
    dth_accounts_ldap_retrieve();
    if (!dth_accounts_ldap_available()) {
        return "DingTalkAccounts: ldap needs mod_ldap, which is not loaded: LoadModule ldap_module";
    }
    return make_ldap(ptemp, site, "whatever it is", &accounts);
}

static const char *check_table(apr_pool_t *p, const dth_server_t *conf)
{
    if (conf->accounts.table == NULL) {
        return NULL;
    }
    if (!dt_accounts_dbd_is_name(conf->accounts.table, true) ||
        !dt_accounts_dbd_is_name(conf->accounts.key, false)) {
        return apr_psprintf(p,
                            "DingTalkAccounts: \"%s\" and \"%s\" must be a table and a column: "
                            "letters, digits and \"_\", not beginning with a digit",
                            conf->accounts.table, conf->accounts.key);
    }
    if (conf->unbound == DTH_UNBOUND_CREATE && conf->create == NULL) {
        return "DingTalkCreate: is missing; DingTalkUnbound create needs to know the columns of an "
               "account in this table";
    }
    return NULL;
}

/* --- making: binding --- */

static dt_autobind_t *make_autobind(apr_pool_t *p, const dth_server_t *conf)
{
    int count = conf->autobind != NULL ? conf->autobind->nelts : 0;
    dt_autobind_t *rules = apr_pcalloc(p, (apr_size_t)(count + 1) * sizeof(*rules));

    for (int i = 0; i < count; i++) {
        const dth_pair_t *pair = &APR_ARRAY_IDX(conf->autobind, i, dth_pair_t);

        rules[i] = (dt_autobind_t){.source = pair->name, .attribute = pair->value};
        dt_bind_source(pair->name, &rules[i].match);
    }
    return rules;
}

/* The templates have passed their check already. */
static const dt_create_t *make_create(apr_pool_t *p, const dth_pair_t *pairs, int count)
{
    dt_create_t *create = apr_pcalloc(p, (apr_size_t)(count + 1) * sizeof(*create));

    for (int i = 0; i < count; i++) {
        dt_template_t *value = NULL;

        dt_template_parse(p, pairs[i].value, dt_bind_names, &value);
        create[i] = (dt_create_t){pairs[i].name, value};
    }
    return create;
}

static const dt_create_t *default_create(apr_pool_t *p)
{
    dth_pair_t pairs[4];
    char *state, *word = apr_strtok(apr_pstrdup(p, own_create), " ", &state);
    int count = 0;

    for (; word != NULL; word = apr_strtok(NULL, " ", &state)) {
        char *value = strchr(word, '=');

        *value = '\0';
        pairs[count++] = (dth_pair_t){word, value + 1};
    }
    return make_create(p, pairs, count);
}

static dt_unbound_t unbound_of(const dth_server_t *conf)
{
    switch (conf->unbound) {
    case DTH_UNBOUND_BIND:
        return DT_UNBOUND_BIND;
    case DTH_UNBOUND_CREATE:
        return DT_UNBOUND_CREATE;
    case DTH_UNBOUND_DENY:
        return DT_UNBOUND_DENY;
    default:
        return conf->code_via != NULL ? DT_UNBOUND_BIND : DT_UNBOUND_DENY;
    }
}

static void make_bind(apr_pool_t *p, dth_site_t *site)
{
    const dth_server_t *conf = site->conf;
    dt_bind_t *bind = &site->login.bind;

    bind->autobind = make_autobind(p, conf);
    bind->unbound = unbound_of(conf);
    bind->key_attribute = conf->accounts.key != NULL ? conf->accounts.key : "uid";
    bind->phone_attribute = conf->phone_attribute;
    if (conf->create != NULL) {
        bind->create = make_create(p, (const dth_pair_t *)conf->create->elts, conf->create->nelts);
    }
    else if (is_own_table(conf)) {
        bind->create = default_create(p);
    }
}

static const char *check_create(apr_pool_t *p, const dth_server_t *conf, const dt_bind_t *bind)
{
    const dt_create_t *row = bind->create;

    if (conf->create != NULL && conf->create->nelts > CREATE_MAX) {
        return apr_psprintf(p, "DingTalkCreate: %d attributes are too many; at most %d",
                            conf->create->nelts, CREATE_MAX);
    }
    for (; is_own_table(conf) && row != NULL && row->attribute != NULL; row++) {
        if (!is_listed(row->attribute, own_settable)) {
            return apr_psprintf(p,
                                "DingTalkCreate: \"%s\" must be uid, name, mobile, email, "
                                "job_number or title: the module keeps the rest itself",
                                row->attribute);
        }
    }
    for (row = bind->create; row != NULL && row->attribute != NULL; row++) {
        if (strcmp(row->attribute, bind->key_attribute) == 0) {
            return NULL;
        }
    }
    return bind->unbound != DT_UNBOUND_CREATE
               ? NULL
               : apr_psprintf(
                     p, "DingTalkCreate: must say what the account's key is, as in %s=%%{userid}",
                     bind->key_attribute);
}

const char *dth_site_bind_check(apr_pool_t *p, apr_pool_t *ptemp, dth_site_t *site)
{
    const dth_server_t *conf = site->conf;
    dt_slice_t password;
    const char *wrong;

    site->login.bind.corp_id = conf->corp_id;
    if (dth_choice(conf->accounts.kind) == DTH_ACCOUNTS_NONE) {
        return check_without_accounts(p, conf);
    }
    wrong = check_attributes(p, conf);
    if (wrong == NULL) {
        wrong = dth_secret_peek(ptemp, conf->accounts_login.secret, &password);
    }
    if (wrong != NULL) {
        return wrong;
    }
    make_bind(p, site);
    if (dth_choice(conf->accounts.kind) == DTH_ACCOUNTS_LDAP) {
        return check_ldap(p, site);
    }
    wrong = check_table(p, conf);
    return wrong != NULL ? wrong : check_create(p, conf, &site->login.bind);
}

/* --- making: what needs secrets --- */

/* Only codes need phones: a table without any is good for all the rest. */
static const char *phone_column(const dth_site_t *site)
{
    const dth_server_t *conf = site->conf;

    return site->login.bind.unbound == DT_UNBOUND_BIND || is_own_table(conf) ? conf->phone_attribute
                                                                             : conf->accounts.key;
}

const char *dth_site_bind_make(apr_pool_t *pconf, dth_site_t *site)
{
    const dth_server_t *conf = site->conf;
    const dt_accounts_dbd_config_t config = {
        .table = conf->accounts.table,
        .key = conf->accounts.key,
        .filter = conf->accounts_filter,
        .phone = phone_column(site),
        .attributes = wanted_attributes(pconf, conf, site->login.bind.create),
    };
    dt_slice_t password = {"", 0};
    const char *wrong = NULL;

    if (dth_choice(conf->accounts.kind) == DTH_ACCOUNTS_NONE) {
        return NULL;
    }
    if (dth_choice(conf->accounts.kind) == DTH_ACCOUNTS_DBD) {
        site->login.bind.accounts = dt_accounts_dbd_create(pconf, site->db, &config);
        return site->login.bind.accounts != NULL ? NULL
                                                 : "DingTalkAccounts: a name cannot be a column";
    }
    if (conf->accounts_login.secret != NULL) {
        wrong = dth_secret_read(pconf, conf->accounts_login.secret, &password);
    }
    return wrong != NULL ? apr_pstrcat(pconf, "DingTalkAccountsLogin: ", wrong, NULL)
                         : make_ldap(pconf, site, password.data, &site->login.bind.accounts);
}
