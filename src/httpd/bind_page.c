/* SPDX-License-Identifier: Apache-2.0 */
/* What the bind page tells the person, as a page or as JSON for the page's script. */
#include "httpd/bind_page.h"

#include "core/phone.h"
#include "core/text.h"
#include "httpd/endpoint.h"

#include <apr_strings.h>

static bool is(const dt_result_t *result, dt_why_id_t id)
{
    return result->why == &dt_whys[id];
}

/* --- which part of the page an answer belongs to --- */

static bool is_about_phone(const dt_result_t *result)
{
    return is(result, DT_WHY_PHONE_INVALID) || is(result, DT_WHY_TOO_MANY);
}

static bool is_about_code(const dt_result_t *result)
{
    return is(result, DT_WHY_CODE_WRONG) || is(result, DT_WHY_CODE_EXPIRED);
}

bool dth_bind_page_fits(const dt_result_t *result)
{
    return is_about_phone(result) || is_about_code(result) || result->what == DT_UNSURE;
}

/* --- times --- */

/* Whole seconds, upwards: whoever waits for them has waited long enough. */
static int seconds(apr_interval_time_t time)
{
    return time <= 0 ? 0 : (int)apr_time_sec(time + APR_USEC_PER_SEC - 1);
}

/* As people say it; bind.js does the same. */
static const char *span(apr_pool_t *pool, dt_language_t language, int time)
{
    static const char *const units[DT_LANGUAGES][3] = {
        [DT_EN] = {"s", "min", "h"}, [DT_ZH] = {"秒", "分钟", "小时"}};
    int unit = time <= 120 ? 0 : time <= 7200 ? 1 : 2;
    int of_unit = unit == 0 ? 1 : unit == 1 ? 60 : 3600;

    return apr_psprintf(pool, "%d %s", (time + of_unit - 1) / of_unit, units[language][unit]);
}

/* --- the page --- */

/* What went wrong, how to mend it, and how often one may still try. */
static const char *message(apr_pool_t *pool, dt_language_t language, const dt_result_t *result,
                           int tries_left)
{
    const dt_words_t *words = &result->why->words[language];
    const char *advice = tries_left == 0 ? dt_whys[DT_WHY_CODE_EXPIRED].words[language].text
                                         : words->text;
    const char *text =
        apr_pstrcat(pool, words->title, language == DT_ZH ? "。" : ". ", advice, NULL);

    if (tries_left <= 0) {
        return text;
    }
    return language == DT_ZH ? apr_psprintf(pool, "%s还可尝试 %d 次。", text, tries_left)
                             : apr_psprintf(pool, "%s Tries left: %d.", text, tries_left);
}

static void set_failure(apr_pool_t *pool, dt_language_t language, const dth_bind_view_t *view,
                        const char *values[DTH_VALUES])
{
    const dt_result_t *result = &view->result;
    dth_value_t place = is_about_phone(result)  ? DTH_VALUE_PHONE_ERROR
                        : is_about_code(result) ? DTH_VALUE_CODE_ERROR
                                                : DTH_VALUE_PROBLEM;

    values[place] = message(pool, language, result, view->answer.tries_left);
    values[DTH_VALUE_FAILED] = "yes";
    values[DTH_VALUE_ERROR_ID] = view->error_id;
}

static void set_wait(apr_pool_t *pool, dt_language_t language, int time,
                     const char *values[DTH_VALUES])
{
    if (time > 0) {
        values[DTH_VALUE_WAIT] = apr_itoa(pool, time);
        values[DTH_VALUE_WAIT_TEXT] = span(pool, language, time);
    }
}

int dth_bind_page(request_rec *r, const dth_req_t *req, const dth_bind_view_t *view)
{
    dt_language_t language = dth_page_language(r);
    const dt_words_t *words = &dt_whys[DT_WHY_BIND].words[language];
    const dt_code_rules_t *rules = req->site->login.codes.rules;
    const dt_code_asked_t *asked = &view->ticket.asked;
    const dt_bind_form_t *form = &view->form;
    bool failed = view->result.why != NULL;
    bool live = asked->id != NULL && asked->expires_at > r->request_time;
    bool enter = live || (failed && is_about_code(&view->result));
    apr_interval_time_t wait = view->answer.retry_in;
    const char *values[DTH_VALUES] = {
        [DTH_VALUE_TITLE] = words->title,
        [DTH_VALUE_TEXT] = words->text,
        [DTH_VALUE_BIND] = dth_ep_bind_path(r, req),
        [DTH_VALUE_SIGN_IN] = dth_page_login_path(r, req, view->ticket.return_to),
        [DTH_VALUE_CSRF] = dt_bind_ticket_csrf(r->pool, &view->ticket),
        [DTH_VALUE_COUNTRY] = form->country != NULL ? form->country : DT_PHONE_COUNTRY,
        [DTH_VALUE_PHONE] = form->phone,
        [DTH_VALUE_ASKED] = enter ? "yes" : NULL,
        [DTH_VALUE_FOCUS_PHONE] = !enter || (failed && is_about_phone(&view->result)) ? "yes"
                                                                                      : NULL,
        [DTH_VALUE_SENT_TO] = live ? asked->masked : NULL,
        [DTH_VALUE_DIGITS] = apr_itoa(r->pool, rules->length),
        [DTH_VALUE_MINUTES] = apr_itoa(r->pool, (seconds(rules->lifetime) + 59) / 60),
    };

    if (wait == 0 && asked->id != NULL) {
        wait = asked->resend_at - r->request_time;
    }
    set_wait(r->pool, language, seconds(wait), values);
    if (failed) {
        set_failure(r->pool, language, view, values);
    }
    return dth_page_html(r, req, failed ? dth_page_status(&view->result) : HTTP_OK,
                         req->site->pages.bind, values);
}

/* --- JSON --- */

/* The documented words, of which scripts may know no more. */
static const char *word(const dt_result_t *result)
{
    if (result->what == DT_UNSURE) {
        return "unavailable";
    }
    return is_about_phone(result) || is_about_code(result) || is(result, DT_WHY_TICKET_GONE) ||
                   is(result, DT_WHY_CSRF)
               ? result->why->name
               : "refused";
}

int dth_bind_page_refusal(request_rec *r, const dth_req_t *req, int status,
                          const dth_bind_view_t *view)
{
    const dt_bind_answer_t *answer = &view->answer;
    const char *text = message(r->pool, dth_page_language(r), &view->result, answer->tries_left);
    json_t *json = json_pack("{s:b, s:s, s:s, s:s}", "ok", 0, "error", word(&view->result),
                             "message", text, "error_id", view->error_id);

    if (answer->tries_left >= 0) {
        json_object_set_new(json, "tries_left", json_integer(answer->tries_left));
    }
    if (answer->retry_in > 0) {
        json_object_set_new(json, "retry_in", json_integer(seconds(answer->retry_in)));
    }
    return dth_page_json_value(r, req, status != 0 ? status : dth_page_status(&view->result), json);
}

int dth_bind_page_sent(request_rec *r, const dth_req_t *req, const dt_bind_answer_t *answer)
{
    return dth_page_json_value(r, req, HTTP_OK,
                               json_pack("{s:b, s:i, s:i}", "ok", 1, "resend_in",
                                         seconds(answer->resend_in), "expires_in",
                                         seconds(answer->expires_in)));
}

int dth_bind_page_go(request_rec *r, const dth_req_t *req, const char *location)
{
    return dth_page_json_value(r, req, HTTP_OK,
                               json_pack("{s:b, s:s}", "ok", 1, "location", location));
}
