/* SPDX-License-Identifier: Apache-2.0 */
/* The state directory: what the module keeps on disk by itself. */
#include "httpd/state.h"

#include "core/bytes.h"
#include "core/seal.h"

#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <unixd.h>

#include <openssl/crypto.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_FILE "key"
#define KEY_BYTES 48 /* random bytes: 64 characters of text */
#define KEY_FILE_MAX 4096
#define NOT_PLAIN APR_FROM_OS_ERROR(ELOOP) /* a link, or whatever is no file */

/* True when there is nothing of others in the directory. */
static bool is_ours(apr_pool_t *ptemp, const char *directory)
{
    static const char *const ours[] = {KEY_FILE, "dingtalk.db", NULL}; /* names begin so */
    apr_dir_t *dir;
    apr_finfo_t entry;
    bool foreign = false;

    if (apr_dir_open(&dir, directory, ptemp) != APR_SUCCESS) {
        return false;
    }
    while (!foreign && apr_dir_read(&entry, APR_FINFO_NAME, dir) == APR_SUCCESS) {
        foreign = strcmp(entry.name, ".") != 0 && strcmp(entry.name, "..") != 0;
        for (int i = 0; foreign && ours[i] != NULL; i++) {
            foreign = strncmp(entry.name, ours[i], strlen(ours[i])) != 0;
        }
    }
    apr_dir_close(dir);
    return !foreign;
}

apr_status_t dth_state_prepare(apr_pool_t *ptemp, const char *directory)
{
    apr_status_t rv =
        apr_dir_make(directory, APR_FPROT_UREAD | APR_FPROT_UWRITE | APR_FPROT_UEXECUTE, ptemp);

    if (APR_STATUS_IS_ENOENT(rv)) { /* parents are readable for all, as mkdir -p makes them */
        const char *slash = strrchr(directory, '/');
        const char *parent = apr_pstrmemdup(ptemp, directory, (apr_size_t)(slash - directory));

        rv = apr_dir_make_recursive(parent, APR_FPROT_OS_DEFAULT, ptemp);
        if (rv == APR_SUCCESS) {
            rv = apr_dir_make(directory, APR_FPROT_UREAD | APR_FPROT_UWRITE | APR_FPROT_UEXECUTE,
                              ptemp);
        }
    }
    if (rv != APR_SUCCESS && !APR_STATUS_IS_EEXIST(rv)) {
        return rv;
    }
    if (APR_STATUS_IS_EEXIST(rv) && !is_ours(ptemp, directory)) {
        return APR_SUCCESS;
    }
    if (geteuid() == 0 &&
        chown(directory, ap_unixd_config.user_id, ap_unixd_config.group_id) != 0) {
        return APR_FROM_OS_ERROR(errno);
    }
    return apr_file_perms_set(directory, APR_FPROT_UREAD | APR_FPROT_UWRITE | APR_FPROT_UEXECUTE);
}

/* The text of a key goes with the pool that it is in, not when the memory is wanted again. */
static apr_status_t wipe(void *text)
{
    OPENSSL_cleanse(text, KEY_FILE_MAX + 1);
    return APR_SUCCESS;
}

/* Up to size bytes of an open file. */
static apr_status_t read_all(int file, char *text, apr_size_t size, apr_size_t *len)
{
    *len = 0;
    while (*len < size) {
        const ssize_t got = read(file, text + *len, size - *len);

        if (got < 0 && errno != EINTR) {
            return APR_FROM_OS_ERROR(errno);
        }
        if (got == 0) {
            break;
        }
        *len += got > 0 ? (apr_size_t)got : 0;
    }
    return APR_SUCCESS;
}

/* The directory belongs to httpd's user: what lies there may be a trap set by a child that was
 * taken over, for us who may be root. So a link is never followed and a pipe never waited for, and
 * what is open is looked at, since a name may stand for something else a moment later. */
static apr_status_t open_plain(const char *path, int *file)
{
    struct stat found;
    apr_status_t rv = APR_SUCCESS;

    *file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (*file < 0) {
        return errno == ELOOP || errno == EMLINK || errno == ENXIO ? NOT_PLAIN
                                                                   : APR_FROM_OS_ERROR(errno);
    }
    if (fstat(*file, &found) != 0) {
        rv = APR_FROM_OS_ERROR(errno);
    }
    else if (!S_ISREG(found.st_mode)) {
        rv = NOT_PLAIN;
    }
    if (rv != APR_SUCCESS) {
        close(*file);
    }
    return rv;
}

static apr_status_t read_key(apr_pool_t *p, const char *path, dt_slice_t *key)
{
    apr_size_t len;
    char *text;
    int file;
    apr_status_t rv = open_plain(path, &file);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    text = apr_pcalloc(p, KEY_FILE_MAX + 1);
    apr_pool_cleanup_register(p, text, wipe, apr_pool_cleanup_null);
    rv = read_all(file, text, KEY_FILE_MAX, &len);
    close(file);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    text[len] = '\0';
    *key = (dt_slice_t){text, strcspn(text, "\r\n")};
    return APR_SUCCESS;
}

/* Write a new key beside its final name and link it there: whoever comes second finds the first
 * one's key whole, never half of it. */
static apr_status_t make_key(apr_pool_t *p, const char *path)
{
    unsigned char random[KEY_BYTES];
    apr_file_t *file;
    apr_size_t len;
    dt_slice_t text;
    char *draft = apr_pstrcat(p, path, ".XXXXXX", NULL);
    apr_status_t rv = dt_random(random, sizeof(random));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    text = dt_base64url(p, (dt_slice_t){(const char *)random, sizeof(random)});
    OPENSSL_cleanse(random, sizeof(random));
    rv = apr_file_mktemp(&file, draft, /* mode 0600 */
                         APR_FOPEN_CREATE | APR_FOPEN_WRITE | APR_FOPEN_EXCL, p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    len = text.len;
    rv = apr_file_write_full(file, text.data, len, &len);
    if (rv == APR_SUCCESS) {
        rv = apr_file_datasync(file);
    }
    apr_file_close(file);
    OPENSSL_cleanse((char *)text.data, text.len);
    if (rv == APR_SUCCESS) {
        rv = apr_file_link(draft, path);
    }
    apr_file_remove(draft, p);
    return APR_STATUS_IS_EEXIST(rv) ? APR_SUCCESS : rv;
}

static const char *judge(apr_pool_t *p, const char *path, dt_slice_t key)
{
    return key.len >= DT_KEY_TEXT_MIN
               ? NULL
               : apr_psprintf(p,
                              "the key %s has %" APR_SIZE_T_FMT " bytes, which is less than %d; "
                              "without the file a new one is made, and everybody signs in again",
                              path, key.len, DT_KEY_TEXT_MIN);
}

static const char *no_plain_file(apr_pool_t *p, const char *path)
{
    return apr_pstrcat(p, "the key ", path, " is no plain file", NULL);
}

/* What is no directory the directive has refused. Whoever may not look there, as httpd -t of
 * somebody else, finds nothing wrong. */
const char *dth_state_check(apr_pool_t *p, const char *directory)
{
    const char *path = apr_pstrcat(p, directory, "/" KEY_FILE, NULL), *wrong = NULL;
    dt_slice_t key;
    apr_status_t rv = read_key(p, path, &key);

    if (rv == NOT_PLAIN) {
        wrong = no_plain_file(p, path);
    }
    else if (rv == APR_SUCCESS) {
        wrong = judge(p, path, key);
    }
    return wrong == NULL ? NULL : apr_pstrcat(p, "DingTalkStateDir: ", wrong, NULL);
}

const char *dth_state_key(apr_pool_t *p, const char *directory, dt_slice_t *key)
{
    const char *path = apr_pstrcat(p, directory, "/" KEY_FILE, NULL);
    apr_status_t rv = read_key(p, path, key);

    if (APR_STATUS_IS_ENOENT(rv)) {
        rv = make_key(p, path);
        if (rv == APR_SUCCESS) {
            rv = read_key(p, path, key);
        }
    }
    if (rv == NOT_PLAIN) {
        return no_plain_file(p, path);
    }
    if (rv != APR_SUCCESS) {
        return apr_psprintf(p, "the key %s cannot be used: %pm", path, &rv);
    }
    return judge(p, path, *key);
}
