/* SPDX-License-Identifier: Apache-2.0 */
/* Connections to a directory that wait for no byte for ever. */
#ifndef DTH_LDAP_PATIENCE_H
#define DTH_LDAP_PATIENCE_H

#include <apr_errno.h>
#include <apr_pools.h>

/**
 * From now on sockets of libldap's connections have time-outs: of all that this child makes, as
 * mod_ldap makes them. A dt_plug_t's start: in the child, before there are threads. Another library
 * than OpenLDAP's is left as it is.
 * @return APR_SUCCESS
 */
apr_status_t dth_ldap_patience_start(void *unused, apr_pool_t *pchild);

#endif
