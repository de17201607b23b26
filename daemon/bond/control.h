/* SPDX-License-Identifier: GPL-2.0-or-later */
/* control: the capsules by which the two ends of a bonded session steer it: LEG_ROLE, SCHEDULER, LEG_REPORT, CLOSE,
 * ARRIVED. They go on the request stream of any leg of the session, urgent ones on all live legs, so they may come
 * twice and out of order: each has a serial number, and of each kind and leg only the newest counts.
 *
 * A capsule's value begins with leg (8) and serial (32), then what its kind says; bytes after that are ignored, so that
 * later versions can add fields. Numbers are in network order, counters are variable-length integers:
 *
 *     LEG_ROLE    leg, serial, state (8), priority (8), weight (16)
 *     SCHEDULER   255, serial, name length (8), name
 *     LEG_REPORT  leg, serial, packets (i), bytes (i), duplicates (i), repaired (i), late (i)
 *     CLOSE       255, serial, reason length (8), reason
 *     ARRIVED     255, serial, first (32), run count (8), runs (i)
 *
 * Standards: RFC 9297 section 3 (capsules; the types are of its provisional range), RFC 1982 (serial numbers). */
#ifndef MPVPN_BOND_CONTROL_H
#define MPVPN_BOND_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTROL_LEG_ROLE 0x2d6d7670ull   /**< capsule type: what a leg is to be for what the receiver sends */
#define CONTROL_SCHEDULER 0x2d6d7671ull  /**< capsule type: the scheduler wanted (client) or in use (server) */
#define CONTROL_LEG_REPORT 0x2d6d7672ull /**< capsule type: what was received on a leg */
#define CONTROL_CLOSE 0x2d6d7673ull      /**< capsule type: the session ends now */
#define CONTROL_ARRIVED 0x2d6d7674ull    /**< capsule type: which packets have come, to who asked by a mark */

#define CONTROL_LEG_NONE 255u       /**< in place of a leg: the whole session */
#define CONTROL_WORD_MAX 32u        /**< bytes: longest scheduler name or close reason */
#define CONTROL_RUN_MAX 0x3fffffffu /**< packets of a run: what four bytes hold */
#define CONTROL_RUNS_MAX 15u        /**< runs of packets in one capsule; it begins and ends with some that came */
#define CONTROL_MAX 80u             /**< bytes: longest capsule that is written, header included */

/* Reasons of CLOSE; others may come. */
#define CONTROL_DONE "done"         /**< this end was told to stop */
#define CONTROL_REPLACED "replaced" /**< a newer session took the user's address, or the limit of sessions was met */
#define CONTROL_REMOVED "removed"   /**< the operator closed the session or removed the user */

/** State of a leg for what the receiver of LEG_ROLE sends. */
enum control_leg_state {
    CONTROL_UP,       /**< use it */
    CONTROL_STANDBY,  /**< use it when no leg is up: role backup */
    CONTROL_DRAINING, /**< send nothing new on it, it will be closed */
    CONTROL_DOWN,     /**< it does not work any more; do not wait for it */
    CONTROL_STATES
};

/** Contents of LEG_ROLE. */
struct control_leg_role {
    enum control_leg_state state; /**< may it be used */
    uint8_t priority;             /**< smaller is preferred */
    uint16_t weight;              /**< share */
    bool when_full;               /**< standby: used when the legs that are up cannot carry the traffic, too */
    uint32_t rate_kbps;           /**< most that is to be sent on it, kbit/s; 0: no limit */
};

/** Contents of LEG_REPORT: receive-side counters of a leg since it was opened. */
struct control_leg_report {
    uint64_t packets;    /**< bonded packets */
    uint64_t bytes;      /**< of IP packets in them */
    uint64_t duplicates; /**< of them, already there by another copy */
    uint64_t repaired;   /**< of them, filled a gap in time */
    uint64_t late;       /**< of them, came after their gap had been released */
};

/** Contents of ARRIVED: from first on so many packets of the session came, so many are missing, so many came, and so on
 * by turns. Of what follows the last run nothing is said. */
struct control_arrived {
    uint32_t first;                  /**< sequence of the first packet */
    uint8_t count;                   /**< runs */
    uint32_t runs[CONTROL_RUNS_MAX]; /**< packets of each; only the first may be of none */
};

/** One capsule. */
struct control_capsule {
    uint64_t type;   /**< CONTROL_LEG_ROLE … */
    uint8_t leg;     /**< number of the leg it is about; CONTROL_LEG_NONE for SCHEDULER, CLOSE and ARRIVED */
    uint32_t serial; /**< the sender counts its capsules of a session, starting anywhere */
    union {
        struct control_leg_role role;     /**< CONTROL_LEG_ROLE */
        struct control_leg_report report; /**< CONTROL_LEG_REPORT */
        struct control_arrived arrived;   /**< CONTROL_ARRIVED */
        char word[CONTROL_WORD_MAX + 1]; /**< CONTROL_SCHEDULER, CONTROL_CLOSE: a-z, 0-9, "_" and "-", NUL-terminated */
    };
};

#define CONTROL_KINDS 5u         /**< kinds of capsules */
#define CONTROL_SERIALS_LEGS 16u /**< legs whose serials lie together */

/** Newest serials that came of legs with neighbouring numbers. */
struct control_serials_part {
    uint32_t newest[CONTROL_KINDS][CONTROL_SERIALS_LEGS]; /**< by kind and leg */
    uint16_t known[CONTROL_KINDS];                        /**< bit: one came of the leg */
};
/** Newest serials that came; zeroed: none yet. One for a session. */
struct control_serials {
    struct control_serials_part *parts[256 / CONTROL_SERIALS_LEGS]; /**< made when one comes; owned */
};

/**
 * Decode a capsule's value.
 * @return 0; -ENOENT: not one of these types; -EBADMSG: malformed (H3_MESSAGE_ERROR, RFC 9297 section 3.3)
 */
int control_decode(uint64_t type, const uint8_t *value, size_t length, struct control_capsule *out);
/** Encode a capsule with its type and length. @return bytes; 0: no room, or contents that control_decode() would refuse
 */
size_t control_encode(const struct control_capsule *capsule, uint8_t *out, size_t size);
/** Whether a capsule is newer than all of its kind and leg before, and take note of it. Without memory it is not. */
bool control_is_news(struct control_serials *serials, const struct control_capsule *capsule);
/** Forget all that came. */
void control_serials_fini(struct control_serials *serials);
/** A leg's state in words: "up", "standby", "draining", "down". */
const char *control_leg_state_name(enum control_leg_state state);

#endif
