/* SPDX-License-Identifier: GPL-2.0-or-later */
/* knee_constants: what our congestion controller (knee*.c; knee.c tells how it works) was tuned by, in the simulator of
 * tests/sim/cc. A change of one is a change of behaviour: run "make bench-cc" before and after. */
#ifndef MPVPN_QUIC_KNEE_CONSTANTS_H
#define MPVPN_QUIC_KNEE_CONSTANTS_H

#define INITIAL_PACKETS 10.0  /* packets: first window */
#define DEAD_LEAST 2e8        /* ns: a path without an answer for so long, and for 4 RTT, was dead */
#define DEAD_UNKNOWN 3e9      /* ns: … or so long, if nothing is known of its RTT */
#define MIN_PACKETS 4.0       /* packets: least window */
#define WINDOW_MAX 4e9        /* bytes */
#define ROUND_MIN 2000000ull  /* ns: a round lasts this long at least */
#define START_FAST 88.0       /* packets: start-up doubles up to this window … */
#define START_GROWTH 0.22     /* … and grows by this share of it a round after */
#define START_PACE 1.3        /* … at this times the pace that the window needs */
#define START_ROUNDS 4u       /* rounds before start-up can end by delay */
#define START_FULL 0.5        /* of a full packet: who sends less fills windows if he makes a queue, … */
#define START_FILLED 3u       /* … so many rounds' */
#define START_PACKETS 5u      /* packets of a round below which it says nothing of a loaded path */
#define START_LOSS 0.06       /* share of losses, above twice that of the rounds before, that ends start-up … */
#define START_LOSS_MOST 0.15  /* … but never more than this */
#define START_LOSS_NOISY 0.02 /* … behind noise so much above it … */
#define START_LOST_NOISY 30.0 /* … and so many packets, for losses may come in runs */
#define START_KNOWN 20.0      /* packets: what start-up lost tells as much of the path as so many */
#define START_DRAIN 0.75      /* share of the rate found that is used until the queue is gone */
#define START_NOISY 0.65      /* share of the base, of three jitters, from which a path is noisy … */
#define START_ALIKE 6.0       /* … if one is less than so many of the least distance below: … */
#define START_LATE 0.75       /* … its last round must be so much of late, too, … */
#define GUESS_CLIMB 0.08      /* … and the pace, which is a guess, then climbs so fast in a round, at least; … */
#define GUESS_NOISE 1.0       /* … behind noise so many noises of delay are no queue for each factor of e … */
#define GUESS_FAR 2.0         /* … up to so many factors */
#define QUIET_QUARTERS 16     /* quarters of rounds from which on noise is believed to be no less than the least mean */
#define CALM 0.35             /* noise, at least, in the least mean distance from a round's mean … */
#define CALM_PACKETS 8u       /* … of so many packets */
#define FLAT 0.55             /* share of the window's growth that shows in the round-trip time: the path is full */
#define SLOW 1e8              /* ns: a first round slower than this and 3.5 packets ends start-up */
#define BASE_SPAN 1e10        /* ns: the least round-trip time is of the last one or two of these, … */
#define BASE_ROUNDS 40.0      /* … but of so many round-trip times at least */
#define BUMP 5.0              /* noises that a loaded path's round-trip time is above an idle one's */
#define USED 0.8              /* share of its window or pace that a round must have used to be believed */
#define QUEUE_MIN 1e6         /* ns: queue that counts as one, at least, … */
#define QUEUE_MAX 6e6         /* ns: … and at most, without noise … */
#define QUEUE_SHARE 0.125     /* … and as a share of the round-trip time … */
#define QUEUE_NOISE 2.5       /* … and so many noises more */
#define STALL 1e7             /* ns: hosts stop for so long now and then, all that was on the way included */
#define SILENT 3e6            /* ns: a silence is at least so long, … */
#define SILENT_GAPS 4.0       /* … and so many times the usual time between acknowledgements, … */
#define SILENT_USUAL 0.25 /* (of which more than this share of the base, and two packets at the pace, is not usual) */
#define SILENT_NOISE 8.0  /* … and noises; … */
#define SILENT_BURST 8.0  /* … so many packets at least are acknowledged at its end, … */
#define SILENT_SHARE 0.5  /* … or this share of what the pace sends in it; … */
#define SILENT_WORK 0.5   /* bytes a ns: … what piled up is worked off at this rate, … */
#define SILENT_WORK_MOST 0.5 /* … in this part of it at most */
#define SILENT_MOST 5e7      /* ns: the window has room for so long a silence … */
#define SILENT_FADES 2e9     /* ns: … and forgets it in such a time */
#define SPAN_ROUNDS 4.0      /* rates are averaged over so many round-trip times … */
#define SPAN_NOISE 25.0      /* … and noises: the error is some two percent */
#define CLIMB 0.03           /* growth of ln(pace) in one span at CLIMB_RATE */
#define CLIMB_RATE 6.25e-3   /* bytes a ns: 50 Mbit/s */
#define EVEN_LEAST 0.25      /* factor on that for faster paces at least … */
#define EVEN_MOST 10.0       /* … and for slower ones at most, … */
#define NOISY 5e6            /* … but 1 where noise, of so many ns at least, hides a queue, … */
#define EVEN_NOISY 0.5       /* … or this, if the path keeps the order, … */
#define EVEN_STEP 0.12       /* … and growth in a round at most */
#define CLIMB_FREE 0.04      /* having climbed so far, times that factor, without a queue, it climbs faster */
#define CLIMB_MOST 0.05      /* growth in a round at most … */
#define CLIMB_FAR 0.7        /* … but having climbed so far … */
#define CLIMB_FASTEST 0.2    /* … this */
#define GENTLE 0.25          /* factor on the climb after losses … */
#define GENTLE_MET 0.5       /* … in a queue … */
#define MET 0.5              /* … of so many margins, which also tells the path's own losses from a queue's */
#define HOLD 1500000000ull   /* ns: the climb is a fifth of that, if there is some queue */
#define RESERVE 0.97         /* share of the path's rate used at first after a drain */
#define DRAIN_LOSSY 0.92     /* share of it in a drain for losses, long enough to count the path's own: … */
#define DRAIN_ROUNDS 5u      /* … so many rounds */
#define FALLS 0.2            /* margins by which the round-trip time falls in a round while a queue drains */
#define DRAIN_LEAST 0.75     /* least share of it in a drain */
#define HEADROOM 1.25        /* window, in what the pace needs; … */
#define HEADROOM_FAST 1.05   /* … while it climbs fast */
#define FAILED 5u            /* drains without effect that make it crowded */
#define JUMP 4.0             /* margins by which no queue of ours grows in a round: another path, or a rate that fell */
#define REBASE 5.0           /* noises that raise the base when a drain has no effect */
#define REBASE_LEFT 0.6      /* margins that are left of a queue when noise raises it after a whole drain … */
#define REBASE_RATE 1.3      /* … at so much more than the rate at which it was found */
#define CROWDED_GOAL 0.6     /* share wanted where somebody else keeps the queue */
#define HOPELESS 0.3         /* share below which … */
#define HOPELESS_COUNT 14u   /* … for so many decisions crowded mode ends */
#define EMPTY 8u             /* rounds without a queue that end it, too: BBR empties queues for a while */
#define GAIN 0.15            /* step of ln(window) for each unit of share missing, at least the depth */
#define DEPTH 1e7            /* ns: queue that a low round uncovers */
#define DEPTH_MIN 0.08       /* share of the window by which a low round lowers it, at least … */
#define DEPTH_MAX 0.25       /* … at most */
#define LOSS_FADES 0.98      /* weight of the losses of a round in the next … */
#define LOSS_FADES_NOISY 0.5 /* … or this, having climbed where noise in order hides a queue */
#define LATE_SHARE 0.01      /* of what comes: so much more that was declared lost before, … */
#define LATE_LEAST 2.0       /* … and so many packets more, mean a path that changes the order; … */
#define LATE_FADES 0.9       /* … weight of what came in a round in the next */
#define LOSS_MAX 0.25        /* most that a path is believed to lose by itself */
#define LOSS_UNKNOWN 0.02    /* … before anything is known of it */

#endif
