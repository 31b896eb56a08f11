/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that all children share. */
#include "httpd/shared.h"

#include <apr_shm.h>

apr_status_t dth_shared_make(apr_pool_t *pool, apr_size_t size, void **memory)
{
    apr_shm_t *shm;
    apr_status_t rv = apr_shm_create(&shm, size, NULL, pool);

    if (rv == APR_SUCCESS) {
        *memory = apr_shm_baseaddr_get(shm);
    }
    return rv;
}
