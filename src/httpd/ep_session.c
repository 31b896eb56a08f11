/* SPDX-License-Identifier: Apache-2.0 */
/* The session endpoint: who am I, and for how long, as JSON for the application's own script. */
#include "httpd/endpoint.h"

#include "httpd/page.h"

#include <apr_strings.h>

#include <jansson.h>

static json_t *text(dt_slice_t slice)
{
    json_t *value = json_stringn(slice.data, slice.len);

    return value != NULL ? value : json_null(); /* not UTF-8: DingTalk never sends that */
}

static json_t *seconds(apr_interval_time_t time)
{
    return time < 0 ? json_null() : json_integer(apr_time_sec(time));
}

static json_t *describe(const dth_req_t *req, apr_time_t now)
{
    const dt_session_t *session = &req->session;
    apr_interval_time_t absolute, idle;
    dt_slice_t cursor = session->attributes;
    dt_attribute_t attribute;
    json_t *attributes = json_object(), *root = json_object(), *name = NULL;

    dt_session_left(session, &req->site->login.admit.lifetimes, now, &absolute, &idle);
    while (dt_attribute_next(&cursor, &attribute)) {
        json_object_set_new(attributes, attribute.name.data, text(attribute.value));
    }
    name = json_object_get(attributes, "name");
    json_object_set_new(root, "authenticated", json_true());
    json_object_set_new(root, "user", text(session->user));
    json_object_set_new(root, "corp", json_string(req->site->app.corp_id));
    json_object_set_new(root, "userid", text(session->user_id));
    json_object_set_new(root, "name", name != NULL ? json_incref(name) : json_null());
    json_object_set_new(root, "attributes", attributes);
    json_object_set_new(root, "idle_left", seconds(idle));
    json_object_set_new(root, "lifetime_left", seconds(absolute));
    return root;
}

int dth_ep_session(request_rec *r, dth_req_t *req)
{
    dt_result_t result = dt_result(DT_WHY_UNAVAILABLE, "the session store");
    json_t *root;
    char *dump;
    const char *json = NULL;

    switch (dth_request_session(r, req)) {
    case DTH_NONE:
        return dth_page_login_required_json(r, req, "\"authenticated\":false");
    case DTH_LIVE:
        root = describe(req, r->request_time);
        dump = json_dumps(root, JSON_COMPACT);
        if (dump != NULL) {
            json = apr_pstrdup(r->pool, dump);
            free(dump);
        }
        json_decref(root);
        result = dt_result(DT_WHY_INTERNAL, "the session could not be written down");
        break;
    default:
        break;
    }
    if (json == NULL) {
        dth_page_report(r, &result, NULL);
        return dth_page_json(r, req, HTTP_SERVICE_UNAVAILABLE, "{\"error\":\"unavailable\"}");
    }
    return dth_page_json(r, req, HTTP_OK, json);
}
