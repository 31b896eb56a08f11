/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds-checked writing and reading of the small binary records we seal. */
#include "core/record.h"

#include <string.h>

#define MILLISECOND (APR_USEC_PER_SEC / 1000)

void dt_writer_init(dt_writer_t *w, unsigned char *buffer, apr_size_t max)
{
    *w = (dt_writer_t){buffer, 0, max, false};
}

/* Room for len bytes, or NULL with failed set. */
static unsigned char *claim(dt_writer_t *w, apr_size_t len)
{
    unsigned char *room = w->start + w->len;

    if (w->failed || len > w->max - w->len) {
        w->failed = true;
        return NULL;
    }
    w->len += len;
    return room;
}

void dt_write_u8(dt_writer_t *w, unsigned value)
{
    unsigned char *room = value <= 0xff ? claim(w, 1) : NULL;

    if (room) {
        *room = (unsigned char)value;
    }
    else {
        w->failed = true;
    }
}

void dt_write_time(dt_writer_t *w, apr_time_t time)
{
    unsigned char *room = time >= 0 && time <= DT_RECORD_TIME_MAX ? claim(w, DT_RECORD_TIME) : NULL;

    if (!room) {
        w->failed = true;
        return;
    }
    for (int i = 0; i < DT_RECORD_TIME; i++) {
        room[i] = (unsigned char)(time / MILLISECOND >> (8 * (DT_RECORD_TIME - 1 - i)));
    }
}

void dt_write_bytes(dt_writer_t *w, const void *bytes, apr_size_t len)
{
    unsigned char *room = claim(w, len);

    if (room && len > 0) {
        memcpy(room, bytes, len);
    }
}

void dt_write_text(dt_writer_t *w, dt_slice_t text)
{
    if (text.len > 0 && memchr(text.data, '\0', text.len)) {
        w->failed = true;
        return;
    }
    dt_write_bytes(w, text.data, text.len);
    dt_write_u8(w, 0);
}
