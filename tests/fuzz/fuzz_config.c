/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_config: any bytes as a configuration file: read whole or refused with a place and a reason. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char why[CONFIG_WHY_MAX] = "";
    struct config *config = NULL;
    FILE *stream = size > 0 ? fmemopen((void *)data, size, "r") : NULL;

    if (!stream)
        return 0;
    if (config_read_stream(stream, "fuzz.conf", &config, why, sizeof why) == 0) {
        if (!config->name || !config->path_template)
            abort();
    } else if (config || strncmp(why, "fuzz.conf:", 10) != 0) {
        abort();
    }
    config_free(config);
    fclose(stream);
    return 0;
}
