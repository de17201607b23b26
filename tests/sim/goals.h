/* SPDX-License-Identifier: GPL-2.0-or-later */
/* goals: what inner flows over a pair of paths are to reach, held against a run of the bond and each path alone in the
 * same world. */
#ifndef MPVPN_SIM_GOALS_H
#define MPVPN_SIM_GOALS_H

#include "pairs.h"

#define GOAL 0    /**< the goal itself */
#define NOT (-1.) /**< nothing: there is no goal, and it would mean little */

/** What a pair must hold. Where a number stands the goal is not met, or is not met safely: it is a regression bound,
 * near what is. (Only vain's may also be stricter than the goal.) */
struct goals {
    const char *pair; /**< of which */
    double best;      /**< percent of the better path alone, at least; the goal: 95 */
    double sum;       /**< percent of both alone, at least; the goal: 85, where round trips differ at most fourfold */
    double ping;      /**< ms, the 95th percentile of a ping beside the flow, at most; the goal: 30 above the same ping
                         beside a load of 90 % on the better path; where round trips differ more than twofold, the
                         shorter one and 50 */
    double least;     /**< percent of what the paths can carry, at least: always a regression bound */
    double vain;      /**< percent of the packets sent again beyond what was lost, at most; the goal: 3 */
};

/** Run the pair, and each path alone as far as a goal asks for it. Fails the test when a bound is not held. */
void goals_check(const struct pair_run *run, const struct goals *goals);
/** The goal of a run's ping, ms. */
double goals_ping(const struct pair_run *run);
/** A run of a pair with one flow, measured from 4 s for 8 s. */
struct pair_run goals_run(const char *pair);

#endif
