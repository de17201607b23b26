/* SPDX-License-Identifier: GPL-2.0-or-later */
/* paced: what a sender without any congestion control gets that sends at one pace, and at the best one: the bound for
 * every controller. */
#ifndef MPVPN_SIM_PACED_H
#define MPVPN_SIM_PACED_H

#include "tests/sim/cc/flows.h"

/** What came of a pace. */
struct paced_result {
    double share; /**< of the link's rate that arrived */
    double delay; /**< ms above the one-way delay, mean */
    double drops; /**< share of packets that queue and policer dropped */
};

/** Packets of 1400 bytes go over a run's link, as it is at first, at a pace. @param pace share of the link's rate */
struct paced_result paced_run(const struct flows_settings *settings, double pace);
/** The pace that brings the most without more than these. @param delay ms above the one-way delay */
struct paced_result paced_best(const struct flows_settings *settings, double delay, double drops);
/** @return what the least pace brings that carries a share of the link, or the largest if none does */
struct paced_result paced_share(const struct flows_settings *settings, double share);

#endif
