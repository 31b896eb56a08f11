/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets of the configuration: written down, or fetched from a file, variable or command. */
#ifndef DTH_SECRET_H
#define DTH_SECRET_H

#include "core/dt.h"
#include "httpd/config.h"

#define DTH_SECRET_MAX 4096 /* bytes of a secret */

/** True when reading the secret runs a command: not under httpd -t. */
bool dth_secret_is_command(const dth_secret_ref_t *ref);

/**
 * Read a secret: the text itself, or the first line, without its newline, of file:PATH (relative
 * to ServerRoot), env:NAME or exec:COMMAND. As root, before the fork; start-up only.
 * @param value in p, NUL-terminated, never empty
 * @return NULL, or what is wrong, which never holds any of the secret
 */
const char *dth_secret_read(apr_pool_t *p, const dth_secret_ref_t *ref, dt_slice_t *value);

/**
 * Read a secret that can be read without running anything, to see whether it is good.
 * @param ref   may be NULL
 * @param value empty for commands and NULL
 * @return NULL, or what is wrong, beginning with the directive's name
 */
const char *dth_secret_peek(apr_pool_t *p, const dth_secret_ref_t *ref, dt_slice_t *value);

#endif
