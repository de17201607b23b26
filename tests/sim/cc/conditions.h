/* SPDX-License-Identifier: GPL-2.0-or-later */
/* conditions: what links do beside having a rate, a delay, jitter and losses, and what ours must reach under each in
 * `make check`. */
#ifndef MPVPN_SIM_CONDITIONS_H
#define MPVPN_SIM_CONDITIONS_H

#include "tests/sim/cc/flows.h"

/** A condition. */
struct condition {
    const char *name;          /**< for tables */
    struct flows_settings run; /**< but for flow and seed */
    double from, until;        /**< s: judged is what happens between them */
    double share;              /**< of the link that ours reaches at least */
    double queue;              /**< ms of delay above the base that ours costs at most, mean of the ticks */
    double drops;              /**< share of the packets after skip that is dropped at most */
};

/* clang-format off */
static const struct condition conditions[] = {
    {"rate 50M to 10M", {.path = {50, 20, 0}, .change = {{5, {10, 20, 0}}}, .skip = 5, .seconds = 10},
     7, 10, 0.95, 30, 0.01},
    {"rate 10M to 50M", {.path = {10, 20, 0}, .change = {{5, {50, 20, 0}}}, .skip = 5, .seconds = 10},
     7, 10, 0.95, 15, 0.001},
    {"rate 50M to 10M for 6 s",
     {.path = {50, 20, 0}, .change = {{5, {10, 20, 0}}, {11, {50, 20, 0}}}, .skip = 11, .seconds = 16},
     13, 16, 0.95, 15, 0.001},
    {"rate 50M to 25M", {.path = {50, 20, 0}, .change = {{5, {25, 20, 0}}}, .skip = 5, .seconds = 10},
     7, 10, 0.95, 15, 0.001},
    {"rate 5M to 100M", {.path = {5, 30, 0}, .change = {{5, {100, 30, 0}}}, .skip = 5, .seconds = 11},
     8, 11, 0.95, 15, 0.001},
    {"rate 100M to 2M", {.path = {100, 30, 0}, .change = {{5, {2, 30, 0}}}, .skip = 16, .seconds = 20},
     16, 20, 0.95, 150, 0.01},
    {"RTT 40 to 120 ms", {.path = {50, 20, 0}, .change = {{5, {50, 60, 0}}}, .skip = 5, .seconds = 12},
     7, 12, 0.9, 10, 0.001},
    {"RTT 120 to 40 ms", {.path = {50, 60, 0}, .change = {{5, {50, 20, 0}}}, .skip = 5, .seconds = 12},
     7, 12, 0.95, 35, 0.001},
    {"RTT 20 to 600 ms", {.path = {20, 10, 0}, .change = {{5, {20, 300, 0}}}, .skip = 5, .seconds = 20},
     10, 20, 0.7, 20, 0.001},
    {"loss 0 to 5 %", {.path = {50, 20, 0}, .change = {{5, {50, 20, 0.05}}}, .skip = 5, .seconds = 12},
     7, 12, 0.95, 12, 0.001},
    {"loss 5 to 0 %", {.path = {50, 20, 0.05}, .change = {{5, {50, 20, 0}}}, .skip = 5, .seconds = 12},
     7, 12, 0.95, 15, 0.001},
    {"bursts of losses, 0.5 %",
     {.path = {50, 20, 0}, .burst_enter = 0.001, .burst_leave = 0.1, .burst_loss = 0.5, .skip = 5, .seconds = 15},
     5, 15, 0.93, 12, 0.001},
    {"bursts of losses, 5 %",
     {.path = {50, 20, 0}, .burst_enter = 0.002, .burst_leave = 0.02, .burst_loss = 0.5, .skip = 5, .seconds = 15},
     5, 15, 0.65, 12, 0.001},
    {"reordering, 20±1ms", {.path = {50, 20, 0}, .jitter = 1, .reorder = true, .skip = 5, .seconds = 15},
     5, 15, 0.95, 12, 0.001},
    {"reordering, 20±5ms", {.path = {50, 20, 0}, .jitter = 5, .reorder = true, .skip = 5, .seconds = 15},
     5, 15, 0.95, 10, 0.001},
    {"policer 20M, bucket of 20 ms", {.path = {50, 20, 0}, .police = 20, .police_ms = 20, .skip = 5, .seconds = 20},
     5, 20, 0.95, 5, 0.03},
    {"policer 20M, bucket of 200 ms", {.path = {50, 20, 0}, .police = 20, .police_ms = 200, .skip = 5, .seconds = 20},
     5, 20, 0.95, 5, 0.03},
    {"queue of 10 packets, RTT 2 ms", {.path = {50, 1, 0}, .queue = 15, .skip = 3, .seconds = 10},
     3, 10, 0.95, 4, 0.17},
    {"queue of 10 packets, RTT 40 ms", {.path = {50, 20, 0}, .queue = 99, .skip = 5, .seconds = 15},
     5, 15, 0.95, 4, 0.005},
    {"queue of 10 s", {.path = {5, 20, 0}, .queue = 4500, .skip = 5, .seconds = 25},
     5, 25, 0.95, 25, 0},
    {"acknowledgements each 5 ms", {.path = {50, 20, 0}, .gather = 5, .skip = 5, .seconds = 15},
     5, 15, 0.95, 12, 0},
    {"acknowledgements each 20 ms", {.path = {50, 20, 0}, .gather = 20, .skip = 5, .seconds = 15},
     5, 15, 0.95, 12, 0},
    {"CE marks from 2 ms of queue", {.path = {50, 20, 0}, .mark = 2, .skip = 5, .seconds = 15},
     5, 15, 0.95, 8, 0},
    {"50 kbit/s, RTT 100 ms", {.path = {0.05, 50, 0}, .skip = 20, .seconds = 60},
     20, 60, 0.95, 400, 0},
    {"1 Mbit/s, RTT 60 ms", {.path = {1, 30, 0}, .skip = 5, .seconds = 25},
     5, 25, 0.95, 80, 0},
    {"2.5 Gbit/s, RTT 10 ms", {.path = {2500, 5, 0}, .queue = 5000, .skip = 1, .seconds = 1.5},
     1, 1.5, 0.95, 3, 0.002},
    {"1 Gbit/s, RTT 0.1 ms", {.path = {1000, 0.05, 0}, .skip = 0.5, .seconds = 1.5},
     0.5, 1.5, 0.95, 4, 0.001},
    {"20 Mbit/s, RTT 1 s", {.path = {20, 500, 0}, .queue = 2000, .skip = 20, .seconds = 35},
     20, 35, 0.85, 70, 0.002},
    {"idle for 3 s", {.path = {50, 20, 0}, .idle_from = 5, .idle_until = 8, .skip = 8, .seconds = 12},
     8.5, 12, 0.95, 15, 0},
    {"half the rate, then all", {.path = {50, 20, 0}, .limit = 25, .limit_until = 8, .skip = 8, .seconds = 12},
     9, 12, 0.95, 15, 0},
    {"2 Mbit/s of 50, then all", {.path = {50, 20, 0}, .limit = 2, .limit_until = 8, .skip = 8, .seconds = 12},
     9, 12, 0.95, 15, 0},
    {"5 Mbit/s of 50, 20±5ms, then all",
     {.path = {50, 20, 0}, .jitter = 5, .limit = 5, .limit_until = 8, .skip = 8, .seconds = 12},
     9, 12, 0.95, 28, 0},
    {"half the rate, 20±20ms, then all",
     {.path = {50, 20, 0}, .jitter = 20, .limit = 25, .limit_until = 8, .skip = 8, .seconds = 14},
     10, 14, 0.85, 75, 0},
    {"20 Mbit/s of 100, 50±25ms 1 %, then all",
     {.path = {100, 50, 0.01}, .jitter = 25, .limit = 20, .limit_until = 8, .skip = 8, .seconds = 15},
     11, 15, 0.7, 75, 0.03},
};
/* clang-format on */

#endif
