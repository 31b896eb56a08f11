/* SPDX-License-Identifier: Apache-2.0 */
/* The weighted lists of Accept and Accept-Language (RFC 9110, section 12.4.2 and 12.5). */
#ifndef DT_CORE_ACCEPT_H
#define DT_CORE_ACCEPT_H

#include "core/dt.h"

#define DT_WEIGHT_MAX 1000

/** One element: what is accepted, without its parameters, and how gladly. */
typedef struct dt_accepted_t {
    dt_slice_t range;
    int weight; /* q in thousandths; 0: not accepted, also when q is malformed */
} dt_accepted_t;

/**
 * The next element of the list: start with *cursor at the header's value, until it returns false.
 * Empty elements are passed over.
 */
bool dt_accept_next(const char **cursor, dt_accepted_t *accepted);

#endif
