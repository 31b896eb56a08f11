/* SPDX-License-Identifier: Apache-2.0 */
/* The files of our pages: built in, or the administrator's. */
#include "httpd/templates.h"

#include "httpd/pages.inc"

#include <apr_file_io.h>
#include <apr_strings.h>

#include <string.h>

#define FILE_MAX (1024 * 1024) /* bytes of a page file: more is surely no page */

const char *const dth_value_names[DTH_VALUES + 1] = {
    [DTH_VALUE_LANG] = "lang",
    [DTH_VALUE_EN] = "en",
    [DTH_VALUE_ZH] = "zh",
    [DTH_VALUE_NONCE] = "nonce",
    [DTH_VALUE_TITLE] = "title",
    [DTH_VALUE_TEXT] = "text",
    [DTH_VALUE_SIGN_IN] = "sign_in",
    [DTH_VALUE_ERROR_ID] = "error_id",
    [DTH_VALUE_STYLE] = "style",
    [DTH_VALUE_SCRIPT] = "script",
    [DTH_VALUE_GO_ON] = "go_on",
    [DTH_VALUE_SIGN_OUT] = "sign_out",
    [DTH_VALUE_RELOAD] = "reload",
    [DTH_VALUE_BIND] = "bind",
    [DTH_VALUE_CSRF] = "csrf",
    [DTH_VALUE_COUNTRY] = "country",
    [DTH_VALUE_PHONE] = "phone",
    [DTH_VALUE_FOCUS_PHONE] = "focus_phone",
    [DTH_VALUE_ASKED] = "asked",
    [DTH_VALUE_SENT_TO] = "sent_to",
    [DTH_VALUE_DIGITS] = "digits",
    [DTH_VALUE_MINUTES] = "minutes",
    [DTH_VALUE_WAIT] = "wait",
    [DTH_VALUE_WAIT_TEXT] = "wait_text",
    [DTH_VALUE_FAILED] = "failed",
    [DTH_VALUE_PHONE_ERROR] = "phone_error",
    [DTH_VALUE_CODE_ERROR] = "code_error",
    [DTH_VALUE_PROBLEM] = "problem",
};

static const char *read_open(apr_pool_t *p, apr_file_t *file, const char *path, const char **text)
{
    apr_finfo_t info;
    apr_size_t len = 0;
    apr_status_t rv = apr_file_info_get(&info, APR_FINFO_SIZE | APR_FINFO_TYPE, file);
    char *buffer;

    if (rv == APR_SUCCESS && (info.filetype != APR_REG || info.size > FILE_MAX)) {
        return apr_psprintf(p, "%s is no file of at most %d bytes", path, FILE_MAX);
    }
    if (rv == APR_SUCCESS) {
        buffer = apr_pcalloc(p, (apr_size_t)info.size + 1);
        rv = apr_file_read_full(file, buffer, (apr_size_t)info.size, &len);
        *text = buffer;
    }
    if (rv != APR_SUCCESS && !APR_STATUS_IS_EOF(rv)) {
        return apr_psprintf(p, "%s cannot be read: %pm", path, &rv);
    }
    return strlen(*text) == len ? NULL : apr_psprintf(p, "%s has a NUL byte in it", path);
}

/* Replace the built-in text by that of the administrator's file, if there is one. */
static const char *read_file(apr_pool_t *p, const char *folder, const char *name, const char **text)
{
    const char *path, *wrong;
    apr_file_t *file;
    apr_status_t rv;

    if (folder == NULL) {
        return NULL;
    }
    path = apr_pstrcat(p, folder, "/", name, NULL);
    rv = apr_file_open(&file, path, APR_FOPEN_READ, 0, p);
    if (APR_STATUS_IS_ENOENT(rv)) {
        return NULL;
    }
    if (rv != APR_SUCCESS) {
        return apr_psprintf(p, "%s cannot be opened: %pm", path, &rv);
    }
    wrong = read_open(p, file, path, text);
    apr_file_close(file);
    return wrong;
}

/* Put text where the page has tag. Its percent signs stay what they are when the page is filled. */
static const char *embed(apr_pool_t *p, const char *page, const char *tag, const char *text)
{
    const char *at = strstr(page, tag);
    char *doubled, *end;

    if (at == NULL) {
        return page;
    }
    doubled = end = apr_palloc(p, 2 * strlen(text) + 1);
    for (; *text != '\0'; text++) {
        if (*text == '%') {
            *end++ = '%';
        }
        *end++ = *text;
    }
    *end = '\0';
    return apr_pstrcat(p, apr_pstrmemdup(p, page, (apr_size_t)(at - page)), doubled,
                       at + strlen(tag), NULL);
}

static const char *load_page(apr_pool_t *p, const char *folder, const char *name, const char **page)
{
    const char *wrong = read_file(p, folder, name, page);

    if (wrong != NULL) {
        return wrong;
    }
    wrong = dt_text_check(p, *page, dth_value_names);
    return wrong == NULL ? NULL : apr_psprintf(p, "%s, %s", name, wrong);
}

static const char *check_folder(apr_pool_t *p, const char *folder)
{
    apr_finfo_t info;
    apr_status_t rv = apr_stat(&info, folder, APR_FINFO_TYPE, p);

    if (rv == APR_SUCCESS && info.filetype != APR_DIR) {
        rv = APR_ENOTDIR;
    }
    return rv == APR_SUCCESS ? NULL : apr_psprintf(p, "%s: %pm", folder, &rv);
}

const char *dth_pages_load(apr_pool_t *pconf, const char *folder, dth_pages_t *pages)
{
    const char *style = page_style_css, *script = page_bind_js;
    const char *wrong = folder == NULL ? NULL : check_folder(pconf, folder);

    *pages = (dth_pages_t){.message = page_message_html, .bind = page_bind_html};
    if (wrong == NULL) {
        wrong = read_file(pconf, folder, "style.css", &style);
    }
    if (wrong == NULL) {
        wrong = read_file(pconf, folder, "bind.js", &script);
    }
    if (wrong == NULL) {
        wrong = load_page(pconf, folder, "message.html", &pages->message);
    }
    if (wrong == NULL) {
        wrong = load_page(pconf, folder, "bind.html", &pages->bind);
    }
    pages->message = embed(pconf, pages->message, "%{style}", style);
    pages->bind = embed(pconf, pages->bind, "%{style}", style);
    pages->bind = embed(pconf, pages->bind, "%{script}", script);
    return wrong;
}
