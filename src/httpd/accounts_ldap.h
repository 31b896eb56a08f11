/* SPDX-License-Identifier: Apache-2.0 */
/* The attribute store in LDAP, over mod_ldap's pool of connections. */
#ifndef DTH_ACCOUNTS_LDAP_H
#define DTH_ACCOUNTS_LDAP_H

#include "core/ports.h"
#include "httpd/config.h"

/** A directory as configured. Copied. */
typedef struct dth_accounts_ldap_config_t {
    const char *url;     /* as in AuthLDAPURL: ldap[s]://host[:port]/basedn?key?scope?filter */
    const char *bind_dn; /* NULL: anonymous */
    const char *bind_password;
    const char *phone;             /* attribute */
    const char *const *attributes; /* to read into values, up to NULL */
} dth_accounts_ldap_config_t;

/**
 * Make it while the configuration is read. Read only: create and refresh are NULL. Its functions
 * need the request (dt_call_t.glue is the request_rec): they run in requests only.
 * @return NULL, or what is wrong with the URL, a name or the login; also when the module was built
 *         without LDAP
 */
const char *dth_accounts_ldap_create(apr_pool_t *pconf, const dth_accounts_ldap_config_t *config,
                                     const dt_accounts_t **accounts);

/** The optional_fn_retrieve hook: mod_ldap's functions, if it is loaded. */
void dth_accounts_ldap_retrieve(void);

/** Whether mod_ldap is loaded: without it no directory can be asked. After optional_fn_retrieve. */
bool dth_accounts_ldap_available(void);

#endif
