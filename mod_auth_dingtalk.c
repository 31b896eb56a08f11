/* SPDX-License-Identifier: Apache-2.0 */
/* The table of contents: which hook of httpd is answered where, and why in that order. */
#include "httpd/accounts_ldap.h"
#include "httpd/authn.h"
#include "httpd/caching.h"
#include "httpd/config.h"
#include "httpd/endpoint.h"
#include "httpd/export.h"
#include "httpd/lifecycle.h"
#include "httpd/request.h"
#include "httpd/site.h"
#include "httpd/status.h"

#include <ap_mmn.h>
#include <ap_provider.h>
#include <http_protocol.h>
#include <http_request.h>
#include <mod_auth.h>

static void register_hooks(apr_pool_t *p)
{
    static const char *const watchdog[] = {"mod_watchdog.c", NULL};

    dth_status_register(p);

    /* Start-up. What can be wrong is found in check_config, which httpd -t runs too; what must
     * be made is made in post_config, which it does not run. */
    ap_hook_pre_config(dth_lifecycle_pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_check_config(dth_site_check, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(dth_lifecycle_post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_optional_fn_retrieve(dth_accounts_ldap_retrieve, NULL, NULL, APR_HOOK_MIDDLE);
    /* Before mod_watchdog starts the thread that does our jobs. */
    ap_hook_child_init(dth_lifecycle_child_init, NULL, watchdog, APR_HOOK_MIDDLE);

    /* First of all: our cookies and forged identity headers are gone before anything, mod_cache
     * and mod_rewrite included, can look at the request. Behind mod_remoteip and the like, which
     * change the connection and not the headers, is not needed. */
    ap_hook_post_read_request(dth_request_begin, NULL, NULL, APR_HOOK_REALLY_FIRST);

    /* The endpoints, in front of ProxyPass / (mod_proxy maps in pre_translate_name since 2.4.49),
     * RewriteRule and Alias, and in front of their handlers. */
#if AP_MODULE_MAGIC_AT_LEAST(20120211, 109)
    ap_hook_pre_translate_name(dth_endpoint_claim, NULL, NULL, APR_HOOK_REALLY_FIRST);
#endif
    ap_hook_translate_name(dth_endpoint_claim, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_map_to_storage(dth_endpoint_not_in_storage, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_check_access_ex(dth_endpoint_allow, NULL, NULL, APR_HOOK_REALLY_FIRST,
                            AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_handler(dth_endpoint_answer, NULL, NULL, APR_HOOK_REALLY_FIRST);

    /* Protected resources. PER_CONF as all modern modules: one hook registered the old way would
     * switch per-configuration authentication off for everyone. */
    ap_hook_check_authn(dth_authn_check, NULL, NULL, APR_HOOK_MIDDLE, AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_force_authn(dth_authn_force, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_note_auth_failure(dth_authn_note_failure, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_fixups(dth_export_fixups, NULL, NULL, APR_HOOK_MIDDLE);
    /* Last: filters of one type run in the order they were added, and mod_headers goes first. */
    ap_hook_insert_filter(dth_caching_insert, NULL, NULL, APR_HOOK_REALLY_LAST);
    ap_hook_insert_error_filter(dth_caching_insert_error, NULL, NULL, APR_HOOK_REALLY_LAST);
}

module AP_MODULE_DECLARE_DATA auth_dingtalk_module = {
    STANDARD20_MODULE_STUFF, dth_config_create_dir, dth_config_merge_dir, dth_config_create_server,
    dth_config_merge_server, dth_directives,        register_hooks,
#if defined(AP_MODULE_FLAG_NONE)
    AP_MODULE_FLAG_NONE,
#endif
};
