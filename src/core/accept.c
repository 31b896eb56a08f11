/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the weighted lists of Accept and Accept-Language. */
#include "core/accept.h"

#include <apr_lib.h>
#include <string.h>

static dt_slice_t trim(const char *start, const char *end)
{
    while (start < end && (*start == ' ' || *start == '\t')) {
        start++;
    }
    while (end > start && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    return (dt_slice_t){start, (apr_size_t)(end - start)};
}

/* qvalue = "0" or "1", then up to three decimals. */
static int weight_of(dt_slice_t text)
{
    int weight;
    int place = 100;

    if (text.len == 0 || text.len > 5 || (text.data[0] != '0' && text.data[0] != '1')) {
        return 0;
    }
    if (text.len > 1 && text.data[1] != '.') {
        return 0;
    }
    weight = text.data[0] == '1' ? DT_WEIGHT_MAX : 0;
    for (apr_size_t i = 2; i < text.len; i++, place /= 10) {
        if (!apr_isdigit(text.data[i])) {
            return 0;
        }
        weight += (text.data[i] - '0') * place;
    }
    return weight <= DT_WEIGHT_MAX ? weight : 0;
}

/* The weight among parameters like ";level=1;q=0.5"; the whole weight when none is given. */
static int weight_among(const char *start, const char *end)
{
    int weight = DT_WEIGHT_MAX;

    while (start < end) {
        const char *stop = memchr(start, ';', (apr_size_t)(end - start));
        dt_slice_t parameter = trim(start, stop ? stop : end);
        if (parameter.len >= 2 && (parameter.data[0] == 'q' || parameter.data[0] == 'Q') &&
            parameter.data[1] == '=') {
            weight = weight_of((dt_slice_t){parameter.data + 2, parameter.len - 2});
        }
        start = stop ? stop + 1 : end;
    }
    return weight;
}

bool dt_accept_next(const char **cursor, dt_accepted_t *accepted)
{
    while (**cursor) {
        const char *start = *cursor;
        const char *end = start + strcspn(start, ",");
        const char *parameters = memchr(start, ';', (apr_size_t)(end - start));

        *cursor = *end ? end + 1 : end;
        accepted->range = trim(start, parameters ? parameters : end);
        if (accepted->range.len > 0) {
            accepted->weight = parameters ? weight_among(parameters + 1, end) : DT_WEIGHT_MAX;
            return true;
        }
    }
    return false;
}
