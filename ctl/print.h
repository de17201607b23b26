/* SPDX-License-Identifier: GPL-2.0-or-later */
/* print: the daemon's answers as people, scripts and Prometheus want to see them. */
#ifndef MPVPN_CTL_PRINT_H
#define MPVPN_CTL_PRINT_H

#include <jansson.h>
#include <stdio.h>

#include "ctl/commands.h"

/** Print the answer to a method as text and tables. */
void print_text(FILE *stream, enum command_id command, const json_t *result);
/** Print an answer as one line of JSON. */
void print_json(FILE *stream, const json_t *result);
/** Print the answer of `stats` as OpenMetrics text. */
void print_openmetrics(FILE *stream, const json_t *result);

#endif
