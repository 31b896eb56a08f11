/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that all children share. */
#ifndef DTH_SHARED_H
#define DTH_SHARED_H

#include <apr_errno.h>
#include <apr_pools.h>

/**
 * size bytes that the children see and write in common: made before they are forked. All are zero,
 * as the system gives them (mmap of no file, shmget), and a page takes memory when it is written.
 * They go with pool, which belongs to the process for what is to outlive a graceful restart.
 * @return APR_SUCCESS, or what the system says; *memory is untouched then
 */
apr_status_t dth_shared_make(apr_pool_t *pool, apr_size_t size, void **memory);

#endif
