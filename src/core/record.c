/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds-checked writing and reading of the small binary records we seal. */
#include "core/record.h"

#include <string.h>

#define TEXT_MAX 65535
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

void dt_write_u64(dt_writer_t *w, apr_uint64_t value)
{
    unsigned char *room = claim(w, 8);

    for (int i = 0; room && i < 8; i++) {
        room[i] = (unsigned char)(value >> (56 - 8 * i));
    }
}

void dt_write_time(dt_writer_t *w, apr_time_t time)
{
    if (time < 0) {
        w->failed = true;
        return;
    }
    dt_write_u64(w, (apr_uint64_t)(time / MILLISECOND));
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
    if (text.len > TEXT_MAX || (text.len > 0 && memchr(text.data, '\0', text.len))) {
        w->failed = true;
        return;
    }
    dt_write_u8(w, (unsigned)(text.len >> 8));
    dt_write_u8(w, (unsigned)(text.len & 0xff));
    dt_write_bytes(w, text.data, text.len);
    dt_write_u8(w, 0);
}

void dt_reader_init(dt_reader_t *r, dt_slice_t record)
{
    /* An empty slice may have no address, and arithmetic on NULL is not defined. */
    const unsigned char *at = (const unsigned char *)(record.len > 0 ? record.data : "");

    *r = (dt_reader_t){at, at + record.len, false};
}

/* The next len bytes, or NULL with failed set. */
static const unsigned char *take(dt_reader_t *r, apr_size_t len)
{
    const unsigned char *at = r->at;

    if (r->failed || len > (apr_size_t)(r->end - at)) {
        r->failed = true;
        return NULL;
    }
    r->at += len;
    return at;
}

unsigned dt_read_u8(dt_reader_t *r)
{
    const unsigned char *at = take(r, 1);

    return at ? *at : 0;
}

apr_uint64_t dt_read_u64(dt_reader_t *r)
{
    const unsigned char *at = take(r, 8);
    apr_uint64_t value = 0;

    for (int i = 0; at && i < 8; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

apr_time_t dt_read_time(dt_reader_t *r)
{
    apr_uint64_t milliseconds = dt_read_u64(r);

    if (milliseconds > APR_INT64_MAX / MILLISECOND) {
        r->failed = true;
        return 0;
    }
    return (apr_time_t)milliseconds * MILLISECOND;
}

void dt_read_bytes(dt_reader_t *r, void *out, apr_size_t len)
{
    const unsigned char *at = take(r, len);

    if (len == 0) {
        return;
    }
    if (at) {
        memcpy(out, at, len);
    }
    else {
        memset(out, 0, len);
    }
}

dt_slice_t dt_read_text(dt_reader_t *r)
{
    const unsigned char *size = take(r, 2);
    apr_size_t len = size ? (apr_size_t)size[0] << 8 | size[1] : 0;
    const unsigned char *text = take(r, len + 1);

    /* The first NUL must be the terminator: then C and we agree on where the text ends. */
    if (!text || memchr(text, '\0', len + 1) != text + len) {
        r->failed = true;
        return (dt_slice_t){"", 0};
    }
    return (dt_slice_t){(const char *)text, len};
}

bool dt_reader_done(const dt_reader_t *r)
{
    return !r->failed && r->at == r->end;
}
