/* SPDX-License-Identifier: Apache-2.0 */
/* A main() for fuzz targets that feeds them every file of a corpus, so any compiler can replay it.
 *
 * usage: fuzz_x [-option]… FOLDER|FILE…
 *
 * libFuzzer is another main() for the same targets; its options are accepted and ignored here, so
 * one command line fits both. A folder that is missing or empty fails: a replay of nothing would
 * pass for a test.
 */

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATH_SIZE = 4096, INPUT_MAX = 16 * 1024 * 1024 };

/* Runs one file. The copy is exactly as long as the file, so that a sanitizer sees any overread. */
static int replay_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(size ? size : 1);
    int failed = 1;

    if (!file || !data || size > INPUT_MAX || fread(data, 1, size, file) != size) {
        fprintf(stderr, "%s: cannot read it\n", path);
        goto leave;
    }
    /* Should the target crash, the last line of the log names the input. */
    printf("%s (%zu bytes)\n", path, size);
    fflush(stdout);
    LLVMFuzzerTestOneInput(data, size);
    failed = 0;

leave:
    free(data);
    if (file) {
        fclose(file);
    }
    return failed;
}

static int replay_folder(const char *folder)
{
    char path[PATH_SIZE];
    struct dirent *entry;
    struct stat st;
    int files = 0;
    int failed = 0;
    DIR *dir = opendir(folder);

    if (!dir) {
        fprintf(stderr, "%s: no such folder\n", folder);
        return 1;
    }
    while ((entry = readdir(dir)) != NULL) {
        int length = snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (length < 0 || (size_t)length >= sizeof(path)) {
            fprintf(stderr, "%s: path too long\n", folder);
            failed = 1;
        }
        else if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
            files++;
            failed |= replay_file(path, (size_t)st.st_size);
        }
    }
    closedir(dir);
    if (files == 0) {
        fprintf(stderr, "%s: no file in it\n", folder);
        return 1;
    }
    return failed;
}

int main(int argc, char **argv)
{
    int places = 0;
    int failed = 0;

    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (argv[i][0] == '-') {
            continue;
        }
        places++;
        if (stat(argv[i], &st) == 0 && S_ISREG(st.st_mode)) {
            failed |= replay_file(argv[i], (size_t)st.st_size);
        }
        else {
            failed |= replay_folder(argv[i]);
        }
    }
    if (places == 0) {
        fprintf(stderr, "usage: %s [-option] FOLDER|FILE\n", argv[0]);
        return 2;
    }
    return failed;
}
