/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a site that sends verification codes: its sections judged, and made of them. */
#include "httpd/site_codes.h"

#include "httpd/secret.h"
#include "provider/courier.h"
#include "provider/sender.h"

#include <apr_strings.h>

#include <string.h>

/* How long every request for a code takes: longer than a gateway usually needs, so that its answer
 * is known, and short enough to wait for. */
#define ANSWER_AFTER apr_time_from_sec(1)
#define WAITING 64 /* codes of one child that wait for their turn: a whole company that begins */

static const dt_sender_pair_t *pairs_of_words(apr_pool_t *p, const apr_array_header_t *words,
                                              bool named, const char **wrong)
{
    dt_sender_pair_t *pairs;

    if (words == NULL) {
        return NULL;
    }
    pairs = apr_pcalloc(p, (apr_size_t)(words->nelts + 1) * sizeof(*pairs));
    for (int i = 0; i < words->nelts; i++) {
        char *word = apr_pstrdup(p, APR_ARRAY_IDX(words, i, const char *));
        char *value = named ? strchr(word, '=') : word;

        if (value == NULL || value == word + (named ? 0 : -1)) {
            *wrong = apr_psprintf(p, "DingTalkSenderParam: \"%s\" must be name=value", word);
            return NULL;
        }
        if (named) {
            *value++ = '\0';
        }
        pairs[i] = (dt_sender_pair_t){named ? word : NULL, value};
    }
    return pairs;
}

static const dt_sender_pair_t *pairs_of_table(apr_pool_t *p, const apr_table_t *table)
{
    const apr_array_header_t *entries = table != NULL ? apr_table_elts(table) : NULL;
    dt_sender_pair_t *pairs;

    if (entries == NULL) {
        return NULL;
    }
    pairs = apr_pcalloc(p, (apr_size_t)(entries->nelts + 1) * sizeof(*pairs));
    for (int i = 0; i < entries->nelts; i++) {
        const apr_table_entry_t *entry = &APR_ARRAY_IDX(entries, i, apr_table_entry_t);

        pairs[i] = (dt_sender_pair_t){entry->key, entry->val};
    }
    return pairs;
}

/* secret NULL and http NULL: only to see what is wrong. */
static const char *make_sender(apr_pool_t *p, const dth_sender_t *conf, const char *secret,
                               const dt_http_t *http, const dt_sender_t **sender)
{
    static dt_sender_create_t *const types[] = {
        [DTH_SENDER_ALIYUN] = dt_send_aliyun_create,
        [DTH_SENDER_TENCENT] = dt_send_tencent_create,
        [DTH_SENDER_HTTP] = dt_send_http_create,
    };
    const char *wrong = NULL;
    const dt_sender_config_t config = {
        .name = conf->name,
        .key = conf->key,
        .secret = secret,
        .sign = {conf->sign.word[0], conf->sign.word[1]},
        .template = {conf->template.word[0], conf->template.word[1]},
        .params = pairs_of_words(p, conf->params, conf->type == DTH_SENDER_ALIYUN, &wrong),
        .app = conf->app,
        .region = conf->region,
        .url = conf->url,
        .headers = pairs_of_table(p, conf->headers),
        .content_type = conf->body.word[0],
        .body = conf->body.word[1],
        .ok = conf->ok,
    };

    if (conf->type == 0) {
        wrong = "DingTalkSenderType: is missing; give aliyun, tencent or http";
    }
    else if (wrong == NULL && conf->secret == NULL && conf->type != DTH_SENDER_HTTP) {
        wrong = "DingTalkSenderSecret: is missing; give the secret of DingTalkSenderKey";
    }
    else if (wrong == NULL) {
        wrong = types[conf->type](p, &config, http, sender);
    }
    return wrong == NULL ? NULL
                         : apr_psprintf(p, "%s (in <DingTalkSender \"%s\">)", wrong, conf->name);
}

static const dth_sender_t *find_sender(const dth_server_t *conf, const char *name)
{
    for (int i = 0; conf->senders != NULL && i < conf->senders->nelts; i++) {
        const dth_sender_t *sender = APR_ARRAY_IDX(conf->senders, i, dth_sender_t *);

        if (strcmp(sender->name, name) == 0) {
            return sender;
        }
    }
    return NULL;
}

static const char *check_codes(apr_pool_t *p, apr_pool_t *ptemp, const dth_server_t *conf)
{
    for (int i = 0; conf->senders != NULL && i < conf->senders->nelts; i++) {
        const dth_sender_t *sender = APR_ARRAY_IDX(conf->senders, i, dth_sender_t *);
        const dt_sender_t *unused;
        dt_slice_t secret;
        const char *wrong = dth_secret_peek(ptemp, sender->secret, &secret);

        wrong = wrong != NULL ? wrong : make_sender(ptemp, sender, NULL, NULL, &unused);
        if (wrong != NULL) {
            return apr_pstrdup(p, wrong);
        }
    }
    for (int i = 0; conf->code_via != NULL && i < conf->code_via->nelts; i++) {
        const char *name = APR_ARRAY_IDX(conf->code_via, i, const char *);

        if (find_sender(conf, name) == NULL) {
            return apr_psprintf(p, "DingTalkCodeVia: there is no <DingTalkSender \"%s\">", name);
        }
    }
    if (conf->unbound == DTH_UNBOUND_BIND && conf->code_via == NULL) {
        return "DingTalkUnbound: bind needs DingTalkCodeVia: the name of a <DingTalkSender> that "
               "sends the codes";
    }
    return NULL;
}

static const dt_code_rules_t *make_rules(apr_pool_t *p, const dth_server_t *conf)
{
    dt_code_rules_t *rules = apr_palloc(p, sizeof(*rules));

    *rules = (dt_code_rules_t){.length = conf->code.length,
                               .lifetime = conf->code.lifetime,
                               .attempts = conf->code.attempts,
                               .resend = conf->code.resend,
                               .per_phone = conf->code_limits.of[DTH_LIMIT_PHONE],
                               .per_address = conf->code_limits.of[DTH_LIMIT_ADDRESS],
                               .per_person = conf->code_limits.of[DTH_LIMIT_PERSON]};
    return rules;
}

const char *dth_site_codes_check(apr_pool_t *p, apr_pool_t *ptemp, dth_site_t *site)
{
    site->login.codes.rules = make_rules(p, site->conf);
    return check_codes(p, ptemp, site->conf);
}

const char *dth_site_codes_make(apr_pool_t *pconf, dth_site_t *site, int max_threads,
                                const dt_sender_t **courier)
{
    const dth_server_t *conf = site->conf;
    int count = conf->code_via != NULL ? conf->code_via->nelts : 0;
    const dt_sender_t **senders = apr_pcalloc(pconf, (apr_size_t)(count + 1) * sizeof(*senders));
    const dt_courier_config_t config = {senders, count, ANSWER_AFTER, max_threads, WAITING};

    *courier = NULL;
    if (count == 0) {
        return NULL;
    }
    for (int i = 0; i < count; i++) {
        const dth_sender_t *sender =
            find_sender(conf, APR_ARRAY_IDX(conf->code_via, i, const char *));
        dt_slice_t secret = {"", 0};
        const char *wrong = NULL;

        if (sender->secret != NULL) {
            wrong = dth_secret_read(pconf, sender->secret, &secret);
        }
        if (wrong != NULL) {
            return apr_pstrcat(pconf, "DingTalkSenderSecret: ", wrong, NULL);
        }
        wrong = make_sender(pconf, sender, secret.data, site->gateways, &senders[i]);
        if (wrong != NULL) {
            return wrong;
        }
    }
    if (dt_courier_create(pconf, &config, courier) != APR_SUCCESS) {
        return "DingTalkCodeVia: the senders cannot be started";
    }
    site->login.codes.sender = *courier;
    site->login.codes.keys = site->login.keys;
    return NULL;
}
