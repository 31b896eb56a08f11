/* SPDX-License-Identifier: Apache-2.0 */
/* The module's own pages: which there are, and how they answer in front of everything else. */
#ifndef DTH_ENDPOINT_H
#define DTH_ENDPOINT_H

#include "httpd/request.h"

/** One endpoint below DingTalkPath. */
typedef struct dth_endpoint_t {
    const char *name;  /* with its slash */
    const char *allow; /* the methods it takes, for Allow */
    int (*answer)(request_rec *r, dth_req_t *req);
    bool (*is_there)(const dth_site_t *site); /* NULL: on every site */
} dth_endpoint_t;

/**
 * Any address at or below DingTalkPath is ours. It is claimed before anything can map it
 * (pre_translate_name, translate_name), has no place on disk (map_to_storage: so no .htaccess
 * rewrites it), needs no authorisation (access_checker_ex; "Require" cannot ask somebody to be
 * signed in who wants to sign in) and is answered before mod_proxy's handler.
 */
int dth_endpoint_claim(request_rec *r);
int dth_endpoint_not_in_storage(request_rec *r);
int dth_endpoint_allow(request_rec *r);
int dth_endpoint_answer(request_rec *r);

/** The endpoints, each in a file of its name. */
int dth_ep_login(request_rec *r, dth_req_t *req);
int dth_ep_callback(request_rec *r, dth_req_t *req);
int dth_ep_logout(request_rec *r, dth_req_t *req);
int dth_ep_session(request_rec *r, dth_req_t *req);
int dth_ep_bind(request_rec *r, dth_req_t *req);
int dth_ep_bind_code(request_rec *r, dth_req_t *req);
int dth_ep_bind_verify(request_rec *r, dth_req_t *req);
int dth_ep_event(request_rec *r, dth_req_t *req);

/**
 * Before other sides are asked, which may take its time: whether there is room for one more who
 * waits, as others are to serve who is signed in. If so, dth_ep_leave must follow. If not, result
 * says so; nothing has been spent, and the same request may come again.
 */
bool dth_ep_enter(const dth_req_t *req, int *place, dt_result_t *result);

/**
 * The same before what is done in any case, as far as it can be: where there is no room, databases
 * are not asked any more. dth_ep_leave must follow.
 */
int dth_ep_enter_anyway(dth_req_t *req);

void dth_ep_leave(const dth_req_t *req, int place);

/** Let a person in who has just signed in: the session cookie, and a line in the log. */
void dth_ep_admit(request_rec *r, const dth_req_t *req, const dt_way_t *way);

/** A sign-in has ended: count how, and say in the log when the audit has no row of it. */
void dth_ep_ended(request_rec *r, const dth_req_t *req, const dt_way_t *way,
                  const dt_result_t *result);

/** Whether the browser holds a bind ticket that is still good: then the bind page goes on. */
bool dth_ep_bind_is_open(request_rec *r, dth_req_t *req);

/** The address of the bind page. */
const char *dth_ep_bind_path(request_rec *r, const dth_req_t *req);

/** The safe return address of the query's "return" field; NULL when there is no such field. */
const char *dth_endpoint_return(request_rec *r);

#endif
