/* SPDX-License-Identifier: GPL-2.0-or-later */
/* replay: runs a fuzz target over the files of its corpus, where libFuzzer is not linked in.
 *
 * How it works: the program's own name, fuzz_<target>, names the corpus directory tests/fuzz/corpus/<target>/ (or the
 * arguments name files and directories). Each file is handed to the target in a buffer of exactly its size, so that a
 * sanitizer sees every byte read past the end. What is reported is TAP: a target that returns has passed; one that
 * crashes ends the program. What it leaves out: anything random; libFuzzer is for that ("make fuzz").
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** What was run. */
struct replay {
    unsigned count;  /**< files run so far */
    unsigned failed; /**< files that could not be read */
};

/** Read a whole file. @return its bytes (the caller frees them), NULL when it cannot be read */
static uint8_t *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }
    struct stat status;
    uint8_t *data = NULL;
    if (fstat(fileno(file), &status) == 0) {
        *size = (size_t)status.st_size;
        data = malloc(*size > 0 ? *size : 1);
        if (data != NULL && fread(data, 1, *size, file) != *size) {
            free(data);
            data = NULL;
        }
    }
    fclose(file);
    return data;
}

static void replay_file(struct replay *replay, const char *path) {
    size_t size = 0;
    uint8_t *data = read_file(path, &size);
    replay->count++;
    if (data == NULL) {
        replay->failed++;
        printf("not ok %u - %s: %s\n", replay->count, path, strerror(errno));
        return;
    }
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    printf("ok %u - %s\n", replay->count, path);
    fflush(stdout);
}

static void replay_path(struct replay *replay, const char *path) {
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode)) {
        replay_file(replay, path);
        return;
    }
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char file[PATH_MAX];
        if (entries[i]->d_name[0] != '.' &&
            snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name) < (int)sizeof(file)) {
            replay_file(replay, file);
        }
        free(entries[i]);
    }
    free(entries);
}

int main(int argc, char **argv) {
    struct replay replay = {0};
    const char *name = strrchr(argv[0], '/');
    name = name != NULL ? name + 1 : argv[0];
    const char *target = strstr(name, "fuzz_");
    const char *top = getenv("top_srcdir");

    if (argc > 1) {
        for (int i = 1; i < argc; i++) {
            replay_path(&replay, argv[i]);
        }
    } else if (target != NULL) {
        char corpus[PATH_MAX];
        snprintf(corpus, sizeof(corpus), "%s/tests/fuzz/corpus/%s", top != NULL ? top : ".", target + strlen("fuzz_"));
        replay_path(&replay, corpus);
    }
    /* Nothing at all is an input, too. */
    uint8_t *nothing = malloc(1);
    replay.count++;
    LLVMFuzzerTestOneInput(nothing, 0);
    free(nothing);
    printf("ok %u - an empty input\n1..%u\n", replay.count, replay.count);
    return replay.failed == 0 ? 0 : 1;
}
